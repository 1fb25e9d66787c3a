"""Booking and cancelling, by whom, with what left behind."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from appointed import patients
from appointed.accounts.actor import Role
from appointed.appointments import service
from appointed.appointments.errors import (
    BufferNeeded,
    DailyLimit,
    NotCancellable,
    PatientBusy,
    PatientLimit,
    SlotTaken,
    TimeRefused,
)
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import CANCELLABLE, Channel, Notified, Status
from appointed.availability.rules import tick_of
from appointed.core.db import Database, transaction
from appointed.core.errors import Forbidden, Invalid, NotFound, VersionMismatch
from appointed.core.ids import new_id
from appointed.deps.auth import PERMISSIONS
from appointed.patients import care
from appointed.patients.models import CareRelation
from appointed.resources.models import BusyTick
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.soundness import flaws, remains

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    """Ten o'clock on the clock's day, two hours on."""
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def cancel(clinic: Clinic, by: Person, visit: Appointment, **said: Any) -> Appointment:
    async with transaction(clinic.database.writes) as session:
        return await service.cancel(session, by.actor, visit.id, clock=clinic.clock, **said)


async def ticks_of(database: Database, resource_id: UUID | None) -> list[tuple[int, bool]]:
    async with database.reads() as session:
        rows = await session.execute(
            select(BusyTick.tick, BusyTick.is_buffer).where(BusyTick.resource_id == resource_id).order_by(BusyTick.tick)
        )
        return [(tick, is_buffer) for tick, is_buffer in rows.all()]


async def note_of(database: Database, visit: Appointment) -> str | None:
    async with database.reads() as session:
        note: str | None = (await session.get_one(Appointment, visit.id)).cancel_note
        return note


async def set_status(database: Database, visit: Appointment, status: Status) -> None:
    async with transaction(database.writes) as session:
        await session.execute(update(Appointment).where(Appointment.id == visit.id).values(status=status))


# --- booking ---------------------------------------------------------------------------------------------------------


async def test_a_booked_visit_takes_the_time_of_both_and_is_told_and_recorded(
    clinic: Clinic, clock: FixedClock, ten: datetime
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, ten, reason="Cough")
    assert (visit.status, visit.version, visit.starts_at, visit.ends_at) == (Status.BOOKED, 1, ten, ten + HALF_HOUR)
    assert (visit.booked_by, visit.channel, visit.is_extra, visit.created_at) == (
        patient.user_id, Channel.ONLINE, False, clock.now(),
    )  # fmt: skip
    ticks = [(tick_of(ten) + number, False) for number in range(6)]
    assert await ticks_of(clinic.database, doctor.id) == await ticks_of(clinic.database, patient.id) == ticks
    assert await flaws(clinic.database) == []


async def test_what_a_booking_returns_is_what_stands_in_the_database(clinic: Clinic, ten: datetime) -> None:
    visit = await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, reason="Cough, since 1 March")
    async with clinic.database.reads() as session:
        stored = await session.get_one(Appointment, visit.id)
        assert stored is not visit
        assert stored.reason == "Cough, since 1 March"
        columns = Appointment.__table__.columns.keys()
        assert {name: getattr(stored, name) for name in columns} == {name: getattr(visit, name) for name in columns}
        assert b"Cough" not in (stored.reason_sealed or b"")


async def test_a_visit_that_follows_another_without_a_gap_is_booked(clinic: Clinic, ten: datetime) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    for start in (ten, ten - HALF_HOUR, ten + HALF_HOUR):
        await clinic.visit(patient, doctor, start)
    assert await flaws(clinic.database) == []


async def test_buffers_take_the_doctors_time_and_not_the_patients(clinic: Clinic, ten: datetime) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    kind = await clinic.visit_type(grid_minutes=5, buffer_before_minutes=5, buffer_after_minutes=10)
    await clinic.visit(patient, doctor, ten, visit_type_id=kind.id)
    first = tick_of(ten)
    assert await ticks_of(clinic.database, patient.id) == [(first + number, False) for number in range(6)]
    assert await ticks_of(clinic.database, doctor.id) == [
        (first - 1, True), *((first + number, False) for number in range(6)), (first + 6, True), (first + 7, True),
    ]  # fmt: skip
    assert await flaws(clinic.database) == []


@pytest.mark.parametrize(
    ("minutes", "refused"),
    [(-45, None), (-40, BufferNeeded), (-30, BufferNeeded), (-25, SlotTaken), (0, SlotTaken), (25, SlotTaken),
     (30, BufferNeeded), (40, BufferNeeded), (45, None)],
)  # fmt: skip
async def test_between_two_visits_lie_the_buffer_after_the_one_and_before_the_other(
    minutes: int, refused: type[TimeRefused] | None, clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    kind = await clinic.visit_type(grid_minutes=5, buffer_before_minutes=5, buffer_after_minutes=10)
    await clinic.visit(one, doctor, ten, visit_type_id=kind.id)
    if refused is None:
        await clinic.visit(another, doctor, ten + timedelta(minutes=minutes), visit_type_id=kind.id)
        assert await flaws(sqlite_database) == []
        return
    with pytest.raises(TimeRefused) as refusal:
        await clinic.visit(another, doctor, ten + timedelta(minutes=minutes), visit_type_id=kind.id)
    assert type(refusal.value) is refused


async def test_buffers_may_lie_outside_the_hours(clinic: Clinic, clock: FixedClock, sqlite_database: Database) -> None:
    kind = await clinic.visit_type(buffer_before_minutes=15, buffer_after_minutes=15)
    doctor, patient = await clinic.doctor(), await clinic.patient()
    for hours in (timedelta(hours=1), timedelta(hours=8, minutes=30)):
        await clinic.visit(patient, doctor, clock.now() + hours, visit_type_id=kind.id)
    assert await flaws(sqlite_database) == []


async def test_limits_count_the_visits_that_stand_and_no_others(
    clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    doctor, one, another, third = await clinic.doctor(), *[await clinic.patient() for _ in range(3)]
    kind = await clinic.visit_type(daily_limit=2, patient_limit=1)
    visit = await clinic.visit(one, doctor, ten, visit_type_id=kind.id)
    with pytest.raises(PatientLimit):
        await clinic.visit(one, doctor, ten + timedelta(days=1), visit_type_id=kind.id)
    await cancel(clinic, one, visit)
    for patient, at in ((one, ten), (another, ten + HALF_HOUR)):
        await clinic.visit(patient, doctor, at, visit_type_id=kind.id)
    with pytest.raises(DailyLimit):
        await clinic.visit(third, doctor, ten + 2 * HALF_HOUR, visit_type_id=kind.id)
    await clinic.visit(third, doctor, ten + timedelta(days=1), visit_type_id=kind.id)


async def test_a_refused_booking_leaves_nothing(clinic: Clinic, ten: datetime) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    await clinic.visit(one, doctor, ten)
    before = await remains(clinic.database)
    with pytest.raises(SlotTaken) as refused:
        await clinic.visit(another, doctor, ten, reason="Cough")
    after = await remains(clinic.database)
    assert [visit.id for visit in after.visits] == [visit.id for visit in before.visits]
    assert (after.ticks, after.events, after.trail) == (before.ticks, before.events, before.trail)
    assert refused.value.patient_id == another.id, "the trail will say whom it was about"


@pytest.mark.parametrize("field", ["doctor_id", "patient_id", "visit_type_id"])
async def test_whatever_does_not_exist_is_named(
    field: str, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    """Somebody who exists but is something else does not exist either."""
    doctor, patient = await clinic.doctor(), await clinic.patient()
    someone_else = doctor if field == "patient_id" else patient
    for stranger in (new_id(), someone_else.profile_id):
        wanted: dict[str, Any] = {"doctor_id": doctor.id, "patient_id": patient.id, "starts_at": ten, field: stranger}
        with pytest.raises(Invalid) as refused:
            async with transaction(sqlite_database.writes) as session:
                await service.book(session, desk.actor, service.Booking(**wanted), policy=Policy(),
                                   clock=clinic.clock)  # fmt: skip
        assert [(each.name, each.code) for each in refused.value.fields] == [(field, "unknown")]


async def test_somebody_else_cannot_be_booked_for_and_looks_like_nobody(
    clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient, other = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    said = []
    for patient_id in (other.id, new_id()):
        with pytest.raises(Invalid) as refused:
            await clinic.visit(patient, doctor, ten, patient_id=patient_id)
        said.append((refused.value.detail, refused.value.fields))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "said", [{"channel": Channel.PHONE}, {"is_notifying": False}, {"is_notifying": True}, {"extra_reason": "Pain"}]
)
async def test_patients_do_not_say_what_only_the_desk_may(
    said: dict[str, Any], clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    with pytest.raises(Forbidden):
        await clinic.visit(await clinic.patient(), await clinic.doctor(), ten, **said)


@pytest.mark.parametrize(("said", "channel"), [({}, Channel.DESK), ({"channel": Channel.PHONE}, Channel.PHONE)])
async def test_the_desk_books_at_the_desk_unless_it_says_otherwise(
    said: dict[str, Any], channel: Channel, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten, by=desk, patient_id=patient.id, **said)
    assert (visit.channel, visit.booked_by) == (channel, desk.user_id)


@pytest.mark.parametrize(
    ("contact_email", "has_login", "is_notifying", "notified"),
    [
        (None, True, None, Notified.QUEUED),
        ("pat@example.org", False, None, Notified.QUEUED),
        ("pat@example.org", False, True, Notified.QUEUED),
        (None, False, None, Notified.NO_ADDRESS),
        (None, False, True, Notified.NO_ADDRESS),
        (None, False, False, Notified.OFF),
        (None, True, False, Notified.OFF),
    ],
)
async def test_a_visit_says_whether_anybody_will_be_written_to(
    contact_email: str | None, has_login: bool, is_notifying: bool | None, notified: Notified,
    clinic: Clinic, desk: Person, ten: datetime, clock: FixedClock, sqlite_database: Database,
) -> None:  # fmt: skip
    if has_login:
        patient_id = (await clinic.patient()).id
    else:
        profile = {"first_name": "Pat", "last_name": "Sample", "contact_email": contact_email,
                   "birth_date": clock.now().date()}  # fmt: skip
        async with transaction(sqlite_database.writes) as session:
            patient_id = (await patients.register(session, desk.actor, profile, login=None, now=clock.now())).id
    visit = await clinic.visit(desk, await clinic.doctor(), ten, patient_id=patient_id, is_notifying=is_notifying)
    assert visit.notified == notified


# --- fitting in ------------------------------------------------------------------------------------------------------


async def test_whoever_is_fitted_in_takes_their_own_time_and_not_the_doctors(
    clinic: Clinic, desk: Person, ten: datetime
) -> None:
    doctor, one, another, third = await clinic.doctor(), *[await clinic.patient() for _ in range(3)]
    await clinic.visit(one, doctor, ten)
    before = await ticks_of(clinic.database, doctor.id)
    for patient in (another, third):
        extra = await clinic.visit(patient, doctor, ten, by=desk, patient_id=patient.id, extra_reason="Acute pain")
        assert extra.is_extra
        assert len(await ticks_of(clinic.database, patient.id)) == 6
    assert await ticks_of(clinic.database, doctor.id) == before
    assert await flaws(clinic.database) == []


async def test_nobody_is_fitted_in_over_a_visit_of_their_own_or_outside_the_hours(
    clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    await clinic.visit(patient, doctor, ten)
    for start, code in ((ten + timedelta(minutes=5), "patient_busy"), (ten + timedelta(hours=9), "outside_hours")):
        with pytest.raises(TimeRefused) as refused:
            await clinic.visit(patient, doctor, start, by=desk, patient_id=patient.id, extra_reason="Acute pain")
        assert refused.value.code == code


async def test_who_was_fitted_in_stands_in_nobodys_way_and_cancelling_frees_nobody_elses_time(
    clinic: Clinic, desk: Person, ten: datetime
) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    extra = await clinic.visit(another, doctor, ten, by=desk, patient_id=another.id, extra_reason="Acute pain")
    await clinic.visit(one, doctor, ten)
    await cancel(clinic, desk, extra)
    assert len(await ticks_of(clinic.database, doctor.id)) == 6
    assert await flaws(clinic.database) == []


# --- who treats whom -------------------------------------------------------------------------------------------------


async def treats(clinic: Clinic, doctor: Person, patient: Person, at: datetime) -> bool:
    async with clinic.database.reads() as session:
        return await care.exists(session, doctor.actor, patient_id=patient.profile_id, now=at)


async def test_a_doctor_treats_a_patient_from_the_booking_until_a_year_after_the_visit(
    clinic: Clinic, clock: FixedClock, ten: datetime
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    assert not await treats(clinic, doctor, patient, clock.now())
    visit = await clinic.visit(patient, doctor, ten)
    last = visit.ends_at + timedelta(days=365)
    moments = [clock.now(), ten, last - timedelta(microseconds=1), last]
    assert [await treats(clinic, doctor, patient, moment) for moment in moments] == [True, True, True, False]
    assert not await treats(clinic, await clinic.doctor(), patient, ten)


async def test_a_doctor_treats_nobody_because_of_a_visit_that_is_cancelled(clinic: Clinic, ten: datetime) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visits = [await clinic.visit(patient, doctor, ten + HALF_HOUR * number) for number in range(2)]
    await cancel(clinic, patient, visits[0])
    assert await treats(clinic, doctor, patient, ten), "because of the other visit"
    assert await flaws(clinic.database) == [], "the other visit keeps its time"
    await cancel(clinic, patient, visits[1])
    assert not await treats(clinic, doctor, patient, ten)


async def test_doctors_who_book_a_patient_themselves_do_not_gain_their_record(
    clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    both = replace(doctor.actor, permissions=doctor.actor.permissions | PERMISSIONS[Role.RECEPTIONIST])
    await clinic.visit(patient, doctor, ten, by=replace(doctor, actor=both), patient_id=patient.id)
    assert not await treats(clinic, doctor, patient, ten)
    async with sqlite_database.reads() as session:
        assert (await session.scalars(select(CareRelation))).all() == []


# --- cancelling ------------------------------------------------------------------------------------------------------


async def test_a_cancelled_visit_frees_its_time_at_once(clinic: Clinic, clock: FixedClock, ten: datetime) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    visit = await clinic.visit(one, doctor, ten)
    clock.advance(timedelta(minutes=3))
    cancelled = await cancel(clinic, one, visit, code="patient", note="I am well again")
    assert (cancelled.status, cancelled.version, cancelled.cancel_code) == (Status.CANCELLED, 2, "patient")
    assert (cancelled.cancelled_at, cancelled.cancelled_by) == (clock.now(), one.user_id)
    assert await note_of(clinic.database, visit) == "I am well again"
    assert b"well" not in (cancelled.cancel_note_sealed or b"")
    await clinic.visit(another, doctor, ten)
    await clinic.visit(one, await clinic.doctor(), ten)
    assert await flaws(clinic.database) == []


async def test_cancelling_again_changes_nothing_and_frees_nobody_elses_time(
    clinic: Clinic, desk: Person, clock: FixedClock, ten: datetime
) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    visit = await clinic.visit(one, doctor, ten)
    first = await cancel(clinic, one, visit, note="I am well again")
    await clinic.visit(another, doctor, ten)
    before = await remains(clinic.database)
    clock.advance(timedelta(days=1))
    for who, said in ((one, {"note": "Really"}), (desk, {"version": 1}), (desk, {"version": 2})):
        again = await cancel(clinic, who, visit, **said)
        assert (again.version, again.cancelled_at, again.cancelled_by) == (2, first.cancelled_at, one.user_id)
        assert await note_of(clinic.database, visit) == "I am well again"
    after = await remains(clinic.database)
    assert (after.ticks, after.events, after.trail) == (before.ticks, before.events, before.trail)


async def test_a_visit_is_cancelled_as_it_was_read_or_not_at_all(clinic: Clinic, ten: datetime) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten)
    for stale in (0, 2):
        with pytest.raises(VersionMismatch):
            await cancel(clinic, patient, visit, version=stale)
    assert (await cancel(clinic, patient, visit, version=1)).status == Status.CANCELLED


@pytest.mark.parametrize("status", sorted(set(Status) - CANCELLABLE - {Status.CANCELLED}))
async def test_a_visit_that_took_place_is_not_cancelled(
    status: Status, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten)
    await set_status(sqlite_database, visit, status)
    for who in (patient, desk):
        with pytest.raises(NotCancellable):
            await cancel(clinic, who, visit)
    assert len(await ticks_of(sqlite_database, patient.id)) == 6


async def test_once_a_visit_has_begun_only_the_desk_cancels_it(
    clinic: Clinic, desk: Person, clock: FixedClock, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, ten)
    clock.set(ten)
    for who in (patient, doctor):
        with pytest.raises(NotCancellable):
            await cancel(clinic, who, visit)
    assert (await cancel(clinic, desk, visit)).status == Status.CANCELLED


async def test_somebody_elses_visit_is_missing(clinic: Clinic, ten: datetime, sqlite_database: Database) -> None:
    visit = await clinic.visit(await clinic.patient(), await clinic.doctor(), ten)
    for who in (await clinic.patient(), await clinic.doctor()):
        with pytest.raises(NotFound):
            await cancel(clinic, who, visit)


async def test_a_patient_is_in_one_place_whoever_books(clinic: Clinic, desk: Person, ten: datetime) -> None:
    patient, doctors = await clinic.patient(), [await clinic.doctor() for _ in range(2)]
    kind = await clinic.visit_type(length_minutes=60, grid_minutes=15)
    await clinic.visit(patient, doctors[0], ten, visit_type_id=kind.id)
    for minutes in (-45, 0, 45):
        with pytest.raises(PatientBusy):
            await clinic.visit(patient, doctors[1], ten + timedelta(minutes=minutes), visit_type_id=kind.id, by=desk,
                               patient_id=patient.id)  # fmt: skip
