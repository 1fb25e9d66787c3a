"""`/visit-types`: what can be booked, and by which rules.

They are changed by `appointments`: visits may stand on them.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.grid import OffGrid
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

from . import queries, service
from .models import VisitType
from .schemas import VisitTypeCreate, VisitTypeRead

router = APIRouter(prefix="/visit-types", tags=["visit types"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.CLINIC_MANAGE))]


@router.post("", status_code=201, response_model=VisitTypeRead, responses=refusals(Unauthenticated, Forbidden, OffGrid))
async def add_visit_type(body: VisitTypeCreate, actor: Manager, session: SessionDep, clock: ClockDep) -> VisitType:
    """Add a visit type."""
    return await service.create(session, **body.changes(), by=actor.user_id, now=clock.now())


@router.get("", responses=refusals())
async def list_visit_types(
    session: ReadSessionDep, is_active: bool = True, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[VisitTypeRead]:
    """Visit types by name."""
    page = await queries.page(session, is_active=is_active, limit=limit, cursor=cursor)
    return PageOf(items=[VisitTypeRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{visit_type_id}", response_model=VisitTypeRead, responses=refusals(NotFound))
async def read_visit_type(visit_type_id: UUID, session: ReadSessionDep) -> VisitType:
    """One visit type."""
    return await queries.get(session, visit_type_id)
