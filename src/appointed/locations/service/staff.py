"""Where members of staff work."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit
from appointed.core.errors import Invalid
from appointed.locations import queries
from appointed.locations.models import StaffAssignment


async def assign(
    session: AsyncSession, by: UUID, user_id: UUID, location_ids: Collection[UUID], *, now: datetime
) -> None:
    """Have a user work at these locations and no others; none of them is all of them."""
    await accounts.queries.get(session, user_id, for_update=True)
    if await queries.known(session, location_ids) != set(location_ids):
        raise Invalid.field("location_ids", "There is no such location.", "unknown")
    await session.execute(delete(StaffAssignment).where(StaffAssignment.user_id == user_id))
    session.add_all(StaffAssignment(user_id=user_id, location_id=one_id) for one_id in sorted(location_ids))
    await session.flush()
    audit.record(session, now, by, "user.assign", "user", user_id, locations=str(len(location_ids)))
