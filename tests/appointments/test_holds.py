"""Holding a time: kept for a while, confirmed in time, and nobody's as soon as it is over."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.appointments import service
from appointed.appointments.rules import Status
from appointed.core.db import Database, transaction
from appointed.core.settings import Settings
from appointed.dispatch.chores import end_holds
from appointed.dispatch.delivery import deliver_due
from appointed.notifications.context import Context
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.mailbox import MemoryMailbox
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

from .lives import do

MINUTES = timedelta(minutes=1)


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def patient(clinic: Clinic) -> Person:
    return await clinic.patient()


async def hold(client: httpx.AsyncClient, who: Person, doctor: Person, at: datetime, **more: Any) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "starts_at": at.isoformat()} | more
    return await client.post("/appointments/holds", json=body, headers=who.headers)


async def book(client: httpx.AsyncClient, who: Person, doctor: Person, at: datetime) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "starts_at": at.isoformat()}
    return await client.post("/appointments", json=body, headers=who.headers)


async def listed(client: httpx.AsyncClient, doctor: Person) -> list[str]:
    days = {"doctor_id": str(doctor.id), "from": "2031-03-03", "to": "2031-03-03"}
    return [slot["starts_at"] for slot in (await client.get("/slots", params=days)).json()["slots"]]


async def test_a_held_time_is_nobody_elses_and_no_confirmation_leaves(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, ten: datetime
) -> None:
    said = await hold(client, patient, doctor, ten)
    assert (said.status_code, said.json()["status"]) == (201, "pending")
    assert said.json()["hold_expires_at"] == (ten - timedelta(hours=2) + 5 * MINUTES).isoformat()[:19] + "Z"
    assert tally([await book(client, await clinic.patient(), doctor, ten)]) == {"409 slot_taken": 1}
    assert "2031-03-03T10:00:00Z" not in await listed(client, doctor)
    events = (await remains(clinic.database)).events
    assert [events[f"appointment.{name}", said.json()["id"]] for name in ("held", "booked")] == [1, 0]
    assert await flaws(clinic.database) == []


async def test_a_hold_that_is_confirmed_in_time_is_booked_for_good(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime
) -> None:
    held = (await hold(client, patient, doctor, ten)).json()
    clock.advance(5 * MINUTES - timedelta(microseconds=1))
    said = await do(client, clinic, patient, held["id"], "confirm", json={"reason": "Cough"})
    assert (said.status_code, said.json()["status"], said.json()["reason"]) == (200, "booked", "Cough")
    assert said.json()["hold_expires_at"] is None
    again = await do(client, clinic, patient, held["id"], "confirm")
    assert again.json() == said.json()
    clock.advance(10 * MINUTES)
    assert "2031-03-03T10:00:00Z" not in await listed(client, doctor)
    assert tally([await book(client, await clinic.patient(), doctor, ten)]) == {"409 slot_taken": 1}
    assert await flaws(clinic.database) == []


async def test_confirming_late_is_gone_even_if_nobody_took_the_time(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime,
    context: Context,
) -> None:  # fmt: skip
    held = (await hold(client, patient, doctor, ten)).json()
    clock.advance(5 * MINUTES)
    assert tally([await do(client, clinic, patient, held["id"], "confirm")]) == {"410 hold_expired": 1}
    assert tally([await do(client, clinic, patient, held["id"], "extend")]) == {"410 hold_expired": 1}
    assert (await end_holds(context), await end_holds(context)) == (1, 0)
    assert tally([await do(client, clinic, patient, held["id"], "confirm")]) == {"410 hold_expired": 1}
    (visit,) = (await remains(clinic.database)).visits
    assert (visit.status, visit.cancel_code, visit.cancelled_by) == (Status.CANCELLED, "hold_expired", None)
    assert await flaws(clinic.database) == []


async def test_whoever_books_over_an_expired_hold_ends_it(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime
) -> None:
    held = (await hold(client, patient, doctor, ten)).json()
    clock.advance(5 * MINUTES)
    other = await clinic.patient()
    assert tally([await book(client, other, doctor, ten)]) == {"201": 1}
    visits = {str(visit.id): visit for visit in (await remains(clinic.database)).visits}
    assert (visits[held["id"]].status, visits[held["id"]].cancel_code) == (Status.CANCELLED, "hold_expired")
    assert await flaws(clinic.database) == []


async def test_a_session_is_planned_over_a_hold_that_is_over(
    clinic: Clinic, client: httpx.AsyncClient, clock: FixedClock, doctor: Person, patient: Person, ten: datetime
) -> None:
    await hold(client, patient, doctor, ten)
    clock.advance(5 * MINUTES)
    desk = await clinic.staff(Role.RECEPTIONIST)
    async with transaction(clinic.database.writes) as session:
        plan = service.Plan(doctor.profile_id, "Back school", ten, ten + 60 * MINUTES, 8)
        await service.plan_session(session, desk.actor, plan, clock=clock)
    (visit,) = (await remains(clinic.database)).visits
    assert (visit.status, visit.cancel_code) == (Status.CANCELLED, "hold_expired")
    assert await flaws(clinic.database) == []


async def test_a_hold_is_kept_once_longer_and_no_more(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime
) -> None:
    held = (await hold(client, patient, doctor, ten)).json()
    clock.advance(4 * MINUTES)
    said = await do(client, clinic, patient, held["id"], "extend")
    assert said.json()["hold_expires_at"] == "2031-03-03T08:10:00Z"
    assert tally([await do(client, clinic, patient, held["id"], "extend")]) == {"409 already_extended": 1}
    clock.advance(4 * MINUTES)
    assert tally([await do(client, clinic, patient, held["id"], "confirm")]) == {"200": 1}
    assert tally([await do(client, clinic, patient, held["id"], "extend")]) == {"409 not_possible_now": 1}
    assert await flaws(clinic.database) == []


async def test_a_hold_is_confirmed_as_it_was_read_or_not_at_all(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, ten: datetime, sqlite_database: Database
) -> None:
    held = (await hold(client, patient, doctor, ten)).json()
    for action in ("confirm", "extend"):
        said = await do(client, clinic, patient, held["id"], action, headers={"If-Match": 'W/"2"'})
        assert tally([said]) == {"412 version_mismatch": 1}
    said = await do(client, clinic, patient, held["id"], "confirm", headers={"If-Match": 'W/"1"'})
    assert tally([said]) == {"200": 1}


async def test_the_clock_ends_no_hold_that_was_confirmed_or_extended_meanwhile(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    """It looks for what is over before it locks, and by then that may have changed."""
    times = {"confirm": ten, "extend": ten + 30 * MINUTES, "": ten + 60 * MINUTES}
    holds = {action: (await hold(client, patient, doctor, at)).json()["id"] for action, at in times.items()}
    for action in ("confirm", "extend"):
        assert tally([await do(client, clinic, patient, holds[action], action)]) == {"200": 1}
    clock.advance(5 * MINUTES)
    ended = {}
    for action, held_id in holds.items():
        async with transaction(sqlite_database.writes) as session:
            ended[action] = await service.expire_if_due(session, UUID(held_id), clock=clock)
    assert ended == {"confirm": False, "extend": False, "": True}
    assert await flaws(sqlite_database) == []


async def test_a_hold_that_is_given_up_is_free_at_once_and_nobody_is_written_to(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime,
    sqlite_database: Database, settings: Settings,
) -> None:  # fmt: skip
    mailbox = MemoryMailbox()
    context = Context(sqlite_database, clock, settings, mailbox)
    await deliver_due(context, 100)
    welcomed = len(mailbox.letters)
    held = (await hold(client, patient, doctor, ten)).json()
    assert tally([await do(client, clinic, patient, held["id"], "cancel")]) == {"200": 1}
    assert await deliver_due(context, 100) > 0
    assert len(mailbox.letters) == welcomed
    assert tally([await book(client, await clinic.patient(), doctor, ten)]) == {"201": 1}
    assert await flaws(sqlite_database) == []


async def test_a_patient_holds_no_more_than_the_clinic_allows_and_the_desk_any(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, patient: Person, ten: datetime,
    sqlite_database: Database, settings: Settings,
) -> None:  # fmt: skip
    desk = await clinic.staff(Role.RECEPTIONIST)
    times = [ten + timedelta(minutes=30 * number) for number in range(settings.max_holds + 2)]
    for at in times[: settings.max_holds]:
        assert tally([await hold(client, patient, doctor, at)]) == {"201": 1}
    assert tally([await hold(client, patient, doctor, times[-1])]) == {"422 quota_reached": 1}
    assert tally([await book(client, patient, doctor, times[-2])]) == {"201": 1}, "a booking is no hold"
    assert tally([await hold(client, desk, doctor, times[-1], patient_id=str(patient.id))]) == {"201": 1}
    clock.advance(5 * MINUTES)
    assert tally([await hold(client, patient, doctor, times[0])]) == {"201": 1}, "expired holds do not count"


async def test_a_patient_books_no_further_ahead_than_the_quota(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, ten: datetime,
    sqlite_database: Database, settings: Settings,
) -> None:  # fmt: skip
    for number in range(settings.max_upcoming):
        day, half_hour = divmod(number, 10)
        await clinic.visit(patient, doctor, ten + timedelta(days=day, minutes=30 * half_hour))
    assert tally([await book(client, patient, doctor, ten + timedelta(days=9))]) == {"422 quota_reached": 1}


async def test_a_hold_of_somebody_else_is_not_theirs_to_confirm(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, ten: datetime, sqlite_database: Database
) -> None:
    held = (await hold(client, patient, doctor, ten)).json()
    assert tally([await do(client, clinic, await clinic.patient(), held["id"], "confirm")]) == {"404 not_found": 1}
    assert tally([await do(client, clinic, doctor, held["id"], "confirm")]) == {"403 forbidden": 1}


@pytest.fixture
def context(database: Database, settings: Settings, clock: FixedClock) -> Context:
    return Context(database, clock, settings, MemoryMailbox())
