"""The day of a visit over HTTP: what each step sets, frees, tells and writes down."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.audit.models import AuditEvent
from appointed.availability.rules import tick_of
from appointed.core.db import Database
from appointed.core.outbox import OutboxMessage
from appointed.resources.models import BusyTick
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

from .lives import do, headers_of

MINUTE = timedelta(minutes=1)
TIMES = ("arrived_at", "checked_in_at", "roomed_at", "started_at", "finished_at")


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def visit(clinic: Clinic, doctor: Person, ten: datetime) -> Appointment:
    """At ten, for half an hour."""
    return await clinic.visit(await clinic.patient(), doctor, ten)


async def ticks_of(database: Database, visit: Appointment, resource_id: UUID | None) -> dict[int, bool]:
    """Whether each tick that the visit takes of somebody is buffer, by its distance from the visit's start."""
    query = select(BusyTick.tick, BusyTick.is_buffer).order_by(BusyTick.tick)
    whose = query.where(BusyTick.owner_id == visit.id, BusyTick.resource_id == resource_id)
    async with database.reads() as session:
        return {tick - tick_of(visit.starts_at): is_buffer for tick, is_buffer in (await session.execute(whose)).all()}


async def told(database: Database, visit: Appointment) -> list[str]:
    """The events of the visit, in order."""
    async with database.reads() as session:
        messages = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
        return [each.name for each in messages if each.payload.get("appointment_id") == str(visit.id)]


async def test_a_visit_goes_from_arrival_to_its_end_and_each_step_leaves_its_time(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, visit: Appointment,
    database: Database, ten: datetime,
) -> None:  # fmt: skip
    nurse = await clinic.staff(Role.NURSE)
    clock.set(ten - 9 * MINUTE)
    steps = [(desk, "arrive", "arrived"), (desk, "check-in", "checked-in"), (nurse, "room", "checked-in"),
             (doctor, "start", "checked-in"), (doctor, "complete", "fulfilled")]  # fmt: skip
    for number, (who, action, status) in enumerate(steps):
        clock.advance(3 * MINUTE)
        said = await do(client, clinic, who, visit.id, action)
        assert said.status_code == 200, said.text
        assert (said.json()["status"], said.json()["version"]) == (status, number + 2)
        times = [said.json()[name] for name in TIMES]
        assert times[number] == clock.now().isoformat().replace("+00:00", "Z")
        assert times[number + 1 :] == [None] * (4 - number)
    assert (await told(database, visit))[1:] == [
        "appointment.arrived", "appointment.checked-in", "appointment.roomed", "appointment.started",
        "appointment.completed",
    ]  # fmt: skip
    async with database.reads() as session:
        changes = (await session.scalars(select(AppointmentChange).order_by(AppointmentChange.version))).all()
        trail = (await session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))).all()
    assert [(c.version, c.action, c.changed_by) for c in changes] == [
        (number + 2, action, who.user_id) for number, (who, action, _) in enumerate(steps)
    ]
    assert [action for action in trail if action.startswith("appointment.")][1:] == [
        f"appointment.{action}" for _, action, _ in steps
    ]
    assert [c.status_before for c in changes[1:]] == [c.status_after for c in changes[:-1]]


@pytest.mark.parametrize("action", ["arrive", "check-in", "room", "start", "complete"])
async def test_what_was_done_already_is_answered_alike_and_changes_nothing(
    action: str, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, visit: Appointment,
    ten: datetime, sqlite_database: Database,
) -> None:  # fmt: skip
    clock.set(ten)
    if action != "arrive":
        await do(client, clinic, desk, visit.id, "arrive")
    once = await do(client, clinic, desk, visit.id, action)
    clock.advance(MINUTE)
    events = await told(sqlite_database, visit)
    again = await do(client, clinic, desk, visit.id, action, headers={"If-Match": 'W/"1"'})
    assert (once.status_code, again.status_code) == (200, 200)
    assert once.json() == again.json()
    assert await told(sqlite_database, visit) == events


