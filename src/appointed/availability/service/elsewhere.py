"""Whether a doctor's hours at two locations overlap."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability import queries
from appointed.availability.errors import HoursOverlap
from appointed.availability.models import Schedule
from appointed.availability.overlaps import OPENING, overlap
from appointed.availability.walltime import instant_of


async def check_elsewhere_at(session: AsyncSession, location_id: UUID, now: datetime) -> None:
    """`check_elsewhere` of everybody who has hours there, when the clock on its wall has changed. All are locked."""
    rows = await session.execute(select(Schedule.doctor_id, Schedule.id).where(Schedule.location_id == location_id))
    theirs: dict[UUID, list[UUID]] = {}
    for doctor_id, schedule_id in rows.all():
        theirs.setdefault(doctor_id, []).append(schedule_id)
    for doctor_id, changed in theirs.items():
        await check_elsewhere(session, doctor_id, changed, now)


async def check_elsewhere(session: AsyncSession, doctor_id: UUID, changed: Collection[UUID], now: datetime) -> None:
    """`HoursOverlap`, with the rows in the way, if the changed rows, or what they leave open at their locations,
    overlap with hours at another location. The doctor is locked, and what changed is flushed."""
    rows = await queries.hours_by_id(session, doctor_id)
    if len({row.location_id for row in rows.values()}) < 2:
        return
    taken = [row for row in rows.values() if row.kind not in OPENING]
    # What no longer takes time away leaves open whatever lies at its location.
    freed = {rows[id_].location_id for id_ in changed if rows[id_].kind not in OPENING}
    asked = {id_ for id_, row in rows.items() if id_ in changed or row.location_id in freed}
    found = {}
    for id_ in asked:
        for other_id, other in rows.items():
            if other.location_id != rows[id_].location_id and other_id not in found:
                shared = overlap(rows[id_], other, taken, now.date())
                if shared:
                    found[other_id] = instant_of(shared.start)
    if found:
        raise HoursOverlap(extra={"hours": sorted(map(str, found)), "first_at": min(found.values()).isoformat()})
