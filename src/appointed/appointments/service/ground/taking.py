"""The one way to take time away: what stood on it is found, told and dealt with. No visit loses its ground in
silence."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.appointments.models import Appointment
from appointed.core.clock import Clock
from appointed.core.errors import StartAgain
from appointed.core.rehearsal import rehearsed

from .dealing import Affected, Cause, Dealing, Fate, deal, mend
from .standing import Lack, Standing, standing_of

# What a visit that was booked over the rules never had, and cannot get back.
_EXCUSED = frozenset({Lack.HOURS, Lack.HOURS_BESIDE})


@dataclass(slots=True)
class Taking:
    """`now` was read after the lock. `affected` is filled when the change is done."""

    now: datetime
    affected: list[Affected] = field(default_factory=list)


@asynccontextmanager
async def taking_ground(
    session: AsyncSession,
    actor: Actor | None,
    whose: Collection[UUID],
    dealing: Dealing,
    cause: Cause,
    *,
    only: ColumnElement[bool] | None = None,
    clock: Clock,
) -> AsyncIterator[Taking]:
    """Change in the block what visits stand on; `whose` are the doctors, patients, rooms and devices that it is about,
    and `only` such of their visits.

    They are locked, and the visits to come that take any of them are read. What a visit lacks after the block and did
    not before is lost: it is dealt with, or `VisitsAffected`. Visits that were marked because of their ground and lack
    nothing any more lose the mark. In a dry run all of it is undone, and `affected` tells what it would have been.
    """
    dealing.check()
    visits = await _lock(session, whose, dealing, only, clock)
    taking = Taking(clock.now())
    visits = [visit for visit in visits if visit.ends_at > taking.now]
    before = await standing_of(session, visits, taking.now)
    async with rehearsed(session) if dealing.is_dry_run else nullcontext():
        yield taking
        await session.flush()
        after = await standing_of(session, visits, taking.now)
        lost = [visit for visit in visits if after.lacks(visit) - before.lacks(visit)]
        taking.affected = [Affected(visit.id, visit.starts_at) for visit in _by_start(lost)]
        if not dealing.is_dry_run:
            await deal(session, actor, _by_start(lost), dealing, cause, taking.now)
            for visit in visits:
                if visit.needs_attention and visit not in lost and _is_whole(visit, after):
                    mend(session, actor, visit, taking.now)


async def mark_if_groundless(session: AsyncSession, actor: Actor, visit: Appointment, now: datetime) -> None:
    """Mark a visit that was given up and taken up again, if it lost its ground in between."""
    if (await standing_of(session, [visit], now)).lacks(visit) - _excused(visit):
        await deal(session, actor, [visit], Dealing(Fate.KEEP), Cause.UNDONE, now)


def _excused(visit: Appointment) -> frozenset[Lack]:
    return _EXCUSED if visit.override_reason_sealed else frozenset({Lack.HOURS_BESIDE})


def _is_whole(visit: Appointment, standing: Standing) -> bool:
    """Whether a visit that was marked for its ground has all of it."""
    return visit.attention_code in frozenset(Cause) and not standing.lacks(visit) - _excused(visit)


def _by_start(visits: Sequence[Appointment]) -> list[Appointment]:
    return sorted(visits, key=lambda visit: (visit.starts_at, visit.id))


async def _lock(
    session: AsyncSession, whose: Collection[UUID], dealing: Dealing, only: ColumnElement[bool] | None, clock: Clock
) -> Sequence[Appointment]:
    """Lock them, and everybody whose time a cancelled visit frees; then read their visits to come."""
    locked = set(whose)
    if dealing.fate is Fate.CANCEL and not dealing.is_dry_run:
        locked |= await queries.taken_by(session, await queries.upcoming_of(session, whose, clock.now(), only))
    await resources.lock(session, locked)
    visits = await queries.upcoming_of(session, whose, clock.now(), only)
    if dealing.fate is Fate.CANCEL and not dealing.is_dry_run and await queries.taken_by(session, visits) - locked:
        raise StartAgain
    return await queries.get_locked(session, [visit.id for visit in visits]) if visits else []
