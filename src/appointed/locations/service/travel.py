"""How long it takes from one location to another."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.errors import Invalid, NotFound
from appointed.core.grid import check_on_grid
from appointed.locations import queries
from appointed.locations.models import TravelTime


async def set_travel(
    session: AsyncSession, by: UUID, location_id: UUID, other_id: UUID, minutes: int, *, now: datetime
) -> TravelTime:
    """Say how long it takes, either way, between two locations whose rows are locked."""
    check_on_grid({"minutes": minutes})
    first_id, second_id = _pair(location_id, other_id)
    for one_id in (first_id, second_id):
        await queries.get(session, one_id)
    row = TravelTime(first_id=first_id, second_id=second_id, minutes=minutes)
    row = await session.merge(row)
    await session.flush()
    audit.record(session, now, by, "travel.set", "location", location_id, other=str(other_id), minutes=str(minutes))
    return row


async def unset_travel(session: AsyncSession, by: UUID, location_id: UUID, other_id: UUID, *, now: datetime) -> None:
    """Say nothing of how long it takes."""
    row = await session.get(TravelTime, _pair(location_id, other_id))
    if row is None:
        raise NotFound
    await session.delete(row)
    audit.record(session, now, by, "travel.remove", "location", location_id, other=str(other_id))


def _pair(location_id: UUID, other_id: UUID) -> tuple[UUID, UUID]:
    if location_id == other_id:
        raise Invalid.field("other_id", "Name another location.", "same")
    return min(location_id, other_id), max(location_id, other_id)
