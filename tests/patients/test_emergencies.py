"""Opening a record in an emergency: for a while, with a reason, told to the patient and looked at by auditors."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person

WHY = "Unconscious in the waiting room"


async def open_record(client: httpx.AsyncClient, doctor: Person, **said: Any) -> httpx.Response:
    body: Mapping[str, Any] = {"reason": WHY} | said
    return await client.post("/emergency-accesses", json=body, headers=doctor.headers)


async def reads(client: httpx.AsyncClient, doctor: Person, patient: Person) -> list[int]:
    """The profile and the records."""
    paths = (f"/patients/{patient.id}", f"/medical-records/{patient.id}")
    return [(await client.get(path, headers=doctor.headers)).status_code for path in paths]


async def test_a_doctor_sees_the_record_until_it_closes_and_writes_in_it(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    patient, doctor, other = await clinic.patient(), await clinic.doctor(), await clinic.doctor()
    assert await reads(client, doctor, patient) == [404, 404]
    opened = await open_record(client, doctor, patient_id=str(patient.id))
    assert opened.status_code == 201
    assert opened.json()["closes_at"] == "2031-03-03T09:00:00Z"
    assert await reads(client, doctor, patient) == [200, 200]
    assert await reads(client, other, patient) == [404, 404]
    notes = {"notes": "Given glucose", "title": "Emergency"}
    written = await client.post(f"/medical-records/new-medical-report/{patient.id}", json=notes, headers=doctor.headers)
    assert written.status_code == 201
    again = await open_record(client, doctor, patient_id=str(patient.id))
    assert (again.status_code, again.json()["code"]) == (409, "already_treated")

    clock.advance(timedelta(minutes=60))
    doctor = await clinic.log_in(doctor)
    # What they wrote themselves they go on seeing.
    assert await reads(client, doctor, patient) == [404, 200]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"record_number": "{number}"}, 201),
        ({"last_name": "SAMPLE", "first_name": "Pat", "birth_date": "1984-05-17"}, 201),
        ({"last_name": "Sample", "first_name": "Pat", "birth_date": "1984-05-18"}, 404),
        ({"last_name": "Sample", "first_name": "Pat"}, 422),
        ({"record_number": "P-00000000"}, 404),
        ({}, 422),
        ({"record_number": "{number}", "reason": "because"}, 422),
    ],
    ids=str,
)
async def test_the_patient_is_named_in_one_way(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database, said: dict[str, str], status: int
) -> None:
    desk, doctor = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor()
    patient = await clinic.patient()
    path = f"/patients/{patient.id}"
    await client.patch(path, json={"birth_date": "1984-05-17"}, headers=patient.headers)
    number = (await client.get(path, headers=desk.headers)).json()["record_number"]
    answer = await open_record(client, doctor, **{name: text.format(number=number) for name, text in said.items()})
    assert answer.status_code == status, answer.text


async def test_two_of_one_name_and_birth_date_are_nobody(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor = await clinic.doctor()
    for patient in (await clinic.patient(), await clinic.patient()):
        await client.patch(f"/patients/{patient.id}", json={"birth_date": "1984-05-17"}, headers=patient.headers)
    answer = await open_record(client, doctor, last_name="Sample", first_name="Pat", birth_date="1984-05-17")
    assert answer.status_code == 404
