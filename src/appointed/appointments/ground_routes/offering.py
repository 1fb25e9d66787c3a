"""`/visit-types/{id}/offers`: which doctors offer a visit type where, and how it differs with them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import AffectedRead, ChangedOfferRead, OfferChange, Withdrawal
from appointed.appointments.service import ground
from appointed.availability import queries
from appointed.availability.errors import LastOffer, OffGrid
from appointed.availability.schemas import OfferRead
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    refusals,
    requires,
)
from appointed.visit_types.queries import get as get_visit_type

from .asking import DryRun, Visits, listed

router = APIRouter(prefix="/visit-types/{visit_type_id}/offers", tags=["visit types"], route_class=RetryingRoute)

Desk = Annotated[Actor, Depends(requires(Permission.HOURS_CHANGE_ALL))]
At = Annotated[UUID | None, Query(description="Left out: at every location without an offer of its own.")]
REFUSALS = (Unauthenticated, Forbidden, NotFound, VisitsAffected)


@router.get("", responses=refusals(NotFound))
async def list_offers(
    visit_type_id: UUID, session: ReadSessionDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[OfferRead]:
    """Who is named as offering the visit type; if nobody is, every doctor does."""
    await get_visit_type(session, visit_type_id)
    page = await queries.offers(session, visit_type_id, limit=limit, cursor=cursor)
    return PageOf(items=[OfferRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)


@router.put("/{doctor_id}", response_model=ChangedOfferRead | AffectedRead, responses=refusals(*REFUSALS, OffGrid))
async def set_offer(
    visit_type_id: UUID, doctor_id: UUID, actor: Desk, session: SessionDep, clock: ClockDep, location_id: At = None,
    body: OfferChange | None = None, dry_run: DryRun = False,
) -> ChangedOfferRead | Response:  # fmt: skip
    """Have a doctor offer the visit type, by these terms. The first offer leaves the type to whom it names: 409
    `visits_affected` if visits with others would lose their ground, unless `visits` says what to do."""
    said = body or OfferChange()
    dealing = said.dealing(is_dry_run=dry_run)
    offer, affected = await ground.set_offer(session, actor, visit_type_id, doctor_id, location_id, said.terms(),
                                             dealing, clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedOfferRead.with_affected(offer, affected)


@router.delete("/{doctor_id}", response_model=AffectedRead, responses=refusals(*REFUSALS, LastOffer))
async def remove_offer(
    visit_type_id: UUID, doctor_id: UUID, actor: Desk, session: SessionDep, clock: ClockDep, location_id: At = None,
    everybody: Annotated[bool, Query(description="Take the last offer away, and with it the limit.")] = False,
    visits: Visits = None, body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Have a doctor offer the visit type no more; 409 `visits_affected` if visits stand on it, unless `visits` says
    what to do, and `last_offer` if then everybody would offer it."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.remove_offer(session, actor, visit_type_id, doctor_id, location_id, dealing,
                                            is_for_everybody=everybody, clock=clock))  # fmt: skip
