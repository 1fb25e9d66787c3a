"""What a visit takes besides its doctor: a room, a device, another doctor; and when the rules are let pass."""

from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.appointments.errors import InThePast, OutsideHours, RoomTaken, SlotTaken, TimeRefused
from appointed.appointments.models import Appointment, Participant
from appointed.core.db import Database
from appointed.locations.models import Location
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

from .lives import do

HALF_HOUR = timedelta(minutes=30)
TREATMENT = {"room_kind": "treatment"}


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def main_place(database: Database) -> UUID:
    async with database.reads() as session:
        return (await session.scalars(select(Location.id).where(Location.is_default.is_(True)))).one()


async def taken_by(database: Database, visit: Appointment) -> dict[str, UUID]:
    async with database.reads() as session:
        rows = await session.scalars(select(Participant).where(Participant.appointment_id == visit.id))
        return {row.role: row.resource_id for row in rows}


async def test_each_visit_takes_a_room_of_its_own_until_there_is_none(clinic: Clinic, ten: datetime) -> None:
    place = await main_place(clinic.database)
    rooms = {(await clinic.room(place)).id for _ in range(2)}
    kind = await clinic.visit_type(**TREATMENT, buffer_after_minutes=10)
    visits = [
        await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, visit_type_id=kind.id) for _ in range(2)
    ]
    assert {(await taken_by(clinic.database, visit))["treatment"] for visit in visits} == rooms
    # The rooms have the buffer too.
    for at in (ten, ten + HALF_HOUR):
        with pytest.raises(RoomTaken):
            await clinic.visit(await clinic.patient(), await clinic.doctor(), at, visit_type_id=kind.id)
    assert await flaws(clinic.database) == []


async def test_a_visit_that_is_cancelled_or_moved_leaves_its_room(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime
) -> None:
    await clinic.room(await main_place(clinic.database))
    kind = await clinic.visit_type(**TREATMENT)
    first = await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, visit_type_id=kind.id)
    await do(client, clinic, desk, first.id, "reschedule", json={"starts_at": (ten + HALF_HOUR).isoformat()})
    second = await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, visit_type_id=kind.id)
    await do(client, clinic, desk, second.id, "cancel")
    await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, visit_type_id=kind.id)
    assert tally([await do(client, clinic, desk, second.id, "undo")]) == {"409 room_taken": 1}
    assert await flaws(clinic.database) == []


async def test_another_doctor_and_a_device_are_taken_and_busy(clinic: Clinic, ten: datetime) -> None:
    place = await main_place(clinic.database)
    device = await clinic.room(place, "scanner", is_device=True)
    helper = await clinic.doctor(specialization="Anaesthesia")
    roles = [{"role": "anaesthetist", "specialization": "Anaesthesia"}]
    kind = await clinic.visit_type(device_kinds=["scanner"], practitioner_roles=roles)
    visit = await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, visit_type_id=kind.id)
    assert await taken_by(clinic.database, visit) == {"scanner": device.id, "anaesthetist": helper.profile_id}
    with pytest.raises(SlotTaken):
        await clinic.visit(await clinic.patient(), helper, ten)
    assert await flaws(clinic.database) == []


async def test_whoever_is_fitted_in_takes_the_room_all_the_same(clinic: Clinic, desk: Person, ten: datetime) -> None:
    await clinic.room(await main_place(clinic.database))
    kind, doctor = await clinic.visit_type(**TREATMENT), await clinic.doctor()
    await clinic.visit(await clinic.patient(), doctor, ten)
    said = {"by": desk, "visit_type_id": kind.id, "extra_reason": "Acute pain"}
    for refusal in (None, RoomTaken):
        patient = await clinic.patient()
        if refusal is None:
            await clinic.visit(patient, doctor, ten, patient_id=patient.id, **said)
            continue
        with pytest.raises(refusal):
            await clinic.visit(patient, doctor, ten, patient_id=patient.id, **said)
    assert await flaws(clinic.database) == []


async def test_the_desk_lets_hours_and_limits_pass_with_a_reason_and_nothing_that_is_taken(
    clinic: Clinic, clock: FixedClock, desk: Person, ten: datetime
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    kind = await clinic.visit_type(daily_limit=1, notice_minutes=24 * 60)
    said = {"by": desk, "visit_type_id": kind.id, "patient_id": patient.id}
    early = ten - timedelta(hours=1, minutes=30)
    with pytest.raises(TimeRefused):
        await clinic.visit(patient, doctor, early, **said)
    against = said | {"override_reason": "The doctor agreed to come early"}
    visit = await clinic.visit(patient, doctor, early, **against)
    await clinic.visit(patient, doctor, ten, **against)
    async with clinic.database.reads() as session:
        stored = await session.get_one(Appointment, visit.id)
        assert stored.override_reason == "The doctor agreed to come early"
        assert b"agreed" not in (stored.override_reason_sealed or b"")
    other = await clinic.patient()
    with pytest.raises(SlotTaken):
        await clinic.visit(other, doctor, ten, **against | {"patient_id": other.id})
    clock.set(ten + timedelta(days=1))
    with pytest.raises(InThePast):
        await clinic.visit(other, doctor, ten, **against | {"patient_id": other.id})
    assert len((await remains(clinic.database)).live) == 2
    assert await flaws(clinic.database) == []


async def test_where_nothing_is_open_at_all_a_place_must_be_named(clinic: Clinic, desk: Person, ten: datetime) -> None:
    doctor, patient = await clinic.doctor(hours=False), await clinic.patient()
    said = {"by": desk, "patient_id": patient.id, "override_reason": "A visit at home"}
    with pytest.raises(OutsideHours):
        await clinic.visit(patient, doctor, ten, **said)
    place = await main_place(clinic.database)
    assert (await clinic.visit(patient, doctor, ten, location_id=place, **said)).location_id == place
    assert await flaws(clinic.database) == []


@pytest.mark.parametrize(("minutes", "is_late"), [(60, False), (59, True)])
async def test_a_visit_that_is_cancelled_too_late_says_so(
    minutes: int, is_late: bool, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    kind, patient = await clinic.visit_type(cancel_notice_minutes=60), await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten, visit_type_id=kind.id)
    clock.set(ten - timedelta(minutes=minutes))
    said = await do(client, clinic, patient, visit.id, "cancel", json={"reason_code": "ill", "note": "Fever"})
    assert (said.json()["is_cancelled_late"], said.json()["cancel_code"]) == (is_late, "ill")
