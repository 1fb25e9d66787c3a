"""`/patients/{patient_id}/erase`: leaving nothing of a person but what must be kept."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals, requires
from appointed.patients.models import Patient

from . import service
from .errors import StillExpected
from .schemas import ErasedRead, Erasure

router = APIRouter(prefix="/patients", tags=["patients"], route_class=RetryingRoute)

Eraser = Annotated[Actor, Depends(requires(Permission.PATIENTS_ERASE))]


@router.post(
    "/{patient_id}/erase", response_model=ErasedRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, StillExpected),
)  # fmt: skip
async def erase_patient(
    patient_id: UUID, body: Erasure, actor: Eraser, session: SessionDep, clock: ClockDep
) -> Patient:
    """Erase a person for good: what is left is a pseudonym, with visits and records for as long as they must be kept.
    409 `visits_to_come` while they are expected. Erasing again changes nothing."""
    return await service.erase(session, actor, patient_id, body.reason, clock=clock)
