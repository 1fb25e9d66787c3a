"""Cancelling a visit: its time is free at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments import queries
from appointed.appointments.errors import NotCancellable
from appointed.appointments.events import AppointmentCancelled
from appointed.appointments.models import Appointment
from appointed.appointments.rules import CANCELLABLE, Status
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import vault_of
from appointed.core.errors import StartAgain, VersionMismatch
from appointed.patients import care


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
    seen = await queries.get_for_change(session, actor, appointment_id)
    await resources.lock(session, [seen.doctor_id, seen.patient_id])
    parties = (seen.doctor_id, seen.patient_id)
    (appointment,) = await queries.get_locked(session, [appointment_id])
    if (appointment.doctor_id, appointment.patient_id) != parties:
        raise StartAgain
    now = clock.now()
    if appointment.status == Status.CANCELLED:
        return appointment
    if version not in (None, appointment.version):
        raise VersionMismatch(patient_id=appointment.patient_id)
    _check_cancellable(appointment, actor, now)
    await give_up(session, actor, appointment, code=code, note=note, now=now)
    return appointment


async def give_up(
    session: AsyncSession, actor: Actor, appointment: Appointment, *, code: str | None, note: str | None, now: datetime
) -> None:
    """Cancel a visit whose row and whose resources are locked."""
    appointment.status = Status.CANCELLED
    appointment.version += 1
    appointment.cancelled_at, appointment.cancelled_by, appointment.cancel_code = now, actor.user_id, code
    appointment.cancel_note_sealed = vault_of(session).seal_maybe("appointments", "cancel_note", appointment.id, note)
    appointment.needs_attention, appointment.attention_code, appointment.seat = False, None, None
    await session.flush()
    await resources.release(session, appointment.id)
    await care.end(session, appointment.id)
    outbox.publish(session, AppointmentCancelled(appointment.id, appointment.version), now)
    audit.record(session, now, actor.user_id, "appointment.cancel", "appointment", appointment.id,
                 patient_id=appointment.patient_id, **({"code": code} if code else {}))  # fmt: skip


def _check_cancellable(appointment: Appointment, actor: Actor, now: datetime) -> None:
    """Patients cannot cancel what has begun by the clock; the desk may set right what never took place."""
    has_begun = appointment.starts_at <= now and not actor.may(Permission.APPOINTMENTS_BOOK_ALL)
    if appointment.status not in CANCELLABLE or has_begun:
        raise NotCancellable(patient_id=appointment.patient_id)
