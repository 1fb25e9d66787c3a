"""Copying what is special about a week to other weeks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor
from appointed.availability import queries
from appointed.availability.models import Schedule, TimeOff
from appointed.availability.rules import HoursKind, TimeOffKind
from appointed.availability.service import (
    Absence,
    WeeklyHours,
    check_may_change,
    check_may_change_absences,
    hours_in,
    new,
    new_absence,
    owner_of,
)
from appointed.core.clock import Clock
from appointed.core.errors import Invalid
from appointed.doctors.models import Doctor
from appointed.locations.service import get_default

from .dealing import Affected, Cause, Dealing, Fate
from .taking import taking_ground

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was added, and whom it hits."""

    hours: Sequence[Schedule]
    time_off: Sequence[TimeOff]
    affected: Sequence[Affected]


async def copy_week(
    session: AsyncSession,
    actor: Actor,
    doctor_id: UUID | None,
    from_week: date,
    to_weeks: Collection[date],
    *,
    is_dry_run: bool = False,
    clock: Clock,
) -> Copied:
    """Copy a week's exceptions by date and its blocks to other weeks, all of them or none; weeks are named by their
    Mondays.

    Exceptions keep their weekday and their wall time, blocks keep theirs at the clinic and belong to the week in which
    they begin there. Weekly hours and breaks hold in every week anyway, and leave is never copied. What the other weeks
    have already stays, and what they have just so is not added again.
    """
    _check_weeks(from_week, to_weeks)
    doctor = await owner_of(session, actor, doctor_id)
    dealing = Dealing(Fate.KEEP, is_dry_run=is_dry_run)
    async with taking_ground(session, actor, [doctor.id], dealing, Cause.WEEK_COPIED, clock=clock) as taking:
        hours = await _copy_exceptions(session, actor, doctor, from_week, to_weeks, taking.now)
        time_off = await _copy_blocks(session, actor, doctor, from_week, to_weeks, taking.now)
    return Copied(hours, time_off, taking.affected)


def _check_weeks(from_week: date, to_weeks: Collection[date]) -> None:
    if from_week.weekday():
        raise Invalid.field("from_week", "Name the week by its Monday.")
    if any(week.weekday() for week in to_weeks) or from_week in to_weeks:
        raise Invalid.field("to_weeks", "Name other weeks, by their Mondays.")


async def _copy_exceptions(
    session: AsyncSession, actor: Actor, doctor: Doctor, from_week: date, to_weeks: Collection[date], now: datetime
) -> list[Schedule]:
    rows = await queries.of_doctors(session, [doctor.id], [HoursKind.CLOSED, HoursKind.EXTRA])
    every = [hours_in(row) for row in rows]
    theirs = [each for each in every if each.valid_from and from_week <= each.valid_from < from_week + WEEK]
    await check_may_change(session, actor, doctor, {each.location_id for each in theirs if each.location_id})
    # What is closed goes first: it may be what lets the doctor be somewhere else.
    theirs.sort(key=lambda each: each.kind is not HoursKind.CLOSED)
    wanted = [_moved(each, week - from_week) for each in theirs for week in sorted(to_weeks)]
    return [await new(session, doctor.id, each, by=actor.user_id, now=now) for each in wanted if each not in every]


def _moved(hours: WeeklyHours, by: timedelta) -> WeeklyHours:
    assert hours.valid_from is not None  # noqa: S101 - exceptions have their day
    return replace(hours, valid_from=hours.valid_from + by, valid_until=hours.valid_from + by)


async def _copy_blocks(
    session: AsyncSession, actor: Actor, doctor: Doctor, from_week: date, to_weeks: Collection[date], now: datetime
) -> list[TimeOff]:
    zone = ZoneInfo((await get_default(session)).timezone)
    blocks = await _blocks(session, doctor, from_week, zone)
    if blocks:
        await check_may_change_absences(session, actor, doctor)
    made = []
    for week in sorted(to_weeks):
        there = {(row.starts_at, row.ends_at, row.reason_code) for row in await _blocks(session, doctor, week, zone)}
        for row in blocks:
            start, end = (_later(at, week - from_week, zone) for at in (row.starts_at, row.ends_at))
            if (start, end, row.reason_code) not in there:
                block = Absence(TimeOffKind.BLOCK, start, end, row.reason_code, row.note)
                made.append(new_absence(session, actor.user_id, doctor.id, block, now))
    return made


async def _blocks(session: AsyncSession, doctor: Doctor, week: date, zone: ZoneInfo) -> list[TimeOff]:
    first, last = (datetime.combine(day, datetime.min.time(), zone) for day in (week, week + WEEK))
    found = await queries.absences(session, [doctor.id], first, last)
    return [row for row in found if row.kind == TimeOffKind.BLOCK and row.starts_at >= first]


def _later(at: datetime, by: timedelta, zone: ZoneInfo) -> datetime:
    """The same wall time some days later."""
    return (at.astimezone(zone) + by).astimezone(UTC)
