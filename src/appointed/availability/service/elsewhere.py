"""Whether a doctor's hours at two locations overlap."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability import queries
from appointed.availability.errors import HoursOverlap
from appointed.availability.overlaps import OPENING, overlap
from appointed.availability.walltime import instant_of


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
