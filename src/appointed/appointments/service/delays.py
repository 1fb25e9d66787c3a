"""A doctor who runs late: shown with the visits that wait, while nobody's busy time changes."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, doctors, resources
from appointed.accounts.actor import Actor, Permission
from appointed.appointments.events import DoctorRunningLate
from appointed.appointments.models import DoctorDelay
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.errors import Forbidden, Invalid


async def run_late(
    session: AsyncSession, actor: Actor, doctor_id: UUID, minutes: int, until: datetime, *, clock: Clock
) -> DoctorDelay:
    """How late the doctor is from now `until` then; by no minutes, on time again. Said twice, it is told once."""
    doctor = await doctors.get(session, doctor_id)
    is_own = doctor.user_id == actor.user_id and actor.may(Permission.DOCTORS_DELAY_OWN)
    if not (is_own or actor.may(Permission.DOCTORS_DELAY_ALL)):
        raise Forbidden
    await resources.lock(session, [doctor_id])
    now = clock.now()
    if until <= now:
        raise Invalid.field("until", "This time has passed.")
    known = await session.get(DoctorDelay, doctor_id, populate_existing=True)
    if (known.minutes, known.until) == (minutes, until) if known else minutes == 0:
        return known or DoctorDelay(doctor_id=doctor_id, minutes=0, since=now, until=until, set_by=actor.user_id)
    # Who waits already, because their time lies less than the delay in the past, waits on.
    delay = DoctorDelay(doctor_id=doctor_id, minutes=minutes, since=now - timedelta(minutes=minutes), until=until,
                        set_by=actor.user_id)  # fmt: skip
    delay = await session.merge(delay)
    await session.flush()
    outbox.publish(session, DoctorRunningLate(doctor_id, minutes, until), now)
    audit.record(session, now, actor.user_id, "doctor.running-late", "doctor", doctor_id, minutes=str(minutes))
    return delay
