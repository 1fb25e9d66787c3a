"""Setting a doctor's hours: weekly ones, breaks in them, and exceptions on single days."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, doctors, resources
from appointed.accounts.actor import Actor
from appointed.availability.errors import OffGrid
from appointed.availability.models import Schedule, ScheduleVisitType
from appointed.availability.rules import HoursKind
from appointed.core.errors import Field, Invalid, NotFound
from appointed.core.ids import new_id
from appointed.locations.models import Location
from appointed.locations.service import get_default
from appointed.visit_types.models import VisitType

from .elsewhere import check_elsewhere

DAY_MINUTES = 24 * 60
STEP_MINUTES = 5
LONGEST_RELEASE_MINUTES = 14 * DAY_MINUTES
OPENING = frozenset({HoursKind.OPEN, HoursKind.EXTRA})
ON_ONE_DAY = frozenset({HoursKind.EXTRA, HoursKind.CLOSED})


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Wall time in minutes from midnight of the weekday (Monday 0); an end beyond 1,440 lies on the next day.

    Exceptions by date are valid on that one day.
    """

    weekday: int
    start_minute: int
    end_minute: int
    valid_from: date | None = None
    valid_until: date | None = None
    location_id: UUID | None = None
    visit_type_ids: frozenset[UUID] = frozenset()
    kind: HoursKind = HoursKind.OPEN
    release_minutes: int | None = None

    def check(self) -> None:
        times = {"start_time": self.start_minute, "end_time": self.end_minute}
        if off := [name for name, minute in times.items() if minute % STEP_MINUTES]:
            raise OffGrid(fields=[Field(name, OffGrid.code, OffGrid.detail) for name in off])
        if not self.start_minute < self.end_minute:
            raise Invalid.field("end_time", "The end must be after the start, or on the next day with ends_next_day.")
        if self.end_minute - self.start_minute > DAY_MINUTES:
            raise Invalid.field("end_time", "Hours last a day at the most.")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise Invalid.field("valid_until", "The last day must not be before the first.")
        self._check_kind()

    def _check_kind(self) -> None:
        if self.kind not in OPENING and self.visit_type_ids:
            raise Invalid.field("visit_type_ids", "What takes time away takes it from every visit type.")
        if self.kind not in OPENING and self.release_minutes is not None:
            raise Invalid.field("release_minutes", "Only what is open can be kept back.")
        if self.kind in ON_ONE_DAY and (
            self.valid_from is None or self.valid_from != self.valid_until or self.valid_from.weekday() != self.weekday
        ):
            raise Invalid.field("weekday", "An exception keeps its day. Remove it and make another.")


async def add(
    session: AsyncSession, actor: Actor | None, doctor_id: UUID, hours: WeeklyHours, *, now: datetime
) -> Schedule:
    """New hours of a doctor who is locked here. Takes no ground from anybody only if `hours` are open; without an
    actor: the command line."""
    try:
        await resources.lock(session, [doctor_id])
        await doctors.get(session, doctor_id)
    except NotFound:
        raise Invalid.field("doctor_id", "There is no such doctor.", "unknown") from None
    return await new(session, doctor_id, hours, by=actor.user_id if actor else None, now=now)


async def new(
    session: AsyncSession, doctor_id: UUID, hours: WeeklyHours, *, by: UUID | None, now: datetime
) -> Schedule:
    """New hours of a doctor whose row is locked; `HoursOverlap` if the doctor is elsewhere then."""
    schedule = Schedule(id=new_id(), doctor_id=doctor_id, created_at=now)
    await apply(session, schedule, hours)
    session.add(schedule)
    await session.flush()
    await check_elsewhere(session, doctor_id, [schedule.id], now)
    _record(session, now, by, "add", schedule)
    return schedule


async def change(session: AsyncSession, schedule: Schedule, hours: WeeklyHours, *, by: UUID, now: datetime) -> None:
    """Make the row, whose doctor is locked, what `hours` says."""
    await apply(session, schedule, hours)
    await session.flush()
    await check_elsewhere(session, schedule.doctor_id, [schedule.id], now)
    _record(session, now, by, "change", schedule)


