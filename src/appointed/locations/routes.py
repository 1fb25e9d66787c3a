"""`/locations`: where visits take place, when it is closed there, and how long it takes from one to another."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.grid import OffGrid
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

from . import holidays, queries, service
from .models import Location
from .schemas import (
    HolidayRead,
    LocationCreate,
    LocationRead,
    TravelChange,
    TravelRead,
    Year,
)

router = APIRouter(prefix="/locations", tags=["locations"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.CLINIC_MANAGE))]


@router.post("", status_code=201, response_model=LocationRead, responses=refusals(Unauthenticated, Forbidden))
async def add_location(body: LocationCreate, actor: Manager, session: SessionDep, clock: ClockDep) -> Location:
    """Add a location."""
    return await service.create(session, actor.user_id, body.place(), now=clock.now())


@router.get("", responses=refusals())
async def list_locations(
    session: ReadSessionDep, is_active: bool = True, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[LocationRead]:
    """Locations by name."""
    page = await queries.page(session, is_active=is_active, limit=limit, cursor=cursor)
    return PageOf(items=[LocationRead.model_validate(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{location_id}", response_model=LocationRead, responses=refusals(NotFound))
async def read_location(location_id: UUID, session: ReadSessionDep) -> Location:
    """One location."""
    return await queries.get(session, location_id)


@router.get("/{location_id}/holidays", responses=refusals(NotFound))
async def list_holidays(
    location_id: UUID, session: ReadSessionDep, year: Annotated[Year, Query()]
) -> PageOf[HolidayRead]:
    """The public holidays of a year, and the days on which the location differs from its calendar."""
    location = await queries.get(session, location_id)
    items = [HolidayRead(**day._asdict()) for day in await holidays.days_in(session, location, year)]
    return PageOf(items=items, next_cursor=None)


@router.get("/{location_id}/travel", responses=refusals(NotFound))
async def list_travel_times(location_id: UUID, session: ReadSessionDep) -> PageOf[TravelRead]:
    """How long it takes to other locations, shortest first."""
    await queries.get(session, location_id)
    found = await queries.travel_from(session, location_id)
    return PageOf(items=[TravelRead(location_id=other, minutes=minutes) for other, minutes in found], next_cursor=None)


@router.put("/{location_id}/travel/{other_id}", responses=refusals(Unauthenticated, Forbidden, NotFound, OffGrid))
async def set_travel_time(
    location_id: UUID, other_id: UUID, body: TravelChange, actor: Manager, session: SessionDep, clock: ClockDep
) -> TravelRead:
    """Say how long it takes between two locations, either way."""
    row = await service.set_travel(session, actor.user_id, location_id, other_id, body.minutes, now=clock.now())
    return TravelRead(location_id=other_id, minutes=row.minutes)


@router.delete(
    "/{location_id}/travel/{other_id}", status_code=204, responses=refusals(Unauthenticated, Forbidden, NotFound)
)
async def remove_travel_time(
    location_id: UUID, other_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep
) -> None:
    """Say nothing of how long it takes between two locations."""
    await service.unset_travel(session, actor.user_id, location_id, other_id, now=clock.now())
