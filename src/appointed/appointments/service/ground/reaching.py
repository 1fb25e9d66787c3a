"""Whether doctors get from one location to the next in time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment
from appointed.appointments.offers.travelling import reach_of, ways_from, whereabouts
from appointed.availability.rules import Span, tick_of
from appointed.availability.walltime import TICK_MINUTES


async def too_far(
    session: AsyncSession, visits: Sequence[Appointment], beside: Mapping[UUID, Collection[UUID]], now: datetime
) -> frozenset[UUID]:
    """The visits that begin before their doctor, or another who is taken `beside`, can be there from another location.
    Of two visits that lie too close to each other it is the later. Where no way takes time, no more is asked for than
    the ways."""
    minutes = await ways_from(session, {visit.location_id for visit in visits})
    reach = reach_of(minutes)
    if not reach:
        return frozenset()
    first = min(tick_of(visit.starts_at) for visit in visits)
    last = max(tick_of(visit.starts_at) for visit in visits)
    taken = {visit.id: {visit.doctor_id, *beside.get(visit.id, ())} for visit in visits}
    where = await whereabouts(session, set().union(*taken.values()), range(first - reach, last + 1), now)
    return frozenset(
        visit.id
        for visit in visits
        if any(_is_late(visit, where[one], minutes) for one in taken[visit.id] if one in where)
    )


def _is_late(visit: Appointment, where: Iterable[tuple[UUID, Span]], minutes: Mapping[frozenset[UUID], int]) -> bool:
    start = tick_of(visit.starts_at)
    return any(
        span.start < start < span.end + -(-minutes.get(frozenset({place, visit.location_id}), 0) // TICK_MINUTES)
        for place, span in where
        if place != visit.location_id
    )
