"""Reading locations, what is there and who works there; none of it is anybody's secret but who works where."""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of
from appointed.core.types import ids_of

from .models import Location, LocationDay, Room, StaffAssignment, TravelTime

# Asked for every booking and every list of free times, so put together once.
_TRAVEL = select(TravelTime.first_id, TravelTime.second_id, TravelTime.minutes).where(
    TravelTime.first_id.in_(ids_of("ids")), TravelTime.second_id.in_(ids_of("ids"))
)


async def get(session: AsyncSession, location_id: UUID) -> Location:
    location = await session.get(Location, location_id)
    if location is None:
        raise NotFound
    return location


async def page(session: AsyncSession, *, is_active: bool, limit: int, cursor: str | None) -> Page[Location]:
    """By name."""
    query = select(Location).where(Location.is_active == is_active)
    return await page_of(session, query, [Location.name, Location.id], limit=limit, cursor=cursor)


async def known(session: AsyncSession, ids: Collection[UUID]) -> set[UUID]:
    """Those of the ids that are locations."""
    return set(await session.scalars(select(Location.id).where(Location.id.in_(ids))))


async def zones_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """The zones of the locations' wall clocks."""
    rows = await session.execute(select(Location.id, Location.timezone).where(Location.id.in_(ids)))
    return {row.id: row.timezone for row in rows.all()}


async def days_of(session: AsyncSession, location_id: UUID, first: date, last: date) -> Sequence[LocationDay]:
    """Days that differ from the calendar, both ends included, by date."""
    query = select(LocationDay).where(LocationDay.location_id == location_id, LocationDay.on_date.between(first, last))
    return (await session.scalars(query.order_by(LocationDay.on_date))).all()


async def travel_between(session: AsyncSession, ids: Collection[UUID]) -> dict[frozenset[UUID], int]:
    """Minutes between each two of the locations; pairs of which nothing is known are left out."""
    rows = await session.execute(_TRAVEL, {"ids": list(ids)})
    return {frozenset((row.first_id, row.second_id)): row.minutes for row in rows}


async def travel_from(session: AsyncSession, location_id: UUID) -> Sequence[tuple[UUID, int]]:
    """The other location and the minutes to it, shortest first."""
    at = (TravelTime.first_id == location_id, TravelTime.second_id == location_id)
    rows = (await session.scalars(select(TravelTime).where(or_(*at)))).all()
    pairs = [(row.second_id if row.first_id == location_id else row.first_id, row.minutes) for row in rows]
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


async def works_at(session: AsyncSession, user_id: UUID, location_id: UUID) -> bool:
    """Whether a member of staff works at the location: who is assigned to none works at all."""
    theirs = await locations_of(session, [user_id])
    return not theirs[user_id] or location_id in theirs[user_id]


async def locations_of(session: AsyncSession, user_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The locations that each of the users is assigned to; none is all."""
    query = select(StaffAssignment).where(StaffAssignment.user_id.in_(user_ids)).order_by(StaffAssignment.location_id)
    found: dict[UUID, list[UUID]] = {user_id: [] for user_id in user_ids}
    for row in await session.scalars(query):
        found[row.user_id].append(row.location_id)
    return found


async def get_room(session: AsyncSession, room_id: UUID) -> Room:
    room = await session.get(Room, room_id)
    if room is None:
        raise NotFound
    return room


async def rooms(
    session: AsyncSession, *, location_id: UUID | None, is_active: bool, limit: int, cursor: str | None
) -> Page[Room]:
    """By name."""
    query = select(Room).where(Room.is_active == is_active)
    if location_id:
        query = query.where(Room.location_id == location_id)
    return await page_of(session, query, [Room.name, Room.id], limit=limit, cursor=cursor)


async def has_kind(session: AsyncSession, kind: str, *, is_device: bool) -> bool:
    """Whether any location has an active room, or device, of that kind."""
    query = select(exists().where(Room.kind == kind, Room.is_device == is_device, Room.is_active))
    return bool(await session.scalar(query))
