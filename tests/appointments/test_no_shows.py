"""Visits that were missed: after how many of them whoever books online is sent to the clinic."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.appointments.rules import months_before
from appointed.core.db import Database
from appointed.visit_types.models import VisitType
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import counted
from tests.support.racing import tally

from .lives import do, headers_of, read

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
REFUSED = {"403 call_the_clinic": 1}


@pytest.fixture
async def kind(clinic: Clinic) -> VisitType:
    """Of which two may be missed in three months."""
    return await clinic.visit_type(no_show_limit=2, no_show_months=3)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def miss(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, patient: Person, doctor: Person,
    kind: VisitType | None = None,
) -> Any:  # fmt: skip
    """Book for the next day at ten, and do not come."""
    visit = await clinic.visit(patient, doctor, clock.now().replace(hour=10) + DAY, patient_id=patient.id, by=desk,
                               visit_type_id=kind.id if kind else None)  # fmt: skip
    clock.set(visit.starts_at)
    assert (await do(client, clinic, desk, visit.id, "no-show")).status_code == 200
    return visit.id


async def book(
    client: httpx.AsyncClient, clinic: Clinic, who: Person, doctor: Person, kind: VisitType | None, **more: Any
) -> httpx.Response:
    at = clinic.clock.now().replace(hour=11, microsecond=0) + DAY
    body = {"doctor_id": str(doctor.id), "starts_at": at.isoformat()} | more
    body |= {"visit_type_id": str(kind.id)} if kind else {}
    return await client.post("/appointments", json=body, headers=headers_of(clinic, who))


async def listed(client: httpx.AsyncClient, clinic: Clinic, who: Person, doctor: Person, **query: Any) -> int:
    """How many free times they are shown."""
    day = (clinic.clock.now() + DAY).date().isoformat()
    query |= {"doctor_id": str(doctor.id), "from": day, "to": day}
    return len((await read(client, clinic, who, "/slots", **query))["slots"])


async def test_after_too_many_no_shows_a_patient_has_to_call_and_the_desk_may_book(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, kind: VisitType,
    database: Database,
) -> None:  # fmt: skip
    patient, other = await clinic.patient(), await clinic.patient()
    await miss(client, clinic, clock, desk, patient, doctor, kind)
    # Of another type, it is another matter.
    await miss(client, clinic, clock, desk, patient, doctor)
    assert await listed(client, clinic, patient, doctor, visit_type_id=kind.id) > 0
    second = await miss(client, clinic, clock, desk, patient, doctor, kind)
    refused = await book(client, clinic, patient, doctor, kind)
    assert tally([refused]) == REFUSED
    assert "call" in refused.json()["detail"]
    assert await listed(client, clinic, patient, doctor, visit_type_id=kind.id) == 0
    assert await listed(client, clinic, desk, doctor, visit_type_id=kind.id, patient_id=patient.id) > 0
    assert tally([await book(client, clinic, other, doctor, kind)]) == {"201": 1}
    assert await listed(client, clinic, patient, doctor) > 0

    excused = await do(client, clinic, desk, second, "excuse", json={"reason": "The bus broke down"})
    assert (excused.status_code, excused.json()["status"]) == (200, "noshow")
    assert excused.json()["excused_at"] is not None
    assert await listed(client, clinic, patient, doctor, visit_type_id=kind.id) > 0
    clock.advance(HOUR)
    again = await do(client, clinic, desk, second, "excuse", json={"reason": "The bus broke down"})
    assert again.json() == excused.json()
    clock.advance(DAY)
    assert tally([await book(client, clinic, patient, doctor, kind)]) == {"201": 1}


async def test_the_desk_books_for_whoever_has_to_call(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, kind: VisitType,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    for _ in range(2):
        await miss(client, clinic, clock, desk, patient, doctor, kind)
    assert tally([await book(client, clinic, patient, doctor, kind)]) == REFUSED
    assert tally([await book(client, clinic, desk, doctor, kind, patient_id=str(patient.id))]) == {"201": 1}


async def test_no_shows_are_forgotten_after_the_months_of_the_type(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, kind: VisitType,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    for _ in range(2):
        await miss(client, clinic, clock, desk, patient, doctor, kind)
    clock.set(datetime(2031, 6, 4, 10, tzinfo=UTC))
    # No login lasts that long.
    patient = await clinic.log_in(patient)
    assert await listed(client, clinic, patient, doctor, visit_type_id=kind.id) == 0
    clock.advance(timedelta(microseconds=1))
    assert await listed(client, clinic, patient, doctor, visit_type_id=kind.id) > 0
    assert tally([await book(client, clinic, patient, doctor, kind)]) == {"201": 1}


async def test_nothing_is_counted_for_a_type_without_a_limit(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, kind: VisitType, sqlite_database: Database
) -> None:
    async def statements(kind: VisitType) -> int:
        patient = await clinic.patient()
        with counted(sqlite_database) as sent:
            await listed(client, clinic, patient, doctor, visit_type_id=kind.id)
        return len(sent)

    assert await statements(kind) == await statements(await clinic.visit_type()) + 1


@pytest.mark.parametrize(
    ("now", "months", "before"),
    [("2031-06-04", 3, "2031-03-04"), ("2031-03-31", 1, "2031-02-28"), ("2032-03-31", 1, "2032-02-29"),
     ("2031-01-15", 1, "2030-12-15"), ("2031-12-31", 13, "2030-11-30"), ("2031-06-30", 0, "2031-06-30"),
     ("2031-01-31", 24, "2029-01-31")],
)  # fmt: skip
def test_months_are_those_of_the_calendar(now: str, months: int, before: str) -> None:
    assert months_before(datetime.fromisoformat(now), months) == datetime.fromisoformat(before)
