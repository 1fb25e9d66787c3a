"""Changing a series: from one of its visits on, or all of it; what is over or gone is left as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import offers, queries
from appointed.appointments.errors import NotPossibleNow, TimeSkipped
from appointed.appointments.events import SeriesCancelled, SeriesRescheduled
from appointed.appointments.models import Appointment, Series
from appointed.appointments.policy import Policy
from appointed.appointments.recurrence import shifted, wall_of
from appointed.appointments.rules import UPCOMING
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.errors import StartAgain

from .booking import check_allowed
from .cancelling import give_up, is_late
from .moving import Move, asked_for, booking_for, carry_over
from .series import zone_at
from .several import Told, check_all_had, lock_for, told_of


@dataclass(frozen=True, slots=True)
class ChangedSeries:
    """The series with all of its visits in order."""

    series: Series
    visits: Sequence[Appointment]


async def cancel_series(
    session: AsyncSession,
    actor: Actor,
    series_id: UUID,
    *,
    first_number: int = 1,
    code: str | None = None,
    note: str | None = None,
    clock: Clock,
) -> ChangedSeries:
    """Cancel what is to come from that visit on; again changes nothing. The patient is told of all in one letter."""
    await _check_may(session, actor, series_id)
    _, seen = await queries.get_series(session, actor, series_id)
    whom = await queries.taken_by(session, seen)
    await resources.lock(session, whom)
    visits = await _lock_rows(session, seen, whom)
    now, cancelled = clock.now(), 0
    for visit in _changeable(visits, first_number, actor, now):
        late = await is_late(session, visit, now)
        await give_up(session, visit, by=actor.user_id, code=code, note=note, is_late=late, is_told_singly=False,
                      now=now)  # fmt: skip
        cancelled += 1
    if cancelled:
        outbox.publish(session, SeriesCancelled(series_id, now), now)
    return await _changed(session, actor, series_id)


async def reschedule_series(
    session: AsyncSession,
    actor: Actor,
    series_id: UUID,
    move: Move,
    *,
    first_number: int = 1,
    policy: Policy,
    clock: Clock,
) -> ChangedSeries:
    """Move what is to come from that visit on by as much of the wall clock as the first of them moves to `starts_at`.

    All of them or none: `TimeRefused` with a report on each. `NotPossibleNow` if nothing is to come.
    """
    await _check_may(session, actor, series_id)
    _, seen = await queries.get_series(session, actor, series_id)
    upcoming = _changeable(seen, first_number, actor, clock.now())
    if not upcoming:
        raise NotPossibleNow("No visit of this series is to come from there on.", patient_id=seen[0].patient_id)
    moves = await _moves(session, upcoming, move)
    askeds = [
        asked_for(actor, booking_for(visit, each), visit, each, policy)
        for visit, each in zip(upcoming, moves, strict=True)
        if each
    ]
    check_allowed(actor, booking_for(upcoming[0], move))
    whom = await lock_for(session, askeds, besides=await queries.taken_by(session, seen))
    visits = await _lock_rows(session, seen, whom)
    now = clock.now()
    if [visit.id for visit in _changeable(visits, first_number, actor, now)] != [visit.id for visit in upcoming]:
        raise StartAgain
    told = await _carry_all(session, actor, upcoming, moves, whom, policy, now)
    check_all_had(told, "occurrences")
    outbox.publish(session, SeriesRescheduled(series_id), now)
    return await _changed(session, actor, series_id)


async def _carry_all(
    session: AsyncSession,
    actor: Actor,
    visits: Sequence[Appointment],
    moves: Sequence[Move | None],
    whom: frozenset[UUID],
    policy: Policy,
    now: datetime,
) -> list[Told]:
    """Those that go later begin with the last of them, or each would meet the next where that still is."""
    is_later = any(move and move.starts_at > visit.starts_at for visit, move in zip(visits, moves, strict=True))
    numbers = range(len(visits))
    told: dict[int, Told] = {}
    for number in reversed(numbers) if is_later else numbers:
        visit, move = visits[number], moves[number]
        if move is None:
            told[number] = Told(visit.patient_id, None, None, refusal=TimeSkipped)
            continue
        booking = booking_for(visit, move)
        judged = await offers.judge(session, asked_for(actor, booking, visit, move, policy), now, locked=whom)
        if not judged.reason:
            await carry_over(session, visit, judged, booking, by=actor.user_id, is_told_singly=False, policy=policy,
                             now=now)  # fmt: skip
        told[number] = told_of(judged, None if judged.reason else visit)
    return [told[number] for number in numbers]


async def _moves(session: AsyncSession, visits: Sequence[Appointment], move: Move) -> list[Move | None]:
    """Where each goes; None where the clocks skip that time."""
    first = visits[0]
    zone = await zone_at(session, first.location_id)
    by = wall_of(move.starts_at, zone) - wall_of(first.starts_at, zone)
    length = move.ends_at - move.starts_at if move.ends_at else None
    return [
        replace(move, starts_at=each.starts_at, ends_at=each.starts_at + length if length else None)
        if each.starts_at
        else None
        for each in shifted([visit.starts_at for visit in visits], by, zone)
    ]


async def _check_may(session: AsyncSession, actor: Actor, series_id: UUID) -> None:
    """Whoever may change one of its visits may change all."""
    _, visits = await queries.get_series(session, actor, series_id)
    await queries.get_for_change(session, actor, visits[0].id)


async def _lock_rows(
    session: AsyncSession, seen: Sequence[Appointment], whom: frozenset[UUID] | set[UUID]
) -> Sequence[Appointment]:
    locked = {visit.id: visit for visit in await queries.get_locked(session, [visit.id for visit in seen])}
    if await queries.taken_by(session, list(locked.values())) - whom:
        raise StartAgain
    return [locked[visit.id] for visit in seen]


def _changeable(visits: Sequence[Appointment], first_number: int, actor: Actor, now: datetime) -> list[Appointment]:
    """Those to come; of what has begun by the clock and nobody came to yet, the desk's word counts."""
    is_desk = actor.may(Permission.APPOINTMENTS_BOOK_ALL)
    return [
        visit
        for visit in visits
        if (visit.series_number or 0) >= first_number
        and visit.status in UPCOMING
        and (is_desk or visit.starts_at > now)
    ]


async def _changed(session: AsyncSession, actor: Actor, series_id: UUID) -> ChangedSeries:
    return ChangedSeries(*await queries.get_series(session, actor, series_id))
