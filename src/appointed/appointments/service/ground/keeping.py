"""Saying that a visit that needed attention has been dealt with."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.appointments.models import Appointment
from appointed.appointments.service.history import lock_visit, record_change
from appointed.core.clock import Clock
from appointed.core.errors import VersionMismatch


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
    visit = await lock_visit(session, seen)
    now = clock.now()
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)
    if not visit.needs_attention:
        return visit
    code = visit.attention_code
    record_change(session, visit, "keep", visit.status, by=actor.user_id, code=code, note=note, now=now)
    visit.attention_code, visit.needs_attention, visit.version = None, False, visit.version + 1
    audit.record(session, now, actor.user_id, "appointment.keep", "appointment", visit.id,
                 patient_id=visit.patient_id, code=code or "")  # fmt: skip
    return visit
