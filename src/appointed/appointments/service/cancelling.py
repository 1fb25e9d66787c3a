"""Cancelling a visit: its time is free at once."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import queries
from appointed.appointments.errors import NotCancellable
from appointed.appointments.events import AppointmentCancelled
from appointed.appointments.models import Appointment
from appointed.appointments.rules import CANCELLABLE, Action, Status
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import vault_of
from appointed.core.errors import VersionMismatch
from appointed.patients import care
from appointed.visit_types.models import VisitType

from .history import lock_visit, record_change


async def cancel(
    session: AsyncSession,
    actor: Actor,
    appointment_id: UUID,
    *,
    code: str | None = None,
    note: str | None = None,
    version: int | None = None,
    clock: Clock,
) -> Appointment:
    """The cancelled visit; cancelling again changes nothing. `VersionMismatch` if it is not at `version` any more."""
    appointment = await lock_visit(session, await queries.get_for_change(session, actor, appointment_id))
    now = clock.now()
    if appointment.status == Status.CANCELLED:
        return appointment
    if version not in (None, appointment.version):
        raise VersionMismatch(patient_id=appointment.patient_id)
    _check_cancellable(appointment, actor, now)
    late = await is_late(session, appointment, now)
    await give_up(session, appointment, by=actor.user_id, code=code, note=note, is_late=late, now=now)
    return appointment


async def is_late(session: AsyncSession, visit: Appointment, now: datetime) -> bool:
    """Whether it is too late by the notice that the visit's type asks for."""
    visit_type = await session.get_one(VisitType, visit.visit_type_id)
    return now > visit.starts_at - timedelta(minutes=visit_type.cancel_notice_minutes)


async def give_up(
    session: AsyncSession,
    appointment: Appointment,
    *,
    by: UUID | None,
    code: str | None,
    note: str | None = None,
    is_late: bool = False,
    is_told_singly: bool = True,
    now: datetime,
) -> None:
    """Cancel a visit whose row and whose resources are locked; without `by`, the clock does. Nobody is written to
    about a hold, nor unless `is_told_singly`."""
    is_told = is_told_singly and appointment.status != Status.PENDING
    record_change(session, appointment, Action.CANCEL, Status.CANCELLED, by=by, code=code, note=note, now=now)
    appointment.status = Status.CANCELLED
    appointment.version += 1
    appointment.cancelled_at, appointment.cancelled_by, appointment.cancel_code = now, by, code
    appointment.is_cancelled_late, appointment.hold_expires_at = is_late, None
    appointment.cancel_note_sealed = vault_of(session).seal_maybe("appointments", "cancel_note", appointment.id, note)
    appointment.needs_attention, appointment.attention_code, appointment.seat = False, None, None
    await session.flush()
    await resources.release(session, appointment.id)
    await care.end(session, appointment.id)
    outbox.publish(session, AppointmentCancelled(appointment.id, appointment.version, is_told), now)
    audit.record(session, now, by, "appointment.cancel", "appointment", appointment.id,
                 patient_id=appointment.patient_id, **({"code": code} if code else {}))  # fmt: skip


def _check_cancellable(appointment: Appointment, actor: Actor, now: datetime) -> None:
    """Patients cannot cancel what has begun by the clock; the desk may set right what never took place."""
    has_begun = appointment.starts_at <= now and not actor.may(Permission.APPOINTMENTS_BOOK_ALL)
    if appointment.status not in CANCELLABLE or has_begun:
        raise NotCancellable(patient_id=appointment.patient_id)
