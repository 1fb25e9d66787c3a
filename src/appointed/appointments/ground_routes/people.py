"""Deactivating doctors and patients, who may have visits."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments import service
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import AffectedRead, Withdrawal
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals, requires

from .asking import DryRun, Visits, listed

router = APIRouter(route_class=RetryingRoute)

DoctorManager = Annotated[Actor, Depends(requires(Permission.DOCTORS_MANAGE))]
PatientChanger = Annotated[Actor, Depends(requires(Permission.PATIENTS_CHANGE))]
REFUSALS = refusals(Unauthenticated, Forbidden, NotFound, VisitsAffected)


@router.delete("/doctors/{doctor_id}", tags=["doctors"], response_model=AffectedRead, responses=REFUSALS)
async def deactivate_doctor(
    doctor_id: UUID, actor: DoctorManager, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a doctor; 409 `visits_affected` if visits are booked, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await service.deactivate_doctor(session, actor, doctor_id, dealing, clock=clock))


@router.delete("/patients/{patient_id}", tags=["patients"], response_model=AffectedRead, responses=REFUSALS)
async def deactivate_patient(
    patient_id: UUID, actor: PatientChanger, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a patient; 409 `visits_affected` if visits are booked, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await service.deactivate_patient(session, actor, patient_id, dealing, clock=clock))
