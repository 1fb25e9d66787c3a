"""What happens to visits on their day: `/appointments/{id}/arrive` to `/complete`, and what sets it right."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import (
    ClockDep,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    SettingsDep,
    VersionDep,
    refusals,
    requires,
)

from . import queries, service
from .callers import PolicyDep, Reader
from .errors import NotPossibleNow
from .models import Appointment, DoctorDelay
from .policy import Policy
from .rules import Action, permissions_for
from .schemas import AppointmentRead, Because, ChangeRead, DelayRead, RunningLate

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)
doctors = APIRouter(prefix="/doctors", tags=["doctors"], route_class=RetryingRoute)

MOVED = refusals(Unauthenticated, Forbidden, NotFound, VersionMismatch, NotPossibleNow)
Delayer = Annotated[Actor, Depends(requires(Permission.DOCTORS_DELAY_OWN, Permission.DOCTORS_DELAY_ALL))]
Receiver = Annotated[Actor, Depends(requires(*permissions_for(Action.ARRIVE)))]
Attendant = Annotated[Actor, Depends(requires(*permissions_for(Action.START)))]
Closer = Annotated[Actor, Depends(requires(*permissions_for(Action.COMPLETE)))]
Misser = Annotated[Actor, Depends(requires(*permissions_for(Action.NO_SHOW)))]
Corrector = Annotated[Actor, Depends(requires(*permissions_for(Action.CORRECT)))]


@dataclass(frozen=True, slots=True)
class Deed:
    """What every change of one visit is asked with."""

    appointment_id: UUID
    session: SessionDep
    version: int | None
    policy: Policy
    clock: ClockDep

    async def do(self, actor: Actor, action: Action, note: str | None = None) -> Appointment:
        return await service.move(self.session, actor, self.appointment_id, action, note=note, version=self.version,
                                  policy=self.policy, clock=self.clock)  # fmt: skip


async def _deed(
    appointment_id: UUID, session: SessionDep, version: VersionDep, policy: PolicyDep,
    clock: ClockDep,
) -> Deed:  # fmt: skip
    return Deed(appointment_id, session, version, policy, clock)


DeedDep = Annotated[Deed, Depends(_deed, scope="function")]


@router.post("/{appointment_id}/arrive", response_model=AppointmentRead, responses=MOVED)
async def arrive_at_clinic(actor: Receiver, deed: DeedDep) -> Appointment:
    """The patient is at the clinic. Said again, it changes nothing; so for all that follow."""
    return await deed.do(actor, Action.ARRIVE)


@router.post("/{appointment_id}/check-in", response_model=AppointmentRead, responses=MOVED)
async def check_in(actor: Receiver, deed: DeedDep) -> Appointment:
    """The formalities are done; whoever had not arrived has."""
    return await deed.do(actor, Action.CHECK_IN)


@router.post("/{appointment_id}/room", response_model=AppointmentRead, responses=MOVED)
async def show_to_room(actor: Attendant, deed: DeedDep) -> Appointment:
    """The patient is in the room."""
    return await deed.do(actor, Action.ROOM)


@router.post("/{appointment_id}/start", response_model=AppointmentRead, responses=MOVED)
async def start_visit(actor: Attendant, deed: DeedDep) -> Appointment:
    """The doctor sees the patient."""
    return await deed.do(actor, Action.START)


@router.post("/{appointment_id}/complete", response_model=AppointmentRead, responses=MOVED)
async def complete_visit(actor: Closer, deed: DeedDep) -> Appointment:
    """The visit is over; of one that ends early, the rest of the time is free. Doctors and the desk may complete a
    visit afterwards that nobody checked in."""
    return await deed.do(actor, Action.COMPLETE)


@router.post("/{appointment_id}/no-show", response_model=AppointmentRead, responses=MOVED)
async def mark_no_show(actor: Misser, deed: DeedDep) -> Appointment:
    """The patient did not come, and the visit has begun: its time is free."""
    return await deed.do(actor, Action.NO_SHOW)


@router.post("/{appointment_id}/excuse", response_model=AppointmentRead, responses=MOVED)
async def excuse_no_show(body: Because, actor: Corrector, deed: DeedDep) -> Appointment:
    """Let a no-show not count against the patient."""
    return await deed.do(actor, Action.EXCUSE, body.reason)


@router.post("/{appointment_id}/correct", response_model=AppointmentRead, responses=MOVED)
async def correct_visit(body: Because, actor: Corrector, deed: DeedDep) -> Appointment:
    """The visit was entered in error: it counts as if it had never been, and its time is free."""
    return await deed.do(actor, Action.CORRECT, body.reason)


@router.get("/{appointment_id}/history", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_history(
    appointment_id: UUID, actor: Reader, session: ReadSessionDep, clock: ClockDep
) -> PageOf[ChangeRead]:
    """What happened to a visit, from its booking on."""
    visit = await queries.get(session, actor, appointment_id)
    entries = await service.history(session, actor, visit)
    audit.record(session, clock.now(), actor.user_id, "appointment.history", "appointment", appointment_id,
                 patient_id=visit.patient_id)  # fmt: skip
    return PageOf(items=[ChangeRead.model_validate(entry) for entry in entries], next_cursor=None)


@doctors.put(
    "/{doctor_id}/running-late", response_model=DelayRead, responses=refusals(Unauthenticated, Forbidden, NotFound)
)
async def run_late(
    doctor_id: UUID, body: RunningLate, actor: Delayer, session: SessionDep, settings: SettingsDep, clock: ClockDep
) -> DoctorDelay:
    """Say how late a doctor is: visits that wait show when they are expected, and nobody's time changes."""
    until = body.until_from(clock.now(), settings.zone)
    return await service.run_late(session, actor, doctor_id, body.minutes, until, clock=clock)
