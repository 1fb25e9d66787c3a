"""Whom a visit with any doctor could be with: a fair order, made without locks, in which they are tried."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Permission
from appointed.appointments import offers, queries
from appointed.availability.rules import Candidate, rank
from appointed.core.clock import Clock
from appointed.locations.queries import zones_of

from .booking import Booking, check_allowed, patient_of

TICK = timedelta(minutes=5)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the doctor must be like; what is empty does not matter. Of `booking` the doctor is not looked at."""

    booking: Booking
    specialization: str = ""
    language: str = ""


async def candidates(session: AsyncSession, actor: Actor, wish: Wish, *, clock: Clock) -> Sequence[Booking]:
    """A booking with each doctor who is free then: first who has the fewest visits that day."""
    booking = wish.booking
    check_allowed(actor, booking)
    patient_id = await patient_of(session, actor, booking)
    around = offers.Around(booking.starts_at, booking.starts_at + TICK, clock.now(), patient_id, booking.location_id,
                           is_online=not actor.may(Permission.APPOINTMENTS_BOOK_ALL))  # fmt: skip
    search = offers.Search((), booking.visit_type_id, wish.specialization, wish.language)
    free = await offers.find(session, search, offers.Wish(), around)
    counts = await _visits_that_day(session, free)
    ranked = rank(Candidate(slot.doctor_id, slot.starts_at, counts[slot.doctor_id]) for slot in free)
    return [replace(booking, doctor_id=each.doctor_id) for each in ranked if each.starts_at == booking.starts_at]


async def _visits_that_day(session: AsyncSession, slots: Sequence[offers.Slot]) -> Counter[UUID]:
    """How many visits each has on the day that the location's calendar shows."""
    if not slots:
        return Counter()
    zones = await zones_of(session, {slot.location_id for slot in slots})
    days = {slot.doctor_id: _day_of(slot.starts_at, zones[slot.location_id]) for slot in slots}
    starts = await queries.starts_around(session, days, slots[0].starts_at - A_DAY, slots[0].starts_at + A_DAY)
    return Counter(doctor_id for doctor_id, at in starts if days[doctor_id][0] <= at < days[doctor_id][1])


def _day_of(instant: datetime, zone: str) -> tuple[datetime, datetime]:
    midnight = instant.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Wall time: the next midnight may be 23 or 25 hours on.
    return midnight, midnight + A_DAY
