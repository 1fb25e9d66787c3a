"""`/appointments`: booking, listing, reading and cancelling."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from appointed import audit
from appointed.core.errors import Forbidden, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    SettingsDep,
    VersionDep,
    etag_of,
    refusals,
)

from . import queries, service
from .callers import BARRED, Booker, Canceller, PolicyDep, Reader
from .errors import REFUSALS, CallTheClinic, NotCancellable
from .models import Appointment
from .rules import Status
from .schemas import (
    AppointmentCreate,
    AppointmentRead,
    Cancellation,
    DayOrInstant,
    end_of,
    start_of,
)

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)


@router.post(
    "", status_code=201, response_model=AppointmentRead,
    responses=refusals(*BARRED, CallTheClinic, *REFUSALS.values()),
)  # fmt: skip
async def book_appointment(
    body: AppointmentCreate, actor: Booker, session: SessionDep, policy: PolicyDep, clock: ClockDep
) -> Appointment:
    """Book a visit; 409 `slot_taken` with `alternatives` if someone else was quicker."""
    return await service.book(session, actor, body.booking(), policy=policy, clock=clock)


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def list_appointments(
    actor: Reader,
    session: ReadSessionDep,
    settings: SettingsDep,
    clock: ClockDep,
    from_: Annotated[DayOrInstant | None, Query(alias="from")] = None,
    to: Annotated[DayOrInstant | None, Query(description="A day is included as a whole.")] = None,
    doctor_id: UUID | None = None,
    patient_id: UUID | None = None,
    status: Annotated[list[Status], Query()] = [],  # noqa: B006 - FastAPI copies defaults
    needs_attention: bool | None = None,
    location_id: UUID | None = None,
    visit_type_id: UUID | None = None,
    series_id: UUID | None = None,
    session_id: UUID | None = None,
    unclosed: Annotated[bool, Query(description="Those that are over, and nobody has said how they ended.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[AppointmentRead]:
    """Visits by their start: the desk and nurses all, doctors and patients their own."""
    first = start_of(from_, settings.zone) if from_ else None
    last = end_of(to, settings.zone) if to else None
    filters = queries.Filter(first, last, doctor_id, patient_id, status, needs_attention, location_id, visit_type_id,
                             series_id, session_id, clock.now() if unclosed else None)  # fmt: skip
    page = await queries.page(session, actor, filters, limit=limit, cursor=cursor)
    audit.record(session, clock.now(), actor.user_id, "appointment.find", "appointment", patient_id=patient_id,
                 found=str(len(page.items)))  # fmt: skip
    return PageOf(items=[AppointmentRead.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{appointment_id}", response_model=AppointmentRead, responses=refusals(Unauthenticated, Forbidden, NotFound)
)
async def read_appointment(
    appointment_id: UUID, actor: Reader, session: ReadSessionDep, response: Response, clock: ClockDep
) -> Appointment:
    """One visit; its `ETag` is for `If-Match`."""
    appointment = await queries.get(session, actor, appointment_id)
    audit.record(session, clock.now(), actor.user_id, "appointment.read", "appointment", appointment_id,
                 patient_id=appointment.patient_id)  # fmt: skip
    response.headers["ETag"] = etag_of(appointment.version)
    return appointment


@router.post("/{appointment_id}/cancel", response_model=AppointmentRead,
             responses=refusals(Unauthenticated, Forbidden, NotFound, NotCancellable, VersionMismatch))  # fmt: skip
@router.delete("/{appointment_id}", response_model=AppointmentRead, name="delete_appointment",
               responses=refusals(Unauthenticated, Forbidden, NotFound, NotCancellable, VersionMismatch))  # fmt: skip
async def cancel_appointment(
    appointment_id: UUID,
    actor: Canceller,
    session: SessionDep,
    version: VersionDep,
    clock: ClockDep,
    body: Cancellation | None = None,
) -> Appointment:
    """Cancel a visit: its time is free at once. Cancelling again changes nothing."""
    said = body or Cancellation()
    code, note = said.reason_code, said.reason or said.note
    return await service.cancel(session, actor, appointment_id, code=code, note=note, version=version, clock=clock)
