"""Which doctors offer a visit type, where, and by which terms of their own."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.availability.models import Offer
from appointed.availability.queries import find_offer
from appointed.core.errors import Forbidden, Invalid
from appointed.core.ids import new_id
from appointed.locations.queries import known
from appointed.visit_types import rules

from .permission import assigned_to

OVERRIDES = (
    "length_minutes", "buffer_before_minutes", "buffer_after_minutes", "notice_minutes", "window_days", "daily_limit",
    "weekly_limit",
)  # fmt: skip
Terms = Mapping[str, int | None]
"""What differs from the visit type, by the names of `OVERRIDES`; what is left out or None is as the type says."""


async def check_may_offer(
    session: AsyncSession, actor: Actor, location_id: UUID | None, *, is_for_all: bool = False
) -> None:
    """`Forbidden` but for administrators and receptionists of the location. What is about every location, or
    `is_for_all` doctors, is for those who work at all."""
    if not actor.may(Permission.HOURS_CHANGE_ALL):
        raise Forbidden
    theirs = await assigned_to(session, actor)
    if theirs and (is_for_all or location_id not in theirs):
        raise Forbidden("This is about more than the locations at which you work.")


async def check_offer(session: AsyncSession, location_id: UUID | None, terms: Terms) -> None:
    """`Invalid` or `OffGrid`, with the fields, unless a doctor can offer something there by these terms."""
    rules.check(terms)
    if location_id is not None and not await known(session, [location_id]):
        raise Invalid.field("location_id", "There is no such location.", "unknown")


async def set_offer(
    session: AsyncSession,
    by: UUID,
    visit_type_id: UUID,
    doctor_id: UUID,
    location_id: UUID | None,
    terms: Terms,
    now: datetime,
) -> Offer:
    """Have the doctor, whose row is locked, offer the visit type by these terms and no others."""
    offer = await find_offer(session, visit_type_id, doctor_id, location_id)
    if offer is None:
        offer = Offer(id=new_id(), doctor_id=doctor_id, visit_type_id=visit_type_id, location_id=location_id)
        session.add(offer)
    for name in OVERRIDES:
        setattr(offer, name, terms.get(name))
    await session.flush()
    _record(session, now, by, "set", offer)
    return offer


async def remove_offer(session: AsyncSession, by: UUID, offer: Offer, now: datetime) -> None:
    """Of a doctor whose row is locked."""
    await session.delete(offer)
    await session.flush()
    _record(session, now, by, "remove", offer)


def _record(session: AsyncSession, now: datetime, by: UUID, verb: str, offer: Offer) -> None:
    audit.record(session, now, by, f"offer.{verb}", "offer", offer.id, doctor_id=str(offer.doctor_id),
                 visit_type_id=str(offer.visit_type_id), location_id=str(offer.location_id or ""))  # fmt: skip
