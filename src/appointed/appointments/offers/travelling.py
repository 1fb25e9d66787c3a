"""Where doctors are when they are elsewhere, and how long they are on the way."""

from collections.abc import Collection, Mapping, Sequence
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
    rows = (await session.execute(_TRAVEL, {"places": list(places)})).all()
    minutes = {frozenset({row.first_id, row.second_id}): row.minutes for row in rows}
    reach = -(-max(minutes.values(), default=0) // TICK_MINUTES)
    if not reach:
        return {}
    given = around.parameters | {
        "whom": list(whom), "first_tick": ticks.start - reach, "last_tick": ticks.stop + reach
    }  # fmt: skip
    visits: dict[UUID, list[tuple[UUID, Span]]] = {}
    for row in await session.execute(_WHEREABOUTS, given):
        if row.location_id:
            visits.setdefault(row.resource_id, []).append((row.location_id, Span(row.first_tick, row.last_tick + 1)))
    return {doctor_id: away(theirs, places, minutes) for doctor_id, theirs in visits.items()}
