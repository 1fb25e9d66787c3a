"""`/locations`: where visits take place, when it is closed there, and how long it takes from one to another.

They are changed by `appointments`: visits may stand on them.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

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

from . import holidays, queries, service
from .models import Location
from .schemas import (
    HolidayRead,
    LocationCreate,
    LocationRead,
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
