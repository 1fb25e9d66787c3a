"""`/appointments` and `/slots`: free times, booking, listing, reading and cancelling."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from appointed import audit, patients
from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, Invalid, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import (
    LOGIN_IS_OPTIONAL,
    ClockDep,
    Cursor,
    Limit,
    OptionalActor,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    SettingsDep,
    VersionDep,
    etag_of,
    refusals,
)
from appointed.patients import related

from . import offers, queries, service
from .callers import Booker, Canceller, PolicyDep, Reader
from .errors import REFUSALS, CallTheClinic, NotCancellable
from .models import Appointment
from .rules import Status
from .schemas import (
    AppointmentCreate,
    AppointmentRead,
    Cancellation,
    DayOrInstant,
    SlotsRead,
    end_of,
    slots_adapter,
    start_of,
)

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)
slots = APIRouter(prefix="/slots", tags=["appointments"], route_class=RetryingRoute)

LONGEST_RANGE = timedelta(days=62)


@slots.get(
    "", response_model=SlotsRead, responses=refusals(Unauthenticated, Forbidden), openapi_extra=LOGIN_IS_OPTIONAL
)
async def list_slots(
    doctor_id: Annotated[UUID, Query(examples=["019b2f4e-7c1a-7000-8000-000000000001"])],
    from_: Annotated[DayOrInstant, Query(alias="from", examples=["2031-03-03"])],
    to: Annotated[DayOrInstant, Query(examples=["2031-03-07"], description="A day is included as a whole.")],
    actor: OptionalActor,
    session: ReadSessionDep,
    settings: SettingsDep,
    clock: ClockDep,
    visit_type_id: UUID | None = None,
    location_id: UUID | None = None,
    patient_id: Annotated[UUID | None, Query(description="By the desk: what this patient can book.")] = None,
) -> Response:
    """Free times, earliest first. For a patient who is logged in, or named by the desk, their own visits count."""
    first, last = start_of(from_, settings.zone), end_of(to, settings.zone)
    _check_range(first, last)
    whose = await _for_whom(session, actor, patient_id)
    found = await offers.slots(session, [doctor_id], visit_type_id, first, last, clock.now(), patient_id=whose,
                               location_id=location_id, is_online=not _is_desk(actor))  # fmt: skip
    return Response(_slots_json(found), media_type="application/json")


@router.post(
    "", status_code=201, response_model=AppointmentRead,
    responses=refusals(Unauthenticated, Forbidden, CallTheClinic, *REFUSALS.values()),
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


async def _for_whom(session: ReadSessionDep, actor: Actor | None, patient_id: UUID | None) -> UUID | None:
    """Whose own visits count."""
    if _is_desk(actor):
        return patient_id
    if actor is None and patient_id is not None:
        raise Unauthenticated
    own_id = None
    if actor is not None and actor.may(Permission.PATIENTS_OWN):
        own_id = await patients.find_own_id(session, actor.user_id)
    if patient_id is None or patient_id == own_id:
        return own_id
    if actor is None or not await related.bookable_by(session, actor, patient_id):
        raise Forbidden("Only the desk, or who may book for them, asks for somebody else.")
    return patient_id


def _is_desk(actor: Actor | None) -> bool:
    return actor is not None and actor.may(Permission.APPOINTMENTS_BOOK_ALL)


def _check_range(first: datetime, last: datetime) -> None:
    if last <= first:
        raise Invalid.field("to", "The end must be after the start.")
    if last - first > LONGEST_RANGE:
        raise Invalid.field("to", "Ask for 62 days at the most.")


def _slots_json(found: list[offers.Slot]) -> bytes:
    """What `SlotsRead` says, without a model of each slot in between: a month has hundreds."""
    return slots_adapter.dump_json({"slots": found})