async def test_a_step_that_the_state_does_not_allow_names_the_state(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, visit: Appointment, sqlite_database: Database
) -> None:
    for action in ("room", "start", "complete", "no-show", "excuse"):
        said = await do(client, clinic, desk, visit.id, action, json={"reason": "Why"} if action == "excuse" else None)
        assert (said.status_code, said.json()["code"], said.json()["state"]) == (409, "not_possible_now", "booked")
    await do(client, clinic, desk, visit.id, "check-in")
    assert (await do(client, clinic, desk, visit.id, "arrive")).json()["state"] == "checked-in"
    assert (await do(client, clinic, desk, visit.id, "no-show")).json()["state"] == "checked-in"


async def test_nobody_changes_what_they_have_not_seen(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, visit: Appointment, sqlite_database: Database
) -> None:
    await do(client, clinic, desk, visit.id, "arrive")
    stale = await do(client, clinic, desk, visit.id, "check-in", headers={"If-Match": 'W/"1"'})
    assert tally([stale]) == {"412 version_mismatch": 1}
    assert tally([await do(client, clinic, desk, visit.id, "check-in", headers={"If-Match": 'W/"2"'})]) == {"200": 1}


async def test_a_nurse_does_not_close_what_nobody_saw_arrive(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, visit: Appointment, doctor: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    nurse = await clinic.staff(Role.NURSE)
    clock.set(ten + 20 * MINUTE)
    assert tally([await do(client, clinic, nurse, visit.id, "complete")]) == {"403 forbidden": 1}
    assert (await do(client, clinic, doctor, visit.id, "complete")).json()["status"] == "fulfilled"


async def test_a_doctor_and_a_nurse_in_one_see_to_everybody_but_close_only_their_own(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    visit = await clinic.visit(patient, doctor, ten)
    clock.set(ten)
    other = await clinic.doctor()
    assert tally([await do(client, clinic, other, visit.id, "complete")]) == {"404 not_found": 1}
    assert tally([await do(client, clinic, patient, visit.id, "arrive")]) == {"403 forbidden": 1}


# --- time that is free again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "of_doctor", "of_patient"),
    [
        (0, {-1: True, 0: True, 1: True}, []),
        (1, {-1: True, 0: False, 1: True, 2: True}, [0]),
        (10, {-1: True, 0: False, 1: False, 2: True, 3: True}, [0, 1]),
        (11, {-1: True, 0: False, 1: False, 2: False, 3: True, 4: True}, [0, 1, 2]),
        (30, {-1: True} | dict.fromkeys(range(6), False) | {6: True, 7: True}, [*range(6)]),
        (55, {-1: True} | dict.fromkeys(range(6), False) | {6: True, 7: True}, [*range(6)]),
    ],
)
async def test_whoever_is_done_early_leaves_the_rest_to_others_but_for_the_buffer(
    after: int, of_doctor: dict[int, bool], of_patient: list[int], client: httpx.AsyncClient, clinic: Clinic,
    clock: FixedClock, desk: Person, doctor: Person, ten: datetime, database: Database,
) -> None:  # fmt: skip
    kind = await clinic.visit_type(buffer_before_minutes=5, buffer_after_minutes=10)
    patient = await clinic.patient()
    visit = await clinic.visit(patient, doctor, ten, visit_type_id=kind.id)
    await do(client, clinic, desk, visit.id, "arrive")
    clock.set(ten + after * MINUTE)
    done = (await do(client, clinic, doctor, visit.id, "complete")).json()
    assert (done["status"], done["ends_at"]) == ("fulfilled", "2031-03-03T10:30:00Z")
    assert await ticks_of(database, visit, doctor.id) == of_doctor
    assert await ticks_of(database, visit, patient.id) == dict.fromkeys(of_patient, False)


async def test_the_time_of_a_visit_that_was_done_early_can_be_booked(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    kind = await clinic.visit_type(length_minutes=15, grid_minutes=15, allowed_lengths=[60])
    visit = await clinic.visit(await clinic.patient(), doctor, ten, ends_at=ten + 60 * MINUTE, visit_type_id=kind.id)
    await do(client, clinic, desk, visit.id, "arrive")
    clock.set(ten + 15 * MINUTE)
    await do(client, clinic, doctor, visit.id, "complete")
    other = await clinic.patient()
    booked = await clinic.visit(other, doctor, ten + 15 * MINUTE, visit_type_id=kind.id)
    assert booked.status == "booked"


async def test_whoever_does_not_come_frees_their_time_and_is_not_treated(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, visit: Appointment,
    ten: datetime, database: Database,
) -> None:  # fmt: skip
    clock.set(ten - MINUTE)
    early = await do(client, clinic, desk, visit.id, "no-show")
    assert (early.json()["code"], early.json()["detail"]) == ("not_possible_now", "The visit has not begun yet.")
    clock.set(ten)
    said = await do(client, clinic, doctor, visit.id, "no-show")
    assert (said.status_code, said.json()["status"]) == (200, "noshow")
    left = await remains(database)
    assert (left.ticks, left.relations) == ({}, {})
    assert (await client.get(f"/patients/{visit.patient_id}", headers=headers_of(clinic, doctor))).status_code == 404


async def test_what_was_entered_in_error_is_as_if_it_had_never_been(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, visit: Appointment, ten: datetime,
    database: Database,
) -> None:  # fmt: skip
    clock.set(ten)
    await do(client, clinic, desk, visit.id, "check-in")
    unsaid = await do(client, clinic, desk, visit.id, "correct", json={})
    assert (unsaid.status_code, unsaid.json()["fields"][0]["name"]) == (422, "reason")
    said = await do(client, clinic, desk, visit.id, "correct", json={"reason": "The wrong Pat Sample"})
    assert said.json()["status"] == "entered-in-error"
    left = await remains(database)
    assert (left.ticks, left.relations) == ({}, {})
    async with database.reads() as session:
        (change,) = await session.scalars(select(AppointmentChange).where(AppointmentChange.action == "correct"))
        assert change.note == "The wrong Pat Sample"
        assert b"wrong" not in (change.note_sealed or b"")
    again = await do(client, clinic, desk, visit.id, "correct", json={"reason": "Again"})
    assert (again.status_code, again.json()["version"]) == (200, said.json()["version"])


async def test_a_doctor_who_booked_a_visit_treats_the_patient_from_arrival(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor = await clinic.doctor()
    both = Person(doctor.user_id, doctor.headers, desk.actor, doctor.email)
    patient = await clinic.patient()
    # A doctor at the desk: who books is the doctor, what they may is the desk's.
    as_desk = Person(doctor.user_id, doctor.headers, _acting(both.actor, doctor.user_id), doctor.email)
    visit = await clinic.visit(patient, doctor, ten, patient_id=patient.id, by=as_desk)
    assert (await client.get(f"/patients/{patient.id}", headers=doctor.headers)).status_code == 404
    await do(client, clinic, desk, visit.id, "arrive")
    assert (await client.get(f"/patients/{patient.id}", headers=doctor.headers)).status_code == 200
    assert (await remains(sqlite_database)).relations[visit.id] == 1


def _acting(actor: Any, user_id: UUID) -> Any:
    return type(actor)(user_id, actor.session_id, actor.roles, actor.permissions)


async def test_all_stays_sound_whatever_became_of_the_visits(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    visits = [await clinic.visit(await clinic.patient(), doctor, ten + 30 * MINUTE * number) for number in range(4)]
    clock.set(ten + timedelta(hours=3))
    for visit, actions in zip(visits, (["arrive", "complete"], ["no-show"], ["arrive"], ["complete"]), strict=True):
        for action in actions:
            assert (await do(client, clinic, desk, visit.id, action)).status_code == 200
    assert await flaws(sqlite_database) == []


async def test_a_repeated_request_with_a_key_gets_the_first_ones_answer(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, visit: Appointment, sqlite_database: Database
) -> None:
    key = {"Idempotency-Key": '"once"'}
    first = await do(client, clinic, desk, visit.id, "arrive", headers=key)
    await do(client, clinic, desk, visit.id, "check-in")
    again = await do(client, clinic, desk, visit.id, "arrive", headers=key)
    assert (again.status_code, again.content) == (200, first.content)
