"""The archive has all that is held on the patient, opened, and nothing of anybody else."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import Table

from appointed.accounts.actor import Actor, Role
from appointed.core.db import metadata, transaction
from appointed.core.ids import new_id
from appointed.exports import queries
from appointed.patients.models import Patient
from appointed.records import service as records
from appointed.records.rules import Status
from appointed.records.service import Draft
from tests.support.clock import MONDAY, FixedClock
from tests.support.factories import Clinic, Person

# What names a patient, a visit or a login, and is not in the archive.
NOT_IN_IT = {
    "busy_ticks": "what a visit takes, which is in the visit",
    "doctors": "a doctor's login is no patient's",
    "idempotency_keys": "answers that are kept for a day, to be given once more",
    "staff_assignments": "of staff",
    "group_sessions": "of everybody who takes part",
    "resources": "an id",
    "covers": "of doctors",
    "oauth_clients": "apps and machines; of those with a user of their own, nobody is a patient",
    "oauth_codes": "what an app trades for a session, good for a minute and once",
    "account_links": "what stands in mails, good for a while and once",
    "totp_keys": "what codes are made of; since when there is one is shown at /auth/factors",
    "recovery_codes": "hashes of them",
    "factor_challenges": "hashes of what is answered once, within minutes",
    "emergency_accesses": "that one was opened is in the trail; its reason and what auditors found are the auditors'",
}


async def archive_of(client: httpx.AsyncClient, patient: Person, by: Person) -> dict[str, Any]:
    answer = await client.get(f"/patients/{patient.profile_id}/export", headers=by.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="patient.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name.removeprefix("patient/").removesuffix(".json"): json.loads(archive.read(name))
                for name in archive.namelist()}  # fmt: skip


async def write(clinic: Clinic, doctor: Person, patient: Person, notes: str, status: Status = Status.FINAL) -> None:
    async with transaction(clinic.database.writes) as session:
        await records.write(session, doctor.actor, patient.profile_id, Draft(notes=notes, status=status),
                            clock=clinic.clock)  # fmt: skip


async def test_a_patient_takes_out_all_that_is_held_on_them(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient(phone="+49 30 5550 1234", address="1 Road")
    neighbour = await clinic.patient(phone="+49 30 5550 9999", first_name="Nour")
    for number, who in enumerate((patient, neighbour)):
        at = clock.now() + timedelta(hours=2 + number)
        visit = await clinic.visit(who, doctor, at, reason=f"reason of {number}")
        await write(clinic, doctor, who, f"notes on {number}")
        await write(clinic, doctor, who, "a draft", Status.PRELIMINARY)
        headers = who.headers
        assert (await client.post(f"/appointments/{visit.id}/cancel", headers=headers)).status_code == 200
    found = await archive_of(client, patient, patient)
    [profile], [visit_row], [record] = found["profile"], found["visits"], found["medical-records"]
    assert (profile["phone"], profile["address"], profile["id"]) == ("+49 30 5550 1234", "1 Road", str(patient.id))
    assert (visit_row["reason"], visit_row["status"]) == ("reason of 0", "cancelled")
    assert record["notes"] == "notes on 0"
    assert [login["email"] for login in found["login"]] == [patient.email]
    assert {row["action"] for row in found["who-did-what"]} >= {"patient.register", "appointment.book", "record.write"}
    assert found["about"]["rows"] == {f"{name}.json": len(rows) for name, rows in found.items() if name != "about"}
    assert "not signed yet" in found["about"]["not_in_it"]
    text = json.dumps(found)
    for foreign in ("5550 9999", "Nour", "reason of 1", "notes on 1", "a draft", str(neighbour.id), "_index", "hash"):
        assert foreign not in text, foreign


async def test_an_administrator_hands_it_out_without_what_they_may_not_read(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    doctor, patient, admin = await clinic.doctor(), await clinic.patient(), await clinic.staff(Role.ADMIN)
    await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2), reason="cough")
    await write(clinic, doctor, patient, "lungs clear")
    found = await archive_of(client, patient, admin)
    assert found["medical-records"] == found["who-did-what"] == []
    assert "who did what" in found["about"]["not_in_it"]
    assert found["visits"][0]["reason"] == "cough"
    assert (await archive_of(client, patient, patient))["who-did-what"][-1]["action"] == "patient.export"


def test_every_table_that_names_a_patient_is_in_it_or_left_out_for_a_reason() -> None:
    actor = Actor(new_id(), new_id(), frozenset(), frozenset())
    patient = Patient(id=new_id(), user_id=actor.user_id)
    exported = {part.table.name for part in queries.parts_of(actor, patient, MONDAY)}
    assert exported | set(NOT_IN_IT) >= {table.name for table in metadata.sorted_tables if names_a_patient(table)}
    assert not exported & set(NOT_IN_IT)


def names_a_patient(table: Table) -> bool:
    targets = {key.column.table.name for key in table.foreign_keys}
    named = {"patient_id", "user_id", "appointment_id", "owner_id"}
    return bool(targets & {"patients", "appointments", "users"} or named & {column.name for column in table.c})
