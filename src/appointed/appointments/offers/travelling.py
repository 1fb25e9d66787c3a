"""Where doctors are when they are elsewhere, and how long they are on the way."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment, GroupSession
from appointed.availability.rules import Span, away
from appointed.availability.walltime import TICK_MINUTES
from appointed.core.types import Guid, ids_of
from appointed.locations.models import TravelTime
from appointed.resources.models import BusyTick

from .asking import Around

_NOBODY = UUID(int=0)
_PLACE = func.coalesce(Appointment.location_id, GroupSession.location_id)
_TRAVEL = select(TravelTime.first_id, TravelTime.second_id, TravelTime.minutes).where(
    or_(TravelTime.first_id.in_(ids_of("places")), TravelTime.second_id.in_(ids_of("places")))
)
# By whose ticks they are and not by the visit's doctor: who takes part in somebody else's visit is there as well.
_WHEREABOUTS = (
    select(
        BusyTick.resource_id,
        _PLACE.label("location_id"),
        func.min(BusyTick.tick).label("first_tick"),
        func.max(BusyTick.tick).label("last_tick"),
    )
    .select_from(BusyTick)
    .join(Appointment, Appointment.id == BusyTick.owner_id, isouter=True)
    .join(GroupSession, GroupSession.id == BusyTick.owner_id, isouter=True)
    .where(
        BusyTick.resource_id.in_(ids_of("whom")),
        BusyTick.tick >= bindparam("first_tick"),
        BusyTick.tick < bindparam("last_tick"),
        BusyTick.is_buffer.is_(False),
        or_(BusyTick.expires_at.is_(None), BusyTick.expires_at > bindparam("now")),
        BusyTick.owner_id != bindparam("ignoring", type_=Guid()),
    )
    .group_by(BusyTick.resource_id, BusyTick.owner_id, _PLACE)
)

Away = Mapping[UUID, Mapping[UUID, Sequence[Span]]]
"""By doctor and location, the time in which they are elsewhere or on the way."""


async def away_of(
    session: AsyncSession, whom: Collection[UUID], places: Collection[UUID], ticks: range, around: Around
) -> Away:
    """Nothing where no way takes time; then no more than the ways themselves are asked for."""
    minutes = await ways_from(session, places)
    reach = reach_of(minutes)
    if not reach:
        return {}
    within = range(ticks.start - reach, ticks.stop + reach)
    visits = await whereabouts(session, whom, within, around.now, ignoring=around.ignoring)
    return {doctor_id: away(theirs, places, minutes) for doctor_id, theirs in visits.items()}


async def ways_from(session: AsyncSession, places: Collection[UUID]) -> dict[frozenset[UUID], int]:
    """Minutes between these locations and others, as far as they are known."""
    rows = (await session.execute(_TRAVEL, {"places": list(places)})).all()
    return {frozenset({row.first_id, row.second_id}): row.minutes for row in rows}


def reach_of(minutes: Mapping[frozenset[UUID], int]) -> int:
    """The ticks of the longest way."""
    return -(-max(minutes.values(), default=0) // TICK_MINUTES)


async def whereabouts(
    session: AsyncSession, whom: Collection[UUID], ticks: range, now: datetime, *, ignoring: UUID | None = None
) -> dict[UUID, list[tuple[UUID, Span]]]:
    """By doctor, where they are for visits and sessions and when; in no order."""
    given = {"whom": list(whom), "first_tick": ticks.start, "last_tick": ticks.stop, "now": now,
             "ignoring": ignoring or _NOBODY}  # fmt: skip
    found: dict[UUID, list[tuple[UUID, Span]]] = {}
    for row in await session.execute(_WHEREABOUTS, given):
        if row.location_id:
            found.setdefault(row.resource_id, []).append((row.location_id, Span(row.first_tick, row.last_tick + 1)))
    return found
