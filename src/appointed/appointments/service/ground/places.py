"""What concerns a place concerns every doctor who has hours there."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.appointments.models import Appointment
from appointed.availability.models import Schedule
from appointed.availability.service import check_elsewhere_at
from appointed.core.clock import Clock
from appointed.core.errors import NotFound, StartAgain
from appointed.locations import service as locations
from appointed.locations.holidays import Day
from appointed.locations.models import Location, TravelTime
from appointed.locations.queries import get as get_location

from .dealing import Affected, Cause, Dealing, Fate
from .taking import Taking, taking_ground

# Hours of the day before may go on, and walls are up to a day ahead of UTC or behind it.
_BEFORE, _AFTER = timedelta(days=2), timedelta(days=3)


@asynccontextmanager
async def taking_ground_at(
    session: AsyncSession,
    actor: Actor | None,
    places: Collection[UUID],
    dealing: Dealing,
    cause: Cause,
    *,
    on_date: date | None = None,
    clock: Clock,
) -> AsyncIterator[Taking]:
    """`taking_ground` of whoever has hours or visits at all of these locations: their time zone, their holidays, the
    way between them, whether they are active. With `on_date`, of visits around that day alone.

    Nobody gets hours there meanwhile: setting hours takes a lock of the location too.
    """
    whose = await _doctors_at(session, places, clock)
    only = Appointment.location_id.in_(places) & _around(on_date)
    async with taking_ground(session, actor, whose, dealing, cause, only=only, clock=clock) as taking:
        locked = select(Location.id).where(Location.id.in_(places)).order_by(Location.id)
        if len((await session.scalars(locked.with_for_update(key_share=True))).all()) != len(places):
            raise NotFound
        if await _doctors_at(session, places, clock) - whose:
            raise StartAgain
        yield taking


async def change_timezone(
    session: AsyncSession, location: Location, timezone: str, *, actor: Actor | None = None, clock: Clock
) -> list[Affected]:
    """Set the location's wall clock by another zone; visits that its hours have moved away from, marked."""
    keep = Dealing(Fate.KEEP)
    async with taking_ground_at(session, actor, {location.id}, keep, Cause.TIMEZONE_CHANGED, clock=clock) as taking:
        await session.refresh(location)
        if location.timezone != timezone:
            audit.record(session, taking.now, actor.user_id if actor else None, "location.timezone", "location",
                         location.id, before=location.timezone, after=timezone)  # fmt: skip
            location.timezone = timezone
    return taking.affected


async def change_location(
    session: AsyncSession,
    actor: Actor,
    location_id: UUID,
    changes: Mapping[str, Any],
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[Location, list[Affected]]:
    """Change what is given; `HoursOverlap` if by its new clock a doctor would be at two places at once. Visits that
    its hours have moved away from, or that lie on its holidays now, are marked."""
    location, keep = await get_location(session, location_id), Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    cause = Cause.TIMEZONE_CHANGED if "timezone" in changes else Cause.HOLIDAYS_CHANGED
    async with taking_ground_at(session, actor, {location_id}, keep, cause, clock=clock) as taking:
        await session.refresh(location)
        before = location.timezone
        await locations.change(session, actor.user_id, location, changes, now=taking.now)
        if location.timezone != before:
            await check_elsewhere_at(session, location_id, taking.now)
    return location, taking.affected


async def deactivate_location(
    session: AsyncSession, actor: Actor, location_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Have nobody booked there; the visits that were."""
    location, cause = await get_location(session, location_id), Cause.LOCATION_DEACTIVATED
    async with taking_ground_at(session, actor, {location_id}, dealing, cause, clock=clock) as taking:
        await session.refresh(location)
        await locations.deactivate(session, actor.user_id, location, now=taking.now)
    return taking.affected


async def set_day(
    session: AsyncSession,
    actor: Actor,
    location_id: UUID,
    on_date: date,
    *,
    is_open: bool,
    name: str | None = None,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[Day, list[Affected]]:
    """Have the location closed that day, or open although it is a public holiday; visits of a closed day, marked."""
    location, keep = await get_location(session, location_id), Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground_at(
        session, actor, {location_id}, keep, Cause.CLOSED, on_date=on_date, clock=clock
    ) as taking:
        await session.refresh(location)
        day = await locations.set_day(session, actor.user_id, location, on_date, is_open=is_open, name=name,
                                      now=taking.now)  # fmt: skip
    return day, taking.affected


async def unset_day(
    session: AsyncSession, actor: Actor, location_id: UUID, on_date: date, *, is_dry_run: bool = False, clock: Clock
) -> list[Affected]:
    """Let the calendar say again whether the location is closed that day; the visits of a holiday, marked."""
    location, keep = await get_location(session, location_id), Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground_at(
        session, actor, {location_id}, keep, Cause.HOLIDAYS_CHANGED, on_date=on_date, clock=clock
    ) as taking:
        await session.refresh(location)
        await locations.unset_day(session, actor.user_id, location, on_date, now=taking.now)
    return taking.affected


async def set_travel(
    session: AsyncSession,
    actor: Actor,
    location_id: UUID,
    other_id: UUID,
    minutes: int,
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[TravelTime, list[Affected]]:
    """Say how long it takes from one to the other; the visits for which the doctor would be late, marked."""
    places, keep = {location_id, other_id}, Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground_at(session, actor, places, keep, Cause.TRAVEL_TIME, clock=clock) as taking:
        row = await locations.set_travel(session, actor.user_id, location_id, other_id, minutes, now=taking.now)
    return row, taking.affected


async def unset_travel(session: AsyncSession, actor: Actor, location_id: UUID, other_id: UUID, *, clock: Clock) -> None:
    """Say nothing of how long it takes; visits that were marked for it lose their mark."""
    places, keep = {location_id, other_id}, Dealing(Fate.KEEP)
    async with taking_ground_at(session, actor, places, keep, Cause.TRAVEL_TIME, clock=clock) as taking:
        await locations.unset_travel(session, actor.user_id, location_id, other_id, now=taking.now)


def _around(on_date: date | None) -> ColumnElement[bool]:
    if on_date is None:
        return true()
    midnight = datetime.combine(on_date, time(), UTC)
    return Appointment.starts_at.between(midnight - _BEFORE, midnight + _AFTER)


async def _doctors_at(session: AsyncSession, places: Collection[UUID], clock: Clock) -> set[UUID]:
    """Doctors with hours, or with visits to come, at each of the locations."""
    found = []
    for place in places:
        rows = await session.scalars(select(Schedule.doctor_id).where(Schedule.location_id == place).distinct())
        found.append({*rows, *await queries.doctors_awaited_at(session, place, clock.now())})
    return set.intersection(*found)
