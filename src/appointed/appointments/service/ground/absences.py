"""Time off: leave and blocks, which mark the visits that they meet."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors
from appointed.accounts.actor import Actor
from appointed.availability.models import TimeOff
from appointed.availability.queries import get_absence
from appointed.availability.rules import TimeOffKind
from appointed.availability.service import (
    Absence,
    Days,
    change_absence,
    check_may_change_absences,
    new_absence,
    owner_of,
    remove_absence,
    span_of,
)
from appointed.core.clock import Clock

from .dealing import Affected, Cause, Dealing, Fate
from .taking import taking_ground

CAUSES = {TimeOffKind.LEAVE: Cause.ON_LEAVE, TimeOffKind.BLOCK: Cause.BLOCKED}


async def add_time_off(
    session: AsyncSession,
    actor: Actor,
    doctor_id: UUID | None,
    days: Days | None,
    absence_of: Callable[[datetime | None, datetime | None], Absence],
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[TimeOff, list[Affected]]:
    """Leave, or a block; the visits in it are marked. `absence_of` is told the instants of `days`; without `doctor_id`
    it is that of the doctor who asks."""
    doctor = await owner_of(session, actor, doctor_id)
    await check_may_change_absences(session, actor, doctor)
    absence = absence_of(*await _span(session, doctor.id, days))
    absence.check()
    dealing = Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground(session, actor, [doctor.id], dealing, CAUSES[absence.kind], clock=clock) as taking:
        row = new_absence(session, actor.user_id, doctor.id, absence, taking.now)
    return row, taking.affected


async def change_time_off(
    session: AsyncSession,
    actor: Actor,
    absence_id: UUID,
    days: Days | None,
    change_of: Callable[[TimeOff, datetime | None, datetime | None], Absence],
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> tuple[TimeOff, list[Affected]]:
    """Make time off what `change_of` says of the locked row; visits that it meets now are marked, and those that it
    does not meet any more lose their mark."""
    seen = await _seen(session, actor, absence_id)
    span = await _span(session, seen.doctor_id, days)
    change_of(seen, *span).check()
    dealing, cause = Dealing(Fate.KEEP, is_dry_run=is_dry_run), CAUSES[TimeOffKind(seen.kind)]
    async with taking_ground(session, actor, [seen.doctor_id], dealing, cause, clock=clock) as taking:
        row = await get_absence(session, absence_id)
        absence = change_of(row, *span)
        absence.check()
        change_absence(session, actor.user_id, row, absence, taking.now)
    return row, taking.affected


async def remove_time_off(
    session: AsyncSession, actor: Actor, absence_id: UUID, *, is_dry_run: bool = False, clock: Clock
) -> None:
    """Give the time back: visits that were marked for it lose their mark."""
    seen = await _seen(session, actor, absence_id)
    dealing, cause = Dealing(Fate.KEEP, is_dry_run=is_dry_run), CAUSES[TimeOffKind(seen.kind)]
    async with taking_ground(session, actor, [seen.doctor_id], dealing, cause, clock=clock) as taking:
        await remove_absence(session, actor.user_id, await get_absence(session, absence_id), taking.now)


async def _span(
    session: AsyncSession, doctor_id: UUID, days: Days | None
) -> tuple[datetime, datetime] | tuple[None, None]:
    return await span_of(session, doctor_id, days) if days else (None, None)


async def _seen(session: AsyncSession, actor: Actor, absence_id: UUID) -> TimeOff:
    """The row as it is before the lock, if they may change it."""
    seen = await get_absence(session, absence_id)
    await check_may_change_absences(session, actor, await doctors.get(session, seen.doctor_id))
    return seen
