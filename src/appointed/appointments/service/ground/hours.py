"""Setting, changing and removing a doctor's hours."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import availability, doctors
from appointed.accounts.actor import Actor
from appointed.availability.models import Schedule
from appointed.availability.rules import HoursKind
from appointed.availability.service import (
    WeeklyHours,
    change,
    check_may_change,
    new,
    owner_of,
    place_of,
    remove,
)
from appointed.core.clock import Clock

from .dealing import Affected, Cause, Dealing, Fate
from .taking import taking_ground

CAUSES = {HoursKind.BREAK: Cause.BREAK, HoursKind.CLOSED: Cause.CLOSED}


async def add_hours(
    session: AsyncSession,
    actor: Actor,
    doctor_id: UUID | None,
    hours: WeeklyHours,
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[Schedule, list[Affected]]:
    """New hours; without `doctor_id`, of the doctor who asks. Visits in a break or on a closed day are marked."""
    hours.check()
    doctor = await owner_of(session, actor, doctor_id)
    at = await place_of(session, hours.location_id)
    await check_may_change(session, actor, doctor, [at])
    cause, dealing = CAUSES.get(hours.kind, Cause.HOURS_CHANGED), Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground(session, actor, [doctor.id], dealing, cause, clock=clock) as taking:
        schedule = await new(session, doctor.id, replace(hours, location_id=at), by=actor.user_id, now=taking.now)
    return schedule, taking.affected


async def change_hours(
    session: AsyncSession,
    actor: Actor,
    schedule_id: UUID,
    change_of: Callable[[Schedule], WeeklyHours],
    dealing: Dealing,
    *,
    clock: Clock,
) -> tuple[Schedule, list[Affected]]:
    """Make hours what `change_of` says of the locked row; the row, and the visits that stood on what is not open any
    more."""
    seen = await _seen(session, actor, schedule_id)
    hours = change_of(seen)
    hours.check()
    doctor = await doctors.get(session, seen.doctor_id)
    at = await place_of(session, hours.location_id)
    await check_may_change(session, actor, doctor, [at])
    cause, dealing = CAUSES.get(hours.kind, Cause.HOURS_CHANGED), _dealing(seen, dealing)
    async with taking_ground(session, actor, [doctor.id], dealing, cause, clock=clock) as taking:
        schedule = await availability.get(session, schedule_id)
        await change(session, schedule, change_of(schedule), by=actor.user_id, now=taking.now)
    return schedule, taking.affected


async def remove_hours(
    session: AsyncSession, actor: Actor, schedule_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Remove hours; the visits that stood on them."""
    seen = await _seen(session, actor, schedule_id)
    dealing = _dealing(seen, dealing)
    async with taking_ground(session, actor, [seen.doctor_id], dealing, Cause.HOURS_REMOVED, clock=clock) as taking:
        schedule = await availability.get(session, schedule_id)
        await remove(session, schedule, by=actor.user_id, now=taking.now)
    return taking.affected


async def _seen(session: AsyncSession, actor: Actor, schedule_id: UUID) -> Schedule:
    """The row as it is before the lock, if they may change it."""
    seen = await availability.get(session, schedule_id)
    doctor = await doctors.get(session, seen.doctor_id)
    await check_may_change(session, actor, doctor, [seen.location_id])
    return seen


def _dealing(schedule: Schedule, dealing: Dealing) -> Dealing:
    """Visits stand in the way of removing what is open; whatever takes time away by itself only marks them."""
    if dealing.fate is None and schedule.kind in CAUSES:
        return replace(dealing, fate=Fate.KEEP)
    return dealing
