"""What can be read of a visit's past, and by whom how much of it."""

from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from appointed import accounts
from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.doctors import covering
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.options import set_options
from tests.support.related import relate

from .lives import do, read


async def test_the_past_of_a_visit_is_read_from_its_booking_on(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    nurse, desk = await clinic.staff(Role.NURSE), await clinic.staff(Role.RECEPTIONIST)
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    clock.set(visit.starts_at)
    for who, action in ((nurse, "arrive"), (doctor, "complete")):
        await do(client, clinic, who, visit.id, action)
        clock.advance(timedelta(minutes=10))
    await do(client, clinic, desk, visit.id, "correct", json={"reason": "The wrong Pat Sample"})
    page = await read(client, clinic, desk, f"/appointments/{visit.id}/history")
    assert page["next_cursor"] is None
    steps = [(e["version"], e["action"], e["by"], e["changed_by"], e["note"]) for e in page["items"]]
    assert steps == [
        (1, "book", "patient", str(patient.user_id), None),
        (2, "arrive", "staff", str(nurse.user_id), None),
        (3, "complete", "doctor", str(doctor.user_id), None),
        (4, "correct", "staff", str(desk.user_id), "The wrong Pat Sample"),
    ]
    assert [e["before"] and e["before"]["status"] for e in page["items"]] == [None, "booked", "arrived", "fulfilled"]
    assert [e["after"]["status"] for e in page["items"]] == ["booked", "arrived", "fulfilled", "entered-in-error"]
    assert [e["changed_at"][11:16] for e in page["items"]] == ["08:00", "10:00", "10:10", "10:20"]
    assert all(_times(e["after"]) == (visit.starts_at, visit.ends_at) for e in page["items"])


async def test_patients_read_what_happened_and_not_who_of_the_staff_it_was(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    doctor, patient, desk = await clinic.doctor(), await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    await do(client, clinic, desk, visit.id, "check-in")
    await do(client, clinic, desk, visit.id, "correct", json={"reason": "Told us of somebody else"})
    items = (await read(client, clinic, patient, f"/appointments/{visit.id}/history"))["items"]
    assert [(e["by"], e["changed_by"], e["note"]) for e in items] == [
        ("patient", str(patient.user_id), None), ("staff", None, None), ("staff", None, None),
    ]  # fmt: skip


def _times(stand: Any) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(stand["starts_at"]), datetime.fromisoformat(stand["ends_at"])


@pytest.mark.parametrize("role", ["parent", "carer"])
async def test_a_doctor_who_looks_after_a_patient_reads_no_more_of_it_than_others_who_do(
    role: str, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    set_options(app, minors_private_from_age=14)
    patient, desk = await clinic.patient(birth_date=date(2016, 3, 3)), await clinic.staff(Role.RECEPTIONIST)
    treating, covers, related = [await clinic.doctor() for _ in range(3)]
    async with transaction(sqlite_database.writes) as session:
        await accounts.grant(session, related.user_id, Role.PATIENT, by=desk.user_id, now=clock.now())
        today = clock.now().date()
        await covering.add(session, desk.actor, treating.profile_id, covers.profile_id, today, today, now=clock.now())
    related = await clinic.log_in(related)
    await relate(clinic, related, patient, relationship=role)
    visit = await clinic.visit(patient, treating, clock.now() + timedelta(hours=2))
    await do(client, clinic, patient, visit.id, "cancel", json={"reason": "None of their business"})
    told = {}
    for name, who in {"related": related, "treating": treating, "covering": covers, "desk": desk}.items():
        items = (await read(client, clinic, who, f"/appointments/{visit.id}/history"))["items"]
        told[name] = items[1]["note"] is not None, items[1]["changed_by"] is not None
    assert told == {"related": (False, False), "treating": (True, True), "covering": (True, True),
                    "desk": (True, True)}  # fmt: skip
