"""`/appointments/{id}/keep`: a visit that needed attention has been dealt with."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.appointments import service
from appointed.appointments.ground_schemas import Keeping
from appointed.appointments.models import Appointment
from appointed.appointments.schemas import AppointmentRead
from appointed.core.errors import Forbidden, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import ClockDep, RetryingRoute, SessionDep, VersionDep, refusals, requires

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)

Desk = Annotated[Actor, Depends(requires(Permission.APPOINTMENTS_BOOK_ALL))]


@router.post("/{appointment_id}/keep", response_model=AppointmentRead,
             responses=refusals(Unauthenticated, Forbidden, NotFound, VersionMismatch))  # fmt: skip
async def keep_appointment(
    appointment_id: UUID,
    actor: Desk,
    session: SessionDep,
    version: VersionDep,
    clock: ClockDep,
    body: Keeping | None = None,
) -> Appointment:
    """Say that a visit that needed attention has been dealt with and stands as it is."""
    note = body.note if body else None
    return await service.keep_visit(session, actor, appointment_id, note=note, version=version, clock=clock)
