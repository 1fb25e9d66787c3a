"""What happened to a visit: locked, changed, and written down."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.appointments import queries
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.core import batch
from appointed.core.db import vault_of
from appointed.core.errors import StartAgain
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values


async def lock_visit(session: AsyncSession, seen: Appointment, whom: Collection[UUID] = ()) -> Appointment:
    """The visit as it is now, its row locked, behind the locks of all whose time it takes and of `whom` besides."""
    taken, version = await queries.taken_by(session, [seen]), seen.version
    await resources.lock(session, taken | set(whom))
    (visit,) = await queries.get_locked(session, [seen.id])
    if visit.version != version and await queries.taken_by(session, [visit]) != taken:
        raise StartAgain
    return visit


def record_change(
    session: AsyncSession, visit: Appointment, action: str, after: str, *, by: UUID | None, code: str | None = None,
    note: str | None = None, now: datetime,
) -> None:  # fmt: skip
    """Before the visit is changed."""
    change_id = new_id()
    row = {"id": change_id, "appointment_id": visit.id, "version": visit.version + 1, "action": action,
           "status_before": visit.status, "status_after": after, "starts_at_before": visit.starts_at,
           "ends_at_before": visit.ends_at, "doctor_id_before": visit.doctor_id,
           "location_id_before": visit.location_id, "code": code, "changed_by": by, "changed_at": now,
           } | sealed_values(vault_of(session), "appointment_changes", change_id, note=note)  # fmt: skip
    batch.put(session, AppointmentChange.__table__, [row])
