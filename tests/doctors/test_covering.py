"""A doctor who stands in for another sees whom that one treats, on those days and no longer."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


async def cover(client: httpx.AsyncClient, admin: Person, doctor: Person, by: Person, **days: str) -> httpx.Response:
    said = {"by_doctor_id": str(by.id), "valid_from": "2031-03-04", "valid_until": "2031-03-05"} | days
    return await client.post(f"/doctors/{doctor.id}/covers", json=said, headers=admin.headers)


async def sees(client: httpx.AsyncClient, doctor: Person, patient: Person, visit_id: Any) -> list[int]:
    """The profile, the records and the visit."""
    paths = (f"/patients/{patient.id}", f"/medical-records/{patient.id}", f"/appointments/{visit_id}")
    return [(await client.get(path, headers=doctor.headers)).status_code for path in paths]


async def test_it_begins_and_ends_with_its_days(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database, admin: Person
) -> None:
    patient, doctor, other = await clinic.patient(), await clinic.doctor(), await clinic.doctor()
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    assert (await cover(client, admin, doctor, other)).status_code == 201
    for days, expected in ((0, 404), (1, 200), (1, 200), (1, 404)):
        clock.advance(timedelta(days=days))
        other = await clinic.log_in(other)
        assert await sees(client, other, patient, visit.id) == [expected] * 3
    # It is no two-way street, nor one that goes on.
    third = await clinic.doctor()
    await cover(client, await clinic.log_in(admin), other, third, valid_from="2031-03-01", valid_until="2031-03-31")
    assert await sees(client, third, patient, visit.id) == [404] * 3


async def test_who_stands_in_writes_about_the_patient_and_does_not_move_the_visit(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database, admin: Person
) -> None:
    patient, doctor, other = await clinic.patient(), await clinic.doctor(), await clinic.doctor()
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(days=2, hours=2))
    made = await cover(client, admin, doctor, other, valid_from="2031-03-03")
    path = f"/medical-records/new-medical-report/{patient.id}"
    assert (await client.post(path, json={"notes": "Better"}, headers=other.headers)).status_code == 201
    assert (await client.delete(f"/appointments/{visit.id}", headers=other.headers)).status_code == 403

    ending = f"/doctors/{doctor.id}/covers/{made.json()['id']}"
    for _ in range(2):
        ended = await client.delete(ending, headers=admin.headers)
        assert ended.json()["ended_at"] == "2031-03-03T08:00:00Z"
    assert (await client.post(path, json={"notes": "Better"}, headers=other.headers)).status_code == 404
    listed = (await client.get(f"/doctors/{doctor.id}/covers", headers=admin.headers)).json()["items"]
    assert listed == [ended.json()]


async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database, admin: Person
) -> None:
    doctor, other, patient = await clinic.doctor(), await clinic.doctor(), await clinic.patient()
    for by, days, field in (
        (doctor, {}, "by_doctor_id"), (patient, {}, "by_doctor_id"),
        (other, {"valid_until": "2031-03-03"}, "valid_until"),
    ):  # fmt: skip
        refused = await cover(client, admin, doctor, by, **days)
        assert (refused.status_code, refused.json()["fields"][0]["name"]) == (422, field)
    assert (await cover(client, admin, patient, other)).status_code == 404
    elsewhere = (await cover(client, admin, doctor, other)).json()["id"]
    assert (await client.delete(f"/doctors/{other.id}/covers/{elsewhere}", headers=admin.headers)).status_code == 404
