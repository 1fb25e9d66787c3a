"""Undoing the last change of a visit: as it was before, unless somebody has its time."""

from datetime import datetime, timedelta

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.appointments import service
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.service import Plan
from appointed.availability.rules import TimeOffKind
from appointed.availability.service import Absence
from appointed.core.db import Database, transaction
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

from .lives import do

MINUTES, HALF_HOUR = timedelta(minutes=1), timedelta(minutes=30)
STANDING = ("status", "starts_at", "ends_at", "arrived_at", "checked_in_at", "roomed_at", "started_at", "finished_at",
            "cancelled_at", "cancel_code", "cancel_note", "is_cancelled_late")  # fmt: skip


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
async def patient(clinic: Clinic) -> Person:
    return await clinic.patient()


@pytest.fixture
async def visit(clinic: Clinic, patient: Person, doctor: Person, ten: datetime) -> Appointment:
    return await clinic.visit(patient, doctor, ten)


@pytest.mark.parametrize(
    ("before", "action"),
    [([], "cancel"), ([], "arrive"), (["arrive"], "check-in"), (["arrive"], "room"), (["arrive"], "start"),
     (["arrive"], "complete"), ([], "complete"), ([], "no-show")],
)  # fmt: skip
async def test_what_was_undone_is_as_if_it_had_not_been_done(
    before: list[str], action: str, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person,
    visit: Appointment, ten: datetime,
) -> None:  # fmt: skip
    clock.set(ten + 5 * MINUTES)
    for each in before:
        await do(client, clinic, desk, visit.id, each)
    clock.advance(MINUTES)
    stood = (await client.get(f"/appointments/{visit.id}", headers=_headers(clinic, desk))).json()
    ticks = (await remains(clinic.database)).ticks
    assert tally([await do(client, clinic, desk, visit.id, action)]) == {"200": 1}
    clock.advance(10 * MINUTES)
    said = await do(client, clinic, desk, visit.id, "undo")
    assert said.status_code == 200, said.text
    assert {name: said.json()[name] for name in STANDING} == {name: stood[name] for name in STANDING}
    assert said.json()["version"] == stood["version"] + 2
    assert (await remains(clinic.database)).ticks == ticks
    assert await flaws(clinic.database) == []
    assert tally([await do(client, clinic, desk, visit.id, "undo")]) == {"409 not_undoable": 1}


async def test_a_cancelled_visit_comes_back_only_while_nobody_has_its_time(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, visit: Appointment, ten: datetime
) -> None:
    await do(client, clinic, patient, visit.id, "cancel")
    other = await clinic.visit(await clinic.patient(), doctor, ten)
    assert tally([await do(client, clinic, patient, visit.id, "undo")]) == {"409 slot_taken": 1}
    desk = await clinic.staff(Role.RECEPTIONIST)
    await do(client, clinic, desk, other.id, "cancel")
    elsewhere = await clinic.visit(patient, await clinic.doctor(), ten)
    assert tally([await do(client, clinic, patient, visit.id, "undo")]) == {"409 patient_busy": 1}
    await do(client, clinic, desk, elsewhere.id, "cancel")
    assert tally([await do(client, clinic, patient, visit.id, "undo")]) == {"200": 1}
    assert await flaws(clinic.database) == []


async def test_nothing_is_undone_after_ten_minutes_nor_what_was_not_a_change(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, visit: Appointment,
    sqlite_database: Database,
) -> None:  # fmt: skip
    assert tally([await do(client, clinic, desk, visit.id, "undo")]) == {"409 not_undoable": 1}
    await do(client, clinic, desk, visit.id, "cancel")
    clock.advance(10 * MINUTES + timedelta(microseconds=1))
    assert tally([await do(client, clinic, desk, visit.id, "undo")]) == {"409 too_late_to_undo": 1}
    await do(client, clinic, desk, visit.id, "correct", json={"reason": "The wrong Pat Sample"})
    assert tally([await do(client, clinic, desk, visit.id, "undo")]) == {"409 not_undoable": 1}


async def test_a_hold_that_was_given_up_does_not_come_back(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person, patient: Person, ten: datetime, sqlite_database: Database
) -> None:
    held = await clinic.visit(patient, doctor, ten, is_held=True)
    assert tally([await do(client, clinic, patient, held.id, "cancel")]) == {"200": 1}
    assert tally([await do(client, clinic, patient, held.id, "undo")]) == {"409 not_undoable": 1}


async def test_patients_undo_what_they_cancelled_and_not_what_the_desk_did(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, patient: Person, visit: Appointment,
    sqlite_database: Database,
) -> None:  # fmt: skip
    await do(client, clinic, patient, visit.id, "cancel")
    assert tally([await do(client, clinic, patient, visit.id, "undo")]) == {"200": 1}
    await do(client, clinic, desk, visit.id, "cancel")
    assert tally([await do(client, clinic, patient, visit.id, "undo")]) == {"403 forbidden": 1}


async def test_a_visit_that_comes_back_without_its_ground_is_marked(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, visit: Appointment,
    ten: datetime,
) -> None:  # fmt: skip
    await do(client, clinic, desk, visit.id, "cancel")
    leave = Absence(TimeOffKind.LEAVE, ten - HALF_HOUR, ten + HALF_HOUR, "other")
    async with transaction(clinic.database.writes) as session:
        await service.add_time_off(session, desk.actor, doctor.profile_id, None, lambda *_: leave, clock=clock)
    said = await do(client, clinic, desk, visit.id, "undo")
    assert (said.status_code, said.json()["needs_attention"], said.json()["attention_code"]) == (200, True, "undone")
    assert await flaws(clinic.database) == []


async def test_a_place_that_was_left_is_taken_again_if_there_is_one(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, doctor: Person, patient: Person,
    ten: datetime,
) -> None:  # fmt: skip
    async with transaction(clinic.database.writes) as session:
        plan = Plan(doctor.profile_id, "Back school", ten, ten + HALF_HOUR, 1)
        group = await service.plan_session(session, desk.actor, plan, clock=clock)
    other = await clinic.patient()
    places = {}
    for who in (patient, other):
        async with transaction(clinic.database.writes) as session:
            joined = await service.join(session, who.actor, group.id, service.Joining(), policy=Policy(), clock=clock)
            places[who.id] = joined.id
        await do(client, clinic, who, joined.id, "cancel")
    assert tally([await do(client, clinic, patient, places[patient.id], "undo")]) == {"200": 1}
    assert tally([await do(client, clinic, other, places[other.id], "undo")]) == {"409 session_full": 1}
    assert await flaws(clinic.database) == []


def _headers(clinic: Clinic, who: Person) -> dict[str, str]:
    token = clinic.tokens.issue(who.user_id, who.actor.session_id, clinic.clock.now())
    return {"Authorization": f"Bearer {token}"}
