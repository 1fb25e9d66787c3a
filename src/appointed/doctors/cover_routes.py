"""`/doctors/…/covers`: who stands in for a doctor, entered by administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
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
from appointed.patients.models import Cover

from . import covering
from .schemas import CoverCreate, CoverRead

router = APIRouter(prefix="/doctors/{doctor_id}/covers", tags=["doctors"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.DOCTORS_MANAGE))]
REFUSALS = refusals(Unauthenticated, Forbidden, NotFound)


@router.post("", status_code=201, response_model=CoverRead, responses=REFUSALS)
async def add_cover(doctor_id: UUID, body: CoverCreate, actor: Manager, session: SessionDep, clock: ClockDep) -> Cover:
    """Have another doctor stand in for this one: on these days they see whom this one treats, and write about them."""
    return await covering.add(session, actor, doctor_id, body.by_doctor_id, body.valid_from, body.valid_until,
                              now=clock.now())  # fmt: skip


@router.get("", responses=REFUSALS)
async def list_covers(
    doctor_id: UUID, actor: Manager, session: ReadSessionDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[CoverRead]:
    """Who stood, stands and will stand in for the doctor."""
    page = await covering.page(session, doctor_id, limit=limit, cursor=cursor)
    return PageOf(items=[CoverRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)


@router.delete("/{cover_id}", response_model=CoverRead, responses=REFUSALS)
async def end_cover(doctor_id: UUID, cover_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep) -> Cover:
    """End it now. It stays for the trail."""
    return await covering.end(session, actor, doctor_id, cover_id, now=clock.now())
