"""Changing and deactivating doctors and patients, who may have visits."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import AffectedRead, Withdrawal
from appointed.appointments.service import ground
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals, requires
from appointed.doctors.models import Doctor
from appointed.doctors.schemas import DoctorRead, DoctorUpdate
from appointed.patients.errors import PatientErased
from appointed.patients.schemas import AnyRead, PatientUpdate, read_by

from .asking import DryRun, Visits, listed

router = APIRouter(route_class=RetryingRoute)

DoctorChanger = Annotated[Actor, Depends(requires(Permission.DOCTORS_MANAGE, Permission.DOCTORS_CHANGE_OWN))]
DoctorManager = Annotated[Actor, Depends(requires(Permission.DOCTORS_MANAGE))]
PatientChanger = Annotated[Actor, Depends(requires(Permission.PATIENTS_CHANGE))]
PatientRemover = Annotated[Actor, Depends(requires(Permission.PATIENTS_CHANGE, to_apps=False))]
CHANGING = refusals(Unauthenticated, Forbidden, NotFound)
REFUSALS = refusals(Unauthenticated, Forbidden, NotFound, VisitsAffected)


@router.patch("/doctors/{doctor_id}", tags=["doctors"], response_model=DoctorRead, responses=CHANGING)
async def change_doctor(
    doctor_id: UUID, body: DoctorUpdate, actor: DoctorChanger, session: SessionDep, clock: ClockDep
) -> Doctor:
    """Change a doctor's profile: the doctor, or an administrator."""
    return await ground.change_doctor(session, actor, doctor_id, body.model_dump(exclude_unset=True), clock=clock)


@router.patch("/patients/{patient_id}", tags=["patients"], responses=CHANGING | refusals(PatientErased))
async def change_patient(
    patient_id: UUID, body: PatientUpdate, actor: PatientChanger, session: SessionDep, clock: ClockDep
) -> AnyRead:
    """Change a patient's profile: the patient, or the desk."""
    return read_by(actor, await ground.change_patient(session, actor, patient_id, body.profile(), clock=clock))


@router.delete("/doctors/{doctor_id}", tags=["doctors"], response_model=AffectedRead, responses=REFUSALS)
async def deactivate_doctor(
    doctor_id: UUID, actor: DoctorManager, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a doctor; 409 `visits_affected` if visits are booked, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.deactivate_doctor(session, actor, doctor_id, dealing, clock=clock))


@router.delete("/patients/{patient_id}", tags=["patients"], response_model=AffectedRead, responses=REFUSALS)
async def deactivate_patient(
    patient_id: UUID, actor: PatientRemover, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a patient; 409 `visits_affected` if visits are booked, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.deactivate_patient(session, actor, patient_id, dealing, clock=clock))
