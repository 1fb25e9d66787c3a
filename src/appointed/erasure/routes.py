"""`/patients/{patient_id}/erase`: leaving nothing of a person but what must be kept; and who asked for it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed import audit
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
from appointed.patients.models import Patient

from . import queries, service
from .errors import StillExpected
from .schemas import ErasedRead, Erasure, ErasureAskedRead

router = APIRouter(tags=["patients"], route_class=RetryingRoute)

Self = Annotated[Actor, Depends(requires(Permission.PATIENTS_OWN, to_apps=False))]
Eraser = Annotated[Actor, Depends(requires(Permission.PATIENTS_ERASE))]


@router.post(
    "/patients/{patient_id}/erase", response_model=ErasedRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, StillExpected),
)  # fmt: skip
async def erase_patient(
    patient_id: UUID, body: Erasure, actor: Eraser, session: SessionDep, clock: ClockDep
) -> Patient:
    """Erase a person for good: what is left is a pseudonym, with visits and records for as long as they must be kept.
    409 `visits_to_come` while they are expected. Erasing again changes nothing."""
    return await service.erase(session, actor, patient_id, body.reason, clock=clock)


@router.post(
    "/patients/me/erasure-request", response_model=ErasureAskedRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound),
)  # fmt: skip
async def ask_for_erasure(actor: Self, session: SessionDep, clock: ClockDep) -> Patient:
    """Ask to be erased. An administrator does it, once no visit is to come; asking again changes nothing."""
    return await service.ask(session, actor, now=clock.now())


@router.delete(
    "/patients/me/erasure-request", status_code=204, responses=refusals(Unauthenticated, Forbidden, NotFound)
)  # fmt: skip
async def take_back_erasure(actor: Self, session: SessionDep, clock: ClockDep) -> None:
    """Ask no more to be erased."""
    await service.take_back(session, actor, now=clock.now())


@router.get("/erasure-requests", responses=refusals(Unauthenticated, Forbidden))
async def list_erasure_requests(
    actor: Eraser, session: ReadSessionDep, clock: ClockDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[ErasureAskedRead]:
    """Who asked to be erased and waits, the first to ask first."""
    page = await queries.asked(session, limit=limit, cursor=cursor)
    audit.record(session, clock.now(), actor.user_id, "patient.find", "patient", found=str(len(page.items)))
    return PageOf(items=[ErasureAskedRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)
