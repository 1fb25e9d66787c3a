"""`/appointments/holds` and what becomes of a visit's time: extended, confirmed, rescheduled, taken back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed.accounts.actor import Actor
from appointed.accounts.errors import EmailNotVerified
from appointed.core.errors import Forbidden, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import (
    ClockDep,
    OnceDep,
    RetryingRoute,
    SessionDep,
    StateDep,
    VersionDep,
    refusals,
    requires,
    writing,
)
from appointed.patients.errors import PatientErased

from . import service
from .booking_schemas import AnyDoctorCreate, Confirmation, HoldCreate, Reschedule
from .callers import BARRED, Booker, Canceller, PolicyDep
from .errors import (
    REFUSALS,
    AlreadyExtended,
    CallTheClinic,
    HoldExpired,
    NotMovable,
    NotPossibleNow,
    NotUndoable,
    SessionCancelled,
    SlotTaken,
    TimeRefused,
    TooLateToUndo,
)
from .models import Appointment
from .rules import UNDOABLE, permissions_for
from .schemas import AppointmentRead

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)

MOST_TRIED = 20
CHANGING = (Unauthenticated, Forbidden, NotFound, VersionMismatch)
TAKEN_AGAIN = [each for each in REFUSALS.values() if each.is_conflict()]
Undoer = Annotated[
    Actor, Depends(requires(*{permission for action in UNDOABLE for permission in permissions_for(action)}))
]


@router.post(
    "/holds", status_code=201, response_model=AppointmentRead,
    responses=refusals(*BARRED, CallTheClinic, *REFUSALS.values()),
)  # fmt: skip
async def hold_time(
    body: HoldCreate, actor: Booker, session: SessionDep, policy: PolicyDep, clock: ClockDep
) -> Appointment:
    """Keep a time for a patient for five minutes, or as the clinic has set; confirm it to book it."""
    return await service.book(session, actor, body.booking(), policy=policy, clock=clock)


@router.post(
    "/any-doctor", status_code=201, response_model=AppointmentRead,
    responses=refusals(*BARRED, CallTheClinic, *REFUSALS.values()),
)  # fmt: skip
async def book_any_doctor(
    body: AnyDoctorCreate, actor: Booker, state: StateDep, once: OnceDep, policy: PolicyDep
) -> Response:
    """Book whichever doctor is free then, of several who has the fewest visits that day; 409 if nobody is."""
    async with state.database.reads() as session:
        bookings = await service.candidates(session, actor, body.wish(), clock=state.clock)
    refusal: TimeRefused = SlotTaken("Nobody who does this is free then.")
    for booking in bookings[:MOST_TRIED]:
        try:
            # Each in a transaction of its own, or the refused ones would keep their locks.
            async with writing(state, once) as session:
                visit = await service.book(session, actor, booking, policy=policy, clock=state.clock)
                answer = AppointmentRead.model_validate(visit).model_dump_json().encode()
                if once:
                    await once.keep(session, 201, answer, state.clock.now())
            return Response(answer, 201, media_type="application/json")
        except TimeRefused as refused:
            refusal = refused
    raise refusal


@router.post("/{appointment_id}/extend", response_model=AppointmentRead,
             responses=refusals(*CHANGING, EmailNotVerified, AlreadyExtended, NotPossibleNow, HoldExpired))  # fmt: skip
async def extend_hold(
    appointment_id: UUID, actor: Booker, session: SessionDep, version: VersionDep, policy: PolicyDep, clock: ClockDep
) -> Appointment:
    """Keep a held time once longer."""
    return await service.extend(session, actor, appointment_id, version=version, policy=policy, clock=clock)


@router.post("/{appointment_id}/confirm", response_model=AppointmentRead,
             responses=refusals(*CHANGING, EmailNotVerified, NotPossibleNow, HoldExpired))  # fmt: skip
async def confirm_hold(
    appointment_id: UUID, actor: Booker, session: SessionDep, version: VersionDep, policy: PolicyDep, clock: ClockDep,
    body: Confirmation | None = None,
) -> Appointment:  # fmt: skip
    """Book a held time; 410 `hold_expired` when it is too late. Said again, it changes nothing."""
    reason = body.reason if body else None
    return await service.confirm(session, actor, appointment_id, reason=reason, version=version, policy=policy,
                                 clock=clock)  # fmt: skip


@router.post("/{appointment_id}/reschedule", response_model=AppointmentRead,
             responses=refusals(*CHANGING, NotMovable, NotPossibleNow, HoldExpired, *REFUSALS.values()))  # fmt: skip
async def reschedule_appointment(
    appointment_id: UUID, body: Reschedule, actor: Canceller, session: SessionDep, version: VersionDep,
    policy: PolicyDep, clock: ClockDep,
) -> Appointment:  # fmt: skip
    """Move a visit to another time, doctor or place: it stays the same visit. Refused, it stays where it is."""
    return await service.reschedule(session, actor, appointment_id, body.move(), version=version, policy=policy,
                                    clock=clock)  # fmt: skip


@router.post("/{appointment_id}/undo", response_model=AppointmentRead,
             responses=refusals(*CHANGING, NotUndoable, TooLateToUndo, SessionCancelled, PatientErased,
                                *TAKEN_AGAIN))  # fmt: skip
async def undo_last_change(
    appointment_id: UUID, actor: Undoer, session: SessionDep, version: VersionDep, policy: PolicyDep, clock: ClockDep
) -> Appointment:
    """Take back the last change of a visit within ten minutes; 409 if somebody has its time by now."""
    return await service.undo(session, actor, appointment_id, version=version, policy=policy, clock=clock)
