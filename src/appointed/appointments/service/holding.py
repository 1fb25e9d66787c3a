"""Holds: time that is kept for a patient for a few minutes, until they confirm it or it ends by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import queries
from appointed.appointments.errors import AlreadyExtended, HoldExpired, NotPossibleNow
from appointed.appointments.events import AppointmentBooked
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import STEPS, Action, Status
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import vault_of
from appointed.core.errors import Forbidden, VersionMismatch

from .cancelling import give_up
from .claiming import HOLD_EXPIRED
from .history import lock_visit, record_change
from .living import keep_care


async def extend(
    session: AsyncSession, actor: Actor, appointment_id: UUID, *, version: int | None = None, policy: Policy,
    clock: Clock,
) -> Appointment:  # fmt: skip
    """The hold, kept once more for as long as it was; `AlreadyExtended` a second time, `HoldExpired` too late."""
    visit = await _lock(session, actor, appointment_id)
    now = clock.now()
    _check_version(visit, version)
    _check_held(visit, now)
    if visit.hold_extended_at is not None:
        raise AlreadyExtended(patient_id=visit.patient_id)
    assert visit.hold_expires_at  # noqa: S101 - a hold has it
    record_change(session, visit, "extend", visit.status, by=actor.user_id, now=now)
    visit.hold_extended_at, visit.version = now, visit.version + 1
    visit.hold_expires_at += policy.hold_lasts
    await session.flush()
    await resources.hold_until(session, visit.id, visit.hold_expires_at)
    audit.record(session, now, actor.user_id, "appointment.extend", "appointment", visit.id,
                 patient_id=visit.patient_id)  # fmt: skip
    return visit


async def confirm(
    session: AsyncSession,
    actor: Actor,
    appointment_id: UUID,
    *,
    reason: str | None = None,
    version: int | None = None,
    policy: Policy,
    clock: Clock,
) -> Appointment:
    """The hold as a booked visit; again changes nothing. `HoldExpired` too late, even if nobody took the time."""
    visit = await _lock(session, actor, appointment_id)
    now = clock.now()
    if visit.status == Status.BOOKED:
        return visit
    _check_version(visit, version)
    _check_held(visit, now)
    record_change(session, visit, Action.CONFIRM, Status.BOOKED, by=actor.user_id, now=now)
    visit.status, visit.hold_expires_at, visit.version = Status.BOOKED, None, visit.version + 1
    if reason is not None:
        visit.reason_sealed = vault_of(session).seal("appointments", "reason", visit.id, reason)
        visit.reason_by = actor.user_id
    await session.flush()
    await resources.hold_until(session, visit.id, None)
    doctor_user_id = await queries.user_of_doctor(session, visit.doctor_id)
    await keep_care(session, visit, Status.PENDING, doctor_user_id, policy, now)
    outbox.publish(session, AppointmentBooked(visit.id, visit.version), now)
    audit.record(session, now, actor.user_id, "appointment.confirm", "appointment", visit.id,
                 patient_id=visit.patient_id)  # fmt: skip
    return visit


async def expire_if_due(session: AsyncSession, appointment_id: UUID, *, clock: Clock) -> bool:
    """End a hold that is over; whether it was there to be ended."""
    visit = await lock_visit(session, await queries.get_unseen(session, appointment_id))
    now = clock.now()
    if visit.status != Status.PENDING or visit.hold_expires_at is None or visit.hold_expires_at > now:
        return False
    await give_up(session, visit, by=None, code=HOLD_EXPIRED, now=now)
    return True


async def _lock(session: AsyncSession, actor: Actor, appointment_id: UUID) -> Appointment:
    seen = await queries.get_for_change(session, actor, appointment_id)
    (step,) = STEPS[Action.CONFIRM]
    if not step.may_be_done_by(actor.permissions, is_own=actor.may(Permission.APPOINTMENTS_BOOK_OWN)):
        raise Forbidden(patient_id=seen.patient_id)
    return await lock_visit(session, seen)


def _check_version(visit: Appointment, version: int | None) -> None:
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)


def _check_held(visit: Appointment, now: datetime) -> None:
    is_over = visit.hold_expires_at is not None and visit.hold_expires_at <= now
    if is_over or (visit.status == Status.CANCELLED and visit.cancel_code == HOLD_EXPIRED):
        raise HoldExpired(patient_id=visit.patient_id)
    if visit.status != Status.PENDING:
        raise NotPossibleNow.of(visit.status, visit.patient_id)
