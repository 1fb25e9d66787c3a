"""`/rooms`: the rooms and devices at locations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    refusals,
    requires,
)

from . import queries
from .models import Room
from .schemas import RoomCreate, RoomRead
from .service import rooms

router = APIRouter(prefix="/rooms", tags=["rooms"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.CLINIC_MANAGE))]
Staff = Annotated[Actor, Depends(requires(Permission.CLINIC_READ))]


@router.post("", status_code=201, response_model=RoomRead, responses=refusals(Unauthenticated, Forbidden))
async def add_room(body: RoomCreate, actor: Manager, session: SessionDep, clock: ClockDep) -> Room:
    """Add a room or a device to a location."""
    return await rooms.add(session, actor.user_id, body.new(), now=clock.now())


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def list_rooms(
    actor: Staff,
    session: ReadSessionDep,
    location_id: UUID | None = None,
    is_active: bool = True,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[RoomRead]:
    """Rooms and devices by name."""
    page = await queries.rooms(session, location_id=location_id, is_active=is_active, limit=limit, cursor=cursor)
    return PageOf(items=[RoomRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{room_id}", response_model=RoomRead, responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_room(room_id: UUID, actor: Staff, session: ReadSessionDep) -> Room:
    """One room or device."""
    return await queries.get_room(session, room_id)
