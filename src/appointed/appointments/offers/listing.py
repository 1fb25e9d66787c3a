"""Listing free times: all of them, the first ones, or how many there are a day."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.errors import Wanted
from appointed.appointments.policy import NO_QUOTAS, Quotas
from appointed.availability.rules import instant_of
from appointed.availability.walltime import TICK_MINUTES, date_of, days_of
from appointed.core.errors import Invalid

from . import reading
from .asking import Around
from .finding import Free, Wish, field_of, free_in
from .looking import Harvest, first_free
from .searching import Search, reader_of

ALTERNATIVES = 3
LOOK_BACK = timedelta(days=3)
LOOK_AHEAD = timedelta(days=14)
MOST_COUNTED = 200


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that can be booked as it stands."""

    doctor_id: UUID
    location_id: UUID
    visit_type_id: UUID
    starts_at: datetime
    ends_at: datetime
    room_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """When one of a family is seen; None is anybody."""

    patient_id: UUID | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class FamilySlot(Slot):
    """Times that can be booked for a family, from the first member's start to the last one's end."""

    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """How many times are free on a day of the locations' calendars."""

    date: date
    free: int


async def slots(
    session: AsyncSession,
    doctor_ids: Collection[UUID],
    visit_type_id: UUID | None,
    first: datetime,
    last: datetime,
    now: datetime,
    *,
    patient_id: UUID | None = None,
    location_id: UUID | None = None,
    quotas: Quotas = NO_QUOTAS,
    is_online: bool = False,
) -> list[Slot]:
    """Times that start from `first` up to `last`, earliest first. With a patient, times that this patient can book, or
    if not `is_online`, that the desk can book for them."""
    around = Around(first, last, now, patient_id, location_id, quotas, is_online=is_online)
    offering = await reading.named(session, doctor_ids, visit_type_id, around)
    field = await field_of(session, offering, Wish(), around)
    return _slots(await free_in(session, field, around), around)


async def find(
    session: AsyncSession,
    search: Search,
    wish: Wish,
    around: Around,
    *,
    limit: int | None = None,
    per_doctor: int | None = None,
) -> list[Slot]:
    """Free times, earliest first: all, or the first `limit` of them and of each doctor the first `per_doctor`."""
    read = await reader_of(session, search, around)
    if limit is None and per_doctor is None:
        field = await field_of(session, await read(around), wish, around)
        free = await free_in(session, field, around)
    else:
        free = await first_free(session, read, wish, around, Harvest(limit, per_doctor))
    return _slots(free, around)


async def count_days(session: AsyncSession, search: Search, wish: Wish, around: Around) -> list[Day]:
    """Days on which times are free, by the calendar of the location of each."""
    read = await reader_of(session, search, around)
    field = await field_of(session, await read(around), wish, around)
    if len(field.offering.practices) > MOST_COUNTED:
        raise Invalid.field("doctor_id", f"More than {MOST_COUNTED} doctors match: narrow the search.", "too_many")
    ticks: dict[str, Counter[int]] = {}
    for free in await free_in(session, field, around):
        ticks.setdefault(free.stand.zones[free.place], Counter())[free.ticks[0]] += 1
    counts: Counter[int] = Counter()
    for zone, those in ticks.items():
        for day, count in zip(days_of(zone, those), those.values(), strict=True):
            counts[day] += count
    return [Day(date_of(day), count) for day, count in sorted(counts.items())]


def _slots(free: Sequence[Free], around: Around) -> list[Slot]:
    instant = cache(instant_of)
    return [_family(each, around, instant) if around.family else _slot(each, instant) for each in free]


def _slot(free: Free, instant: Callable[[int], datetime]) -> Slot:
    terms, tick = free.stand.terms, free.ticks[0]
    ends_at = instant(tick + terms.rules.length_minutes // TICK_MINUTES)
    return Slot(free.stand.doctor_id, free.place, terms.rules.visit_type_id, instant(tick), ends_at, terms.room_kind)


def _family(free: Free, around: Around, instant: Callable[[int], datetime]) -> FamilySlot:
    terms, length = free.stand.terms, free.stand.terms.rules.length_minutes // TICK_MINUTES
    members = tuple(
        Member(patient_id, instant(tick), instant(tick + length))
        for patient_id, tick in zip(around.family, free.ticks, strict=True)
    )
    return FamilySlot(free.stand.doctor_id, free.place, terms.rules.visit_type_id, members[0].starts_at,
                      members[-1].ends_at, terms.room_kind, members)  # fmt: skip


async def nearest(session: AsyncSession, wanted: Wanted, now: datetime) -> Sequence[Slot]:
    """The free times closest to the one that was refused, closest first."""
    first, last = max(now, wanted.starts_at - LOOK_BACK), wanted.starts_at + LOOK_AHEAD
    free = await slots(session, [wanted.doctor_id], wanted.visit_type_id, first, last, now,
                       patient_id=wanted.patient_id, location_id=wanted.location_id)  # fmt: skip
    return sorted(free, key=lambda slot: (abs(slot.starts_at - wanted.starts_at), slot.starts_at))[:ALTERNATIVES]
