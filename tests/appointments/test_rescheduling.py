"""Moving a visit: the same visit at another time, and its old time is free in the same moment."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.appointments import service
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.service import Plan
from appointed.core.db import Database, transaction
from appointed.patients.models import CareRelation
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

from .lives import do, read

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def patient(clinic: Clinic) -> Person:
    return await clinic.patient()


@pytest.fixture
async def visit(clinic: Clinic, patient: Person, doctor: Person, ten: datetime) -> Appointment:
    return await clinic.visit(patient, doctor, ten, reason="Cough")


async def move(
    client: httpx.AsyncClient, clinic: Clinic, who: Person, visit: Appointment, to: datetime, **more: Any
) -> httpx.Response:
    headers = more.pop("headers", {})
    body = {"starts_at": to.isoformat(), **more}
    return await do(client, clinic, who, visit.id, "reschedule", json=body, headers=headers)


async def test_a_moved_visit_frees_its_old_time_and_stays_the_visit_that_it_was(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, visit: Appointment, ten: datetime
) -> None:
    said = (await move(client, clinic, patient, visit, ten + 2 * HALF_HOUR)).json()
    assert (said["id"], said["version"], said["status"], said["reason"]) == (str(visit.id), 2, "booked", "Cough")
    assert (said["starts_at"], said["ends_at"]) == ("2031-03-03T11:00:00Z", "2031-03-03T11:30:00Z")
    await clinic.visit(await clinic.patient(), doctor, ten)
    assert await flaws(clinic.database) == []
    past = (await read(client, clinic, patient, f"/appointments/{visit.id}/history"))["items"]
    assert [(each["action"], each["after"]["starts_at"][11:16]) for each in past] == [
        ("book", "10:00"), ("reschedule", "11:00"),
    ]  # fmt: skip


async def test_its_own_time_never_stands_in_a_visits_way(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, ten: datetime
) -> None:
    kind = await clinic.visit_type(length_minutes=60, grid_minutes=15, buffer_after_minutes=15, patient_limit=1,
                                   daily_limit=1)  # fmt: skip
    visit = await clinic.visit(patient, doctor, ten, visit_type_id=kind.id)
    assert tally([await move(client, clinic, patient, visit, ten + HALF_HOUR)]) == {"200": 1}
    assert await flaws(clinic.database) == []


async def test_a_visit_that_is_moved_to_another_place_is_not_on_its_own_way(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, patient: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    doctor, admin = await clinic.doctor(hours=False), await clinic.staff(Role.ADMIN)
    north, south = [(await clinic.location(name=name)).id for name in ("North Street", "South Street")]
    for place, start in ((north, 9), (south, 12)):
        await clinic.hours(doctor.profile_id, clock.now().weekday(), start * 60, (start + 3) * 60, location_id=place)
    way = await client.put(f"/locations/{north}/travel/{south}", json={"minutes": 45}, headers=admin.headers)
    assert way.status_code == 200
    visit = await clinic.visit(patient, doctor, ten + 3 * HALF_HOUR)
    assert tally([await move(client, clinic, patient, visit, ten + 4 * HALF_HOUR)]) == {"200": 1}


async def test_a_refused_move_leaves_the_visit_where_it_was(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, visit: Appointment, ten: datetime
) -> None:
    await clinic.visit(await clinic.patient(), doctor, ten + HALF_HOUR)
    before = await remains(clinic.database)
    said = await move(client, clinic, patient, visit, ten + HALF_HOUR)
    assert tally([said]) == {"409 slot_taken": 1}
    assert said.json()["alternatives"]
    assert tally([await move(client, clinic, patient, visit, ten + timedelta(hours=12))]) == {"422 outside_hours": 1}
    after = await remains(clinic.database)
    assert (after.ticks, after.events) == (before.ticks, before.events)
    assert await flaws(clinic.database) == []


async def test_with_another_doctor_the_old_one_treats_the_patient_no_more(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, visit: Appointment, ten: datetime
) -> None:
    other = await clinic.doctor()
    said = await move(client, clinic, patient, visit, ten, doctor_id=str(other.id))
    assert (said.status_code, said.json()["doctor_id"]) == (200, str(other.id))
    async with clinic.database.reads() as session:
        assert (await session.scalars(select(CareRelation.doctor_id))).all() == [other.id]
    await clinic.visit(await clinic.patient(), doctor, ten)
    assert await flaws(clinic.database) == []


async def test_the_length_that_the_desk_gave_stays_and_patients_choose_no_other(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, ten: datetime, sqlite_database: Database
) -> None:
    desk = await clinic.staff(Role.RECEPTIONIST)
    visit = await clinic.visit(patient, doctor, ten, by=desk, patient_id=patient.id, ends_at=ten + 1.5 * HALF_HOUR)
    said = await move(client, clinic, patient, visit, ten + 2 * HALF_HOUR)
    assert said.json()["ends_at"] == "2031-03-03T11:45:00Z"
    shorter = (ten + HALF_HOUR / 2).isoformat()
    assert tally([await move(client, clinic, patient, visit, ten, ends_at=shorter)]) == {"422 length_not_allowed": 1}


async def test_only_the_desk_moves_a_visit_against_the_rules_or_in_between(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, visit: Appointment, ten: datetime
) -> None:
    desk, early = await clinic.staff(Role.RECEPTIONIST), ten - timedelta(hours=1, minutes=30)
    override = {"override": {"reason": "The doctor agreed to come early"}}
    assert tally([await move(client, clinic, patient, visit, early, **override)]) == {"403 forbidden": 1}
    assert tally([await move(client, clinic, desk, visit, early)]) == {"422 outside_hours": 1}
    assert tally([await move(client, clinic, desk, visit, early, **override)]) == {"200": 1}
    await clinic.visit(await clinic.patient(), doctor, ten)
    extra = {"extra": {"reason": "Acute pain"}}
    said = await move(client, clinic, desk, visit, ten, **extra)
    assert (said.status_code, said.json()["is_extra"]) == (200, True)
    assert await flaws(clinic.database) == []


async def test_a_move_on_an_old_version_is_refused(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, visit: Appointment, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    first, second = ten + HALF_HOUR, ten + 2 * HALF_HOUR
    assert tally([await move(client, clinic, patient, visit, first, headers={"If-Match": 'W/"1"'})]) == {"200": 1}
    said = await move(client, clinic, patient, visit, second, headers={"If-Match": 'W/"1"'})
    assert tally([said]) == {"412 version_mismatch": 1}


async def test_what_has_begun_or_is_over_or_is_a_place_is_not_moved(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, patient: Person, doctor: Person, visit: Appointment,
    ten: datetime, sqlite_database: Database,
) -> None:  # fmt: skip
    desk = await clinic.staff(Role.RECEPTIONIST)
    async with transaction(clinic.database.writes) as session:
        plan = Plan(doctor.profile_id, "Back school", ten + timedelta(days=1), ten + timedelta(days=1, hours=1), 8)
        group = await service.plan_session(session, desk.actor, plan, clock=clock)
        place = await service.join(session, patient.actor, group.id, service.Joining(), policy=Policy(), clock=clock)
    assert tally([await move(client, clinic, patient, place, ten + HALF_HOUR)]) == {"409 not_movable": 1}
    clock.set(ten)
    assert tally([await move(client, clinic, patient, visit, ten + HALF_HOUR)]) == {"409 not_possible_now": 1}
    assert tally([await move(client, clinic, desk, visit, ten + HALF_HOUR)]) == {"200": 1}
    await do(client, clinic, desk, visit.id, "arrive")
    assert tally([await move(client, clinic, desk, visit, ten + 2 * HALF_HOUR)]) == {"409 not_possible_now": 1}
