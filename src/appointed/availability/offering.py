"""Which doctors offer a visit type, where, and how it differs with them."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from appointed.core.types import Guid, ids_of
from appointed.visit_types.models import VisitType

from .models import Offer
from .rules import VisitRules

Offered = Mapping[UUID | None, Offer | None]
"""How one doctor offers one visit type, by location. None is every location that has no entry of its own, and an entry
that is None is as the visit type says. Empty: the doctor does not offer it."""

AS_THE_TYPE_SAYS: Offered = {None: None}

_any = aliased(Offer)
# Asked for every list of free times, so put together once.
_OFFERS = (
    select(exists(select(_any.id).where(_any.visit_type_id == VisitType.id)).label("is_limited"), Offer)
    .select_from(VisitType)
    .join(Offer, and_(Offer.visit_type_id == VisitType.id, Offer.doctor_id.in_(ids_of("doctors"))), isouter=True)
    .where(VisitType.id == bindparam("visit_type", type_=Guid()))
    .execution_options(populate_existing=True)
)


class Limits(NamedTuple):
    """How many visits of a type a doctor takes; None does not limit."""

    daily: int | None
    weekly: int | None


async def offers_of(session: AsyncSession, visit_type_id: UUID, doctor_ids: Collection[UUID]) -> dict[UUID, Offered]:
    """How each of the doctors offers the visit type, in one statement. A type that nobody names is everybody's."""
    rows = await session.execute(_OFFERS, {"doctors": list(doctor_ids), "visit_type": visit_type_id})
    found: dict[UUID, dict[UUID | None, Offer | None]] = {doctor_id: {} for doctor_id in doctor_ids}
    is_limited = False
    for row in rows:
        is_limited = row.is_limited
        if row.Offer:
            found[row.Offer.doctor_id][row.Offer.location_id] = row.Offer
    return {doctor_id: offered if is_limited else AS_THE_TYPE_SAYS for doctor_id, offered in found.items()}


def is_offered_at(offered: Offered, location_id: UUID) -> bool:
    return location_id in offered or None in offered


def offer_at(offered: Offered, location_id: UUID) -> Offer | None:
    """What differs at the location, where the visit type is offered: its own entry goes before that of all places."""
    return offered.get(location_id, offered.get(None))


def rules_of(visit_type: VisitType, offer: Offer | None = None) -> VisitRules:
    """The rules of the visit type, with what differs in the offer laid over them."""
    return VisitRules(
        visit_type.id,
        _either(visit_type, offer, "length_minutes"),
        frozenset(visit_type.allowed_lengths),
        _either(visit_type, offer, "buffer_before_minutes"),
        _either(visit_type, offer, "buffer_after_minutes"),
        visit_type.grid_minutes,
        visit_type.grid_offset_minutes,
        _either(visit_type, offer, "notice_minutes"),
        _either(visit_type, offer, "window_days"),
    )


def limits_of(visit_type: VisitType, offer: Offer | None = None) -> Limits:
    """How many visits of the type the doctor takes a day and a week. An offer can set a limit, but not lift one."""
    return Limits(_either(visit_type, offer, "daily_limit"), _either(visit_type, offer, "weekly_limit"))


def _either(visit_type: VisitType, offer: Offer | None, name: str) -> Any:
    differing = getattr(offer, name) if offer else None
    return getattr(visit_type, name) if differing is None else differing
