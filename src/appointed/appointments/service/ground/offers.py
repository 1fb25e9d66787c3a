"""Saying who offers a visit type, and who does not any more.

A type of which nobody is named is everybody's: the first offer takes it from all others, and without the last one it is
everybody's again.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors
from appointed.accounts.actor import Actor
from appointed.availability import queries
from appointed.availability.errors import LastOffer
from appointed.availability.models import Offer
from appointed.availability.service import Terms, check_may_offer, check_offer
from appointed.availability.service import remove_offer as remove
from appointed.availability.service import set_offer as put
from appointed.core.clock import Clock
from appointed.core.errors import NotFound, StartAgain
from appointed.visit_types.queries import get as get_visit_type

from .dealing import Affected, Cause, Dealing
from .visit_types import taking_ground_of_type


async def set_offer(
    session: AsyncSession,
    actor: Actor,
    visit_type_id: UUID,
    doctor_id: UUID,
    location_id: UUID | None,
    terms: Terms,
    dealing: Dealing,
    *,
    clock: Clock,
) -> tuple[Offer, list[Affected]]:
    """Have the doctor offer the type there, or at all locations, by these terms; the visits that stood on everybody's
    offering it, if it is the first offer. Terms hold for what is booked from now on."""
    await get_visit_type(session, visit_type_id)
    await doctors.get(session, doctor_id)
    is_first = not await queries.offer_ids(session, visit_type_id)
    await check_may_offer(session, actor, location_id, is_for_all=is_first)
    await check_offer(session, location_id, terms)
    async with taking_ground_of_type(
        session, actor, visit_type_id, dealing, Cause.NOT_OFFERED, whose=None if is_first else [doctor_id], clock=clock
    ) as taking:
        if is_first == bool(await queries.offer_ids(session, visit_type_id)):
            raise StartAgain
        offer = await put(session, actor.user_id, visit_type_id, doctor_id, location_id, terms, taking.now)
    return offer, taking.affected


async def remove_offer(
    session: AsyncSession,
    actor: Actor,
    visit_type_id: UUID,
    doctor_id: UUID,
    location_id: UUID | None,
    dealing: Dealing,
    *,
    is_for_everybody: bool = False,
    clock: Clock,
) -> list[Affected]:
    """Take the doctor's offer there, or the one for all locations, away; the visits that stood on it. `LastOffer` if
    nobody would be named any more, unless the type is to be `is_for_everybody` then."""
    seen = await queries.find_offer(session, visit_type_id, doctor_id, location_id)
    if seen is None:
        raise NotFound
    is_last = await queries.offer_ids(session, visit_type_id) == {seen.id}
    await check_may_offer(session, actor, location_id, is_for_all=is_last)
    if is_last and not is_for_everybody:
        raise LastOffer
    async with taking_ground_of_type(
        session, actor, visit_type_id, dealing, Cause.NOT_OFFERED, whose=None if is_last else [doctor_id], clock=clock
    ) as taking:
        offer = await queries.find_offer(session, visit_type_id, doctor_id, location_id)
        if offer is None or is_last != (await queries.offer_ids(session, visit_type_id) == {offer.id}):
            raise StartAgain
        await remove(session, actor.user_id, offer, taking.now)
    return taking.affected
