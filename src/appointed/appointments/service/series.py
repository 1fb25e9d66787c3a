"""Booking a series: the visits that a recurrence rule names, all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor
from appointed.appointments import offers
from appointed.appointments.errors import TimeSkipped
from appointed.appointments.events import SeriesBooked
from appointed.appointments.models import Appointment, Series
from appointed.appointments.offers import Asked
from appointed.appointments.policy import Policy
from appointed.appointments.recurrence import normalised, occurrences
from appointed.core import batch, outbox
from appointed.core.clock import Clock
from appointed.core.ids import new_id
from appointed.core.rehearsal import rehearsed
from appointed.locations.models import Location

from .booking import Booking, asked_of, check_allowed, patient_of, write
from .several import MOST_ALTERNATIVES, Told, check_all_had, lock_for, told_of


@dataclass(frozen=True, slots=True)
class BookedSeries:
    """The series with its visits in order, and a word on each time that its rule names."""

    series: Series
    told: Sequence[Told]

    @property
    def visits(self) -> list[Appointment]:
        return [each.visit for each in self.told if each.visit]


@dataclass(frozen=True, slots=True)
class Reported:
    """A time that the rule names; `code` is why it cannot be had, `alternatives` are near one that somebody has."""

    starts_at: datetime | None
    wall_time: datetime | None
    code: str | None
    alternatives: Sequence[offers.Slot] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What booking the series would do."""

    rrule: str
    occurrences: Sequence[Reported]

    @property
    def is_bookable(self) -> bool:
        return all(each.code is None for each in self.occurrences)


async def book_series(
    session: AsyncSession, actor: Actor, booking: Booking, rrule: str, *, policy: Policy, clock: Clock
) -> BookedSeries:
    """Every visit that the rule names from the one that `booking` asks for on; else `TimeRefused` with a report.

    `BadRecurrence` if the rule is none that a series can follow.
    """
    booked = await _book(session, actor, booking, rrule, policy=policy, clock=clock)
    check_all_had(booked.told, "occurrences")
    outbox.publish(session, SeriesBooked(booked.series.id), booked.series.created_at)
    return booked


async def report_on_series(
    session: AsyncSession, actor: Actor, booking: Booking, rrule: str, *, policy: Policy, clock: Clock
) -> Report:
    """What `book_series` would say. Nothing is left of it."""
    async with rehearsed(session):
        booked = await _book(session, actor, booking, rrule, policy=policy, clock=clock)
    helped = [each for each in booked.told if each.is_in_conflict][:MOST_ALTERNATIVES]
    nearest = {id(each): await offers.nearest(session, each.wanted, clock.now()) for each in helped if each.wanted}
    return Report(
        booked.series.rrule,
        [Reported(each.starts_at, each.wall_time, each.code, nearest.get(id(each), ())) for each in booked.told],
    )


async def _book(
    session: AsyncSession, actor: Actor, booking: Booking, rrule: str, *, policy: Policy, clock: Clock
) -> BookedSeries:
    """Book what can be had and tell what cannot; the caller undoes it if that is not everything."""
    check_allowed(actor, booking)
    rule = normalised(rrule)
    asked = asked_of(actor, booking, await patient_of(session, actor, booking), policy)
    whom = await lock_for(session, [asked])
    now = clock.now()
    first = await offers.judge(session, asked, now, locked=whom)
    asked = replace(asked, location_id=first.location_id or asked.location_id)
    series = Series(id=new_id(), patient_id=asked.patient_id, rrule=rule, booked_by=actor.user_id, created_at=now)
    named = occurrences(rule, asked.starts_at, await zone_at(session, asked.location_id))
    batch.put(session, Series.__table__, [_row_of(series)])
    told: list[Told] = []
    for number, occurrence in enumerate(named, 1):
        told.append(Told(asked.patient_id, None, occurrence.wall, refusal=TimeSkipped))
        if occurrence.starts_at is None:
            continue
        judged = await offers.judge(session, _moved(asked, occurrence.starts_at), now, locked=whom)
        # Written at once, so that the limits and quotas of the next count it.
        visit = None if judged.reason else await write(
            session, actor, booking, judged, policy=policy, now=now, series_id=series.id, series_number=number
        )  # fmt: skip
        told[-1] = told_of(judged, visit, occurrence.wall)
    return BookedSeries(series, told)


def _row_of(series: Series) -> dict[str, object]:
    return {column.name: getattr(series, column.name) for column in Series.__table__.columns}


def _moved(asked: Asked, starts_at: datetime) -> Asked:
    length = asked.ends_at - asked.starts_at if asked.ends_at else None
    return replace(asked, starts_at=starts_at, ends_at=starts_at + length if length else None)


async def zone_at(session: AsyncSession, location_id: UUID | None) -> ZoneInfo:
    """The zone of the place; of the clinic, where the first visit fits nowhere."""
    place = Location.id == location_id if location_id else Location.is_default.is_(True)
    name = await session.scalar(select(Location.timezone).where(place))
    return ZoneInfo(name or "UTC")
