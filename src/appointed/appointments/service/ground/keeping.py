"""Saying that a visit that needed attention has been dealt with."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.core.clock import Clock
from appointed.core.db import vault_of
from appointed.core.errors import StartAgain, VersionMismatch
from appointed.core.ids import new_id


async def keep_visit(
    session: AsyncSession,
    actor: Actor,
    appointment_id: UUID,
    *,
    note: str | None = None,
    version: int | None = None,
    clock: Clock,
) -> Appointment:
    """Let the visit stand as it is: it needs attention no more, and the note says why. Again changes nothing."""
    seen = await queries.get_for_change(session, actor, appointment_id)
    parties = (seen.doctor_id, seen.patient_id)
    await resources.lock(session, parties)
    (visit,) = await queries.get_locked(session, [appointment_id])
    if (visit.doctor_id, visit.patient_id) != parties:
        raise StartAgain
    now = clock.now()
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)
    if not visit.needs_attention:
        return visit
    code, visit.attention_code, visit.needs_attention = visit.attention_code, None, False
    visit.version += 1
    change = AppointmentChange(
        id=new_id(), appointment_id=visit.id, version=visit.version, action="keep", status_before=visit.status,
        status_after=visit.status, starts_at_before=visit.starts_at, ends_at_before=visit.ends_at,
        doctor_id_before=visit.doctor_id, location_id_before=visit.location_id, code=code, changed_by=actor.user_id,
        changed_at=now,
    )  # fmt: skip
    change.note_sealed = vault_of(session).seal_maybe("appointment_changes", "note", change.id, note)
    session.add(change)
    audit.record(session, now, actor.user_id, "appointment.keep", "appointment", visit.id,
                 patient_id=visit.patient_id, code=code or "")  # fmt: skip
    return visit
