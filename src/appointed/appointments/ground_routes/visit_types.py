"""`/visit-types`: changing and retiring what visits are booked for."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import AffectedRead, Withdrawal
from appointed.appointments.service import ground
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.grid import OffGrid
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals, requires
from appointed.visit_types.errors import DefaultVisitType
from appointed.visit_types.models import VisitType
from appointed.visit_types.schemas import VisitTypeRead, VisitTypeUpdate

from .asking import DryRun, Visits, listed

router = APIRouter(prefix="/visit-types/{visit_type_id}", tags=["visit types"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.CLINIC_MANAGE))]
REFUSALS = (Unauthenticated, Forbidden, NotFound)


@router.patch("", response_model=VisitTypeRead, responses=refusals(*REFUSALS, OffGrid))
async def change_visit_type(
    visit_type_id: UUID, body: VisitTypeUpdate, actor: Manager, session: SessionDep, clock: ClockDep
) -> VisitType:
    """Change a visit type; visits that are booked stay as they are."""
    return await ground.change_visit_type(session, actor, visit_type_id, body.changes(), clock=clock)


@router.delete("", response_model=AffectedRead, responses=refusals(*REFUSALS, VisitsAffected, DefaultVisitType))
async def deactivate_visit_type(
    visit_type_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Have a visit type booked no more; 409 `visits_affected` if it is booked, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.deactivate_visit_type(session, actor, visit_type_id, dealing, clock=clock))
