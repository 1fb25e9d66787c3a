"""Booking a visit: lock, look, decide, write."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached

from appointed import audit, patients, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import offers
from appointed.appointments.errors import REFUSALS, SlotTaken, TimeRefused, Wanted
from appointed.appointments.events import AppointmentBooked, AppointmentHeld
from appointed.appointments.models import Appointment
from appointed.appointments.offers import Asked, Judged, Parties
from appointed.appointments.policy import Policy, Quotas
from appointed.appointments.rules import Channel, Notified, Status
from appointed.core import batch, outbox
from appointed.core.clock import Clock
from appointed.core.db import constraint_of, vault_of
from appointed.core.errors import Forbidden, Invalid, NotFound, StartAgain
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values
from appointed.patients import care, related

from .claiming import OWNER, claims_of, end_expired, put_participants

T = TypeVar("T")
_BLANK = {column.name: None for column in Appointment.__table__.columns if column.nullable}


@dataclass(frozen=True, slots=True)
class Booking:
    """What is asked for. What only the desk may say is None when it was not said."""

    doctor_id: UUID
    starts_at: datetime
    ends_at: datetime | None = None
    visit_type_id: UUID | None = None
    location_id: UUID | None = None
    patient_id: UUID | None = None
    reason: str | None = None
    channel: Channel | None = None
    is_notifying: bool | None = None
    extra_reason: str | None = None
    override_reason: str | None = None
    is_held: bool = False
    """Kept for the patient for a while, to be confirmed."""


async def book(session: AsyncSession, actor: Actor, booking: Booking, *, policy: Policy, clock: Clock) -> Appointment:
    """A booked visit; `TimeRefused` with the first reason that applies."""
    check_allowed(actor, booking)
    asked = asked_of(actor, booking, await patient_of(session, actor, booking), policy)
    whom = await offers.to_lock(session, asked)
    await lock_for_one(session, asked, lambda: resources.lock(session, whom))
    now = clock.now()
    judged = await offers.judge(session, asked, now, locked=whom)
    if judged.reason:
        raise refused(REFUSALS[judged.reason], judged)
    return await write(session, actor, booking, judged, policy=policy, now=now)


async def lock_for_one(session: AsyncSession, asked: Asked, lock: Callable[[], Awaitable[T]]) -> T:
    """What `lock` gives; who of those that are asked for does not exist is named."""
    try:
        return await lock()
    except NotFound:
        await offers.name_the_missing(session, asked)
        # Made in the meantime: without its lock nothing may be decided.
        raise StartAgain from None


async def write(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    judged: Judged,
    *,
    policy: Policy,
    now: datetime,
    claims: Sequence[resources.Claim] | None = None,
    **marks: Any,
) -> Appointment:
    """The visit as it stands in the database, its time taken. Call it with the resources locked.

    `marks` are columns beside those of any visit: what the visit is part of. `claims` is what it takes, if not the
    time of its doctor, its patient and what it needs.
    """
    claims = claims_of(judged) if claims is None else claims
    if judged.has_expired:
        await end_expired(session, claims, now)
    appointment = _put(session, actor, booking, judged, policy, now, marks)
    put_participants(session, judged, appointment.id)
    resources.take(session, claims, appointment.id, OWNER, expires_at=appointment.hold_expires_at)
    try:
        await batch.flush(session)
    except IntegrityError as error:
        if constraint_of(error) == "pk_busy_ticks":
            raise refused(SlotTaken, judged) from None
        raise
    make_transient_to_detached(appointment)
    session.add(appointment)
    return appointment


def check_allowed(actor: Actor, booking: Booking) -> None:
    said = {"channel": booking.channel, "notify": booking.is_notifying, "extra": booking.extra_reason,
            "override": booking.override_reason}  # fmt: skip
    reserved = [name for name, value in said.items() if value is not None]
    if reserved and not actor.may(Permission.APPOINTMENTS_BOOK_ALL):
        raise Forbidden(f"Only the desk may set: {', '.join(reserved)}.")
    if booking.extra_reason is not None and not actor.may(Permission.APPOINTMENTS_FIT_IN):
        raise Forbidden("Your role may not fit visits in.")
    if booking.override_reason is not None and not actor.may(Permission.APPOINTMENTS_OVERRIDE):
        raise Forbidden("Your role may not book against the rules.")


async def patient_of(session: AsyncSession, actor: Actor, booking: Booking) -> UUID:
    """Patients book for themselves and for whom they look after; any other id is answered like one of nobody."""
    if actor.may(Permission.APPOINTMENTS_BOOK_ALL):
        if booking.patient_id is None:
            raise Invalid.field("patient_id", "Say whom the visit is for.", "missing")
        return booking.patient_id
    own_id = await patients.find_own_id(session, actor.user_id)
    patient_id = booking.patient_id or own_id
    if patient_id is None or not (patient_id == own_id or await related.bookable_by(session, actor, patient_id)):
        raise _unknown("patient_id")
    return patient_id


def _unknown(field: str) -> Invalid:
    return Invalid.field(field, f"There is no such {field.removesuffix('_id').replace('_', ' ')}.", "unknown")


def asked_of(actor: Actor, booking: Booking, patient_id: UUID, policy: Policy) -> Asked:
    return Asked(
        booking.doctor_id,
        patient_id,
        booking.starts_at,
        booking.ends_at,
        booking.visit_type_id,
        booking.location_id,
        is_desk=actor.may(Permission.APPOINTMENTS_BOOK_ALL),
        is_extra=booking.extra_reason is not None,
        is_waived=booking.override_reason is not None,
        quotas=policy.quotas if booking.is_held else Quotas(policy.quotas.upcoming),
    )


def refused(kind: type[TimeRefused], judged: Judged) -> TimeRefused:
    error = kind(patient_id=judged.asked.patient_id)
    error.wanted = wanted_of(judged)
    return error


def wanted_of(judged: Judged) -> Wanted:
    asked = judged.asked
    return Wanted(asked.doctor_id, judged.rules.visit_type_id, asked.location_id, asked.patient_id, asked.starts_at)


def _put(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    judged: Judged,
    policy: Policy,
    now: datetime,
    marks: Mapping[str, Any],
) -> Appointment:
    """Put the visit and all that follows into one batch."""
    asked, parties = judged.asked, judged.parties
    appointment_id = new_id()
    row: dict[str, Any] = _BLANK | {
        "id": appointment_id, "doctor_id": asked.doctor_id, "patient_id": asked.patient_id,
        "visit_type_id": judged.rules.visit_type_id, "location_id": judged.location_id, "starts_at": asked.starts_at,
        "ends_at": judged.ends_at, "status": Status.PENDING if booking.is_held else Status.BOOKED, "version": 1,
        "is_extra": asked.is_extra, "hold_expires_at": now + policy.hold_lasts if booking.is_held else None,
        "channel": booking.channel or (Channel.DESK if asked.is_desk else Channel.ONLINE), "booked_by": actor.user_id,
        "notified": _notified(booking, parties), "needs_attention": False, "created_at": now,
    } | sealed_values(vault_of(session), "appointments", appointment_id,
                      reason=booking.reason, extra_reason=booking.extra_reason,
                      override_reason=booking.override_reason) | dict(marks)  # fmt: skip
    batch.put(session, Appointment.__table__, [row])
    if not booking.is_held and actor.user_id != parties.doctor_user_id:
        care.begin(session, appointment_id=appointment_id, patient_id=asked.patient_id, doctor_id=asked.doctor_id,
                   doctor_user_id=parties.doctor_user_id, location_id=row["location_id"],
                   valid_from=now, valid_until=judged.ends_at + policy.care_lasts)  # fmt: skip
    event = AppointmentHeld if booking.is_held else AppointmentBooked
    outbox.publish(session, event(appointment_id, 1), now)
    audit.record(session, now, actor.user_id, _deed(booking), "appointment", appointment_id,
                 patient_id=asked.patient_id, **({"against": "rules"} if asked.is_waived else {}))  # fmt: skip
    return Appointment(**row)


def _deed(booking: Booking) -> str:
    if booking.is_held:
        return "appointment.hold"
    return "appointment.book" if booking.extra_reason is None else "appointment.fit-in"


def _notified(booking: Booking, parties: Parties) -> Notified:
    if booking.is_notifying is False:
        return Notified.OFF
    has_address = parties.has_contact_email or parties.patient_user_id is not None
    return Notified.QUEUED if has_address else Notified.NO_ADDRESS