async def remove(session: AsyncSession, schedule: Schedule, *, by: UUID, now: datetime) -> None:
    """Delete the row, whose doctor is locked. Without a break or a closed day two places may overlap."""
    at, doctor_id = schedule.location_id, schedule.doctor_id
    await session.delete(schedule)
    await session.flush()
    if schedule.kind not in OPENING:
        rows = select(Schedule.id).where(Schedule.doctor_id == doctor_id, Schedule.location_id == at)
        await check_elsewhere(session, doctor_id, (await session.scalars(rows)).all(), now)
    _record(session, now, by, "remove", schedule)


async def replace_all(
    session: AsyncSession,
    doctor_id: UUID,
    gone: Collection[Schedule],
    come: Sequence[WeeklyHours],
    *,
    by: UUID,
    now: datetime,
) -> list[Schedule]:
    """Put new hours, each at a location that is named, in the place of others of a doctor whose row is locked."""
    for hours in come:
        hours.check()
    for row in gone:
        await session.delete(row)
        _record(session, now, by, "remove", row)
    await session.flush()
    at = {hours.location_id for hours in come if hours.location_id}
    held = select(Location.id).where(Location.id.in_(at)).order_by(Location.id)
    await session.execute(held.with_for_update(read=True))
    await _check_visit_types(session, {one for hours in come for one in hours.visit_type_ids})
    rows = [Schedule(id=new_id(), doctor_id=doctor_id, created_at=now) for _ in come]
    for row, hours in zip(rows, come, strict=True):
        _write(row, hours, hours.location_id)
        session.add(row)
        _record(session, now, by, "add", row)
    await session.flush()
    freed = {row.location_id for row in gone if row.kind not in OPENING}
    every = await session.execute(select(Schedule.id, Schedule.location_id).where(Schedule.doctor_id == doctor_id))
    changed = {row.id for row in rows} | {id_ for id_, location_id in every.all() if location_id in freed}
    await check_elsewhere(session, doctor_id, changed, now)
    return rows


async def apply(session: AsyncSession, schedule: Schedule, hours: WeeklyHours) -> None:
    """Write the hours into the row, whose doctor is locked."""
    hours.check()
    place = await _place(session, hours.location_id)
    await _check_visit_types(session, hours.visit_type_ids)
    _write(schedule, hours, place)


def _write(schedule: Schedule, hours: WeeklyHours, place: UUID | None) -> None:
    assert place is not None  # noqa: S101 - where none was named, it was looked up
    schedule.location_id = place
    schedule.kind, schedule.weekday = hours.kind, hours.weekday
    schedule.start_minute, schedule.end_minute = hours.start_minute, hours.end_minute
    schedule.valid_from, schedule.valid_until = hours.valid_from, hours.valid_until
    schedule.release_minutes = hours.release_minutes
    schedule.visit_type_rows = [
        ScheduleVisitType(schedule_id=schedule.id, visit_type_id=visit_type_id)
        for visit_type_id in sorted(hours.visit_type_ids)
    ]


def hours_in(schedule: Schedule) -> WeeklyHours:
    """What the row says."""
    return WeeklyHours(schedule.weekday, schedule.start_minute, schedule.end_minute, schedule.valid_from,
                       schedule.valid_until, schedule.location_id, frozenset(schedule.visit_type_ids),
                       HoursKind(schedule.kind), schedule.release_minutes)  # fmt: skip


async def place_of(session: AsyncSession, location_id: UUID | None) -> UUID:
    """The location that is meant; left out, the clinic."""
    if location_id is None:
        return (await get_default(session)).id
    if await session.get(Location, location_id) is None:
        raise Invalid.field("location_id", "There is no such location.", "unknown")
    return location_id


async def _place(session: AsyncSession, location_id: UUID | None) -> UUID:
    """The location, held as it is: who closes it meanwhile would not know of these hours, nor of what is booked."""
    found = await place_of(session, location_id)
    await session.execute(select(Location.id).where(Location.id == found).with_for_update(read=True))
    return found


def _record(session: AsyncSession, now: datetime, by: UUID | None, verb: str, schedule: Schedule) -> None:
    audit.record(session, now, by, f"hours.{verb}", "schedule", schedule.id, doctor_id=str(schedule.doctor_id))


async def _check_visit_types(session: AsyncSession, ids: Collection[UUID]) -> None:
    if ids:
        known = await session.scalars(select(VisitType.id).where(VisitType.id.in_(ids)))
        if len(known.all()) != len(ids):
            raise Invalid.field("visit_type_ids", "There is no such visit type.", "unknown")
