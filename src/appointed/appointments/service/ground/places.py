"""What concerns a place concerns every doctor who has hours there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.availability.models import Schedule
from appointed.core.clock import Clock
from appointed.core.errors import NotFound, StartAgain
from appointed.locations.models import Location

from .dealing import Affected, Cause, Dealing, Fate
from .taking import Taking, taking_ground


@asynccontextmanager
async def taking_ground_at(
    session: AsyncSession,
    actor: Actor | None,
    location_id: UUID,
    dealing: Dealing,
    cause: Cause,
    *,
    clock: Clock,
) -> AsyncIterator[Taking]:
    """`taking_ground` of a location: its time zone, a day on which it is closed, whether it is active. Nobody gets
    hours there meanwhile: setting hours takes a lock of the location too."""
    whose = await _doctors_at(session, location_id, clock)
    async with taking_ground(session, actor, whose, dealing, cause, clock=clock) as taking:
        locked = select(Location.id).where(Location.id == location_id).with_for_update(key_share=True)
        if await session.scalar(locked) is None:
            raise NotFound
        if await _doctors_at(session, location_id, clock) - whose:
            raise StartAgain
        yield taking


async def change_timezone(
    session: AsyncSession, location: Location, timezone: str, *, actor: Actor | None = None, clock: Clock
) -> list[Affected]:
    """Set the location's wall clock by another zone; visits that its hours have moved away from, marked."""
    keep = Dealing(Fate.KEEP)
    async with taking_ground_at(session, actor, location.id, keep, Cause.TIMEZONE_CHANGED, clock=clock) as taking:
        await session.refresh(location)
        if location.timezone != timezone:
            audit.record(session, taking.now, actor.user_id if actor else None, "location.timezone", "location",
                         location.id, before=location.timezone, after=timezone)  # fmt: skip
            location.timezone = timezone
    return taking.affected


async def _doctors_at(session: AsyncSession, location_id: UUID, clock: Clock) -> set[UUID]:
    """Doctors with hours there, or with visits to come."""
    with_hours = await session.scalars(select(Schedule.doctor_id).where(Schedule.location_id == location_id).distinct())
    return {*with_hours, *await queries.doctors_awaited_at(session, location_id, clock.now())}
