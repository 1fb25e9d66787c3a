"""Rescheduling: a visit gets another time, doctor or place, and stays the visit that it is."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import offers, queries
from appointed.appointments.errors import REFUSALS, HoldExpired, NotMovable, NotPossibleNow, SlotTaken
from appointed.appointments.events import AppointmentRescheduled
from appointed.appointments.models import Appointment, Participant
from appointed.appointments.offers import Asked, Judged
from appointed.appointments.policy import Policy
from appointed.appointments.rules import UPCOMING, Status, is_treating
from appointed.core import batch, outbox
from appointed.core.clock import Clock
from appointed.core.db import constraint_of, vault_of
from appointed.core.errors import VersionMismatch
from appointed.patients import care

from .booking import Booking, asked_of, check_allowed, lock_for_one, refused
from .claiming import OWNER, claims_of, end_expired, put_participants
from .history import lock_visit, record_change


@dataclass(frozen=True, slots=True)
class Move:
    """Where a visit is to go; what is None stays as it is. What only the desk may say is None when it was not said."""

    starts_at: datetime
    ends_at: datetime | None = None
    doctor_id: UUID | None = None
    location_id: UUID | None = None
    visit_type_id: UUID | None = None
    is_notifying: bool | None = None
    extra_reason: str | None = None
    override_reason: str | None = None


async def reschedule(
    session: AsyncSession,
    actor: Actor,
    appointment_id: UUID,
    move: Move,
    *,
    version: int | None = None,
    policy: Policy,
    clock: Clock,
) -> Appointment:
    """The visit at its new time: the old one is free in the same moment, and never stands in the way of the new.

    `TimeRefused` leaves it where it is. `NotPossibleNow` if it has begun or is over.
    """
    seen = await queries.get_for_change(session, actor, appointment_id)
    if seen.session_id is not None:
        raise NotMovable(patient_id=seen.patient_id)
    booking = booking_for(seen, move)
    check_allowed(actor, booking)
    asked = asked_for(actor, booking, seen, move, policy)
    whom = await offers.to_lock(session, asked)
    visit = await lock_for_one(session, asked, lambda: lock_visit(session, seen, whom))
    now = clock.now()
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)
    _check_movable(visit, actor, now)
    # Its length may have been changed before we had the lock.
    asked = asked_for(actor, booking, visit, move, policy)
    judged = await offers.judge(session, asked, now, locked=whom)
    if judged.reason:
        raise refused(REFUSALS[judged.reason], judged)
    await carry_over(session, visit, judged, booking, by=actor.user_id, policy=policy, now=now)
    return visit


async def carry_over(
    session: AsyncSession,
    visit: Appointment,
    judged: Judged,
    booking: Booking,
    *,
    by: UUID,
    is_told_singly: bool = True,
    policy: Policy,
    now: datetime,
) -> None:
    """Give a visit whose row and whose resources are locked the time that was judged, and what else it takes there."""
    record_change(session, visit, "reschedule", visit.status, by=by, now=now)
    await _leave(session, visit)
    _set(session, visit, judged, booking)
    await session.flush()
    claims = claims_of(judged)
    if judged.has_expired:
        await end_expired(session, claims, now)
    put_participants(session, judged, visit.id)
    resources.take(session, claims, visit.id, OWNER, expires_at=visit.hold_expires_at)
    doctor_user_id = judged.parties.doctor_user_id
    if is_treating(Status(visit.status), is_booked_by_doctor=visit.booked_by == doctor_user_id):
        care.begin(session, appointment_id=visit.id, patient_id=visit.patient_id, doctor_id=visit.doctor_id,
                   doctor_user_id=doctor_user_id, location_id=visit.location_id,
                   valid_from=now, valid_until=visit.ends_at + policy.care_lasts)  # fmt: skip
    is_told = is_told_singly and visit.status == Status.BOOKED and booking.is_notifying is not False
    outbox.publish(session, AppointmentRescheduled(visit.id, visit.version, is_told), now)
    audit.record(session, now, by, "appointment.reschedule", "appointment", visit.id, patient_id=visit.patient_id,
                 **({"against": "rules"} if judged.asked.is_waived else {}))  # fmt: skip
    try:
        await batch.flush(session)
    except IntegrityError as error:
        if constraint_of(error) == "pk_busy_ticks":
            raise refused(SlotTaken, judged) from None
        raise


async def _leave(session: AsyncSession, visit: Appointment) -> None:
    await resources.release(session, visit.id)
    await care.end(session, visit.id)
    await session.execute(delete(Participant).where(Participant.appointment_id == visit.id))


def _set(session: AsyncSession, visit: Appointment, judged: Judged, booking: Booking) -> None:
    asked, vault = judged.asked, vault_of(session)
    assert judged.location_id  # noqa: S101 - where nothing is refused there is a place
    changes: dict[str, Any] = {
        "doctor_id": asked.doctor_id, "location_id": judged.location_id,
        "visit_type_id": judged.rules.visit_type_id, "starts_at": asked.starts_at, "ends_at": judged.ends_at,
        "is_extra": asked.is_extra, "version": visit.version + 1, "needs_attention": False, "attention_code": None,
    } | {
        f"{name}_sealed": vault.seal_maybe("appointments", name, visit.id, getattr(booking, name))
        for name in ("extra_reason", "override_reason")
    }  # fmt: skip
    for name, value in changes.items():
        setattr(visit, name, value)


def booking_for(visit: Appointment, move: Move) -> Booking:
    return Booking(
        move.doctor_id or visit.doctor_id,
        move.starts_at,
        move.ends_at,
        move.visit_type_id or visit.visit_type_id,
        move.location_id,
        visit.patient_id,
        is_notifying=move.is_notifying,
        extra_reason=move.extra_reason,
        override_reason=move.override_reason,
    )


def asked_for(actor: Actor, booking: Booking, visit: Appointment, move: Move, policy: Policy) -> Asked:
    """Unless another place is named it is where the doctor is at that time, and against the rules where it was; unless
    another length or type is, the visit keeps the length that it was given."""
    asked = replace(asked_of(actor, booking, visit.patient_id, policy), ignoring=visit.id)
    if asked.is_waived and move.location_id is None:
        asked = replace(asked, location_id=visit.location_id)
    if move.ends_at is not None or booking.visit_type_id != visit.visit_type_id:
        return asked
    return replace(asked, ends_at=move.starts_at + (visit.ends_at - visit.starts_at), any_length=True)


def _check_movable(visit: Appointment, actor: Actor, now: datetime) -> None:
    """Patients cannot move what has begun by the clock; the desk may, of a visit that nobody came to yet."""
    if visit.hold_expires_at is not None and visit.hold_expires_at <= now:
        raise HoldExpired(patient_id=visit.patient_id)
    has_begun = visit.starts_at <= now and not actor.may(Permission.APPOINTMENTS_BOOK_ALL)
    if visit.status not in UPCOMING or has_begun:
        raise NotPossibleNow.of(visit.status, visit.patient_id)
