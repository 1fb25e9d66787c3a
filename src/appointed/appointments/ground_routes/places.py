"""`/locations`: changing them, their days and the ways between them; and `/rooms`. Visits may stand on any of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import (
    AffectedRead,
    ChangedDayRead,
    ChangedLocationRead,
    ChangedTravelRead,
    Withdrawal,
)
from appointed.appointments.service import ground
from appointed.availability.errors import HoursOverlap
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.grid import OffGrid
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals, requires
from appointed.locations.errors import DefaultLocation
from appointed.locations.models import Room
from appointed.locations.schemas import DayChange, LocationUpdate, PathDay, RoomRead, RoomUpdate, TravelChange

from .asking import DryRun, Visits, listed

router = APIRouter(route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.CLINIC_MANAGE))]
REFUSALS = (Unauthenticated, Forbidden, NotFound)


@router.patch("/locations/{location_id}", tags=["locations"], response_model=ChangedLocationRead | AffectedRead,
              responses=refusals(*REFUSALS, HoursOverlap))  # fmt: skip
async def change_location(
    location_id: UUID, body: LocationUpdate, actor: Manager, session: SessionDep, clock: ClockDep,
    dry_run: DryRun = False,
) -> ChangedLocationRead | Response:  # fmt: skip
    """Change a location; visits that lie outside its hours by another clock, or on its holidays now, are marked."""
    location, affected = await ground.change_location(session, actor, location_id, body.changes(), is_dry_run=dry_run,
                                                       clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedLocationRead.with_affected(location, affected)


@router.delete("/locations/{location_id}", tags=["locations"], response_model=AffectedRead,
               responses=refusals(*REFUSALS, VisitsAffected, DefaultLocation))  # fmt: skip
async def deactivate_location(
    location_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a location; 409 `visits_affected` if visits are booked there, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.deactivate_location(session, actor, location_id, dealing, clock=clock))


@router.put("/locations/{location_id}/days/{on_date}", tags=["locations"],
            response_model=ChangedDayRead | AffectedRead, responses=refusals(*REFUSALS))  # fmt: skip
async def set_day(
    location_id: UUID, on_date: PathDay, body: DayChange, actor: Manager, session: SessionDep, clock: ClockDep,
    dry_run: DryRun = False,
) -> ChangedDayRead | Response:  # fmt: skip
    """Close a location for a day, or have it open on a public holiday; the visits of a closed day are marked."""
    day, affected = await ground.set_day(session, actor, location_id, on_date, is_open=body.is_open, name=body.name,
                                         is_dry_run=dry_run, clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedDayRead.with_affected(day, affected)


@router.delete("/locations/{location_id}/days/{on_date}", tags=["locations"], response_model=AffectedRead,
               responses=refusals(*REFUSALS))  # fmt: skip
async def unset_day(
    location_id: UUID, on_date: PathDay, actor: Manager, session: SessionDep, clock: ClockDep, dry_run: DryRun = False
) -> Response:
    """Let the calendar say again whether the location is closed that day; the visits of a holiday are marked."""
    return listed(await ground.unset_day(session, actor, location_id, on_date, is_dry_run=dry_run, clock=clock))


@router.put("/locations/{location_id}/travel/{other_id}", tags=["locations"],
            response_model=ChangedTravelRead | AffectedRead, responses=refusals(*REFUSALS, OffGrid))  # fmt: skip
async def set_travel_time(
    location_id: UUID, other_id: UUID, body: TravelChange, actor: Manager, session: SessionDep, clock: ClockDep,
    dry_run: DryRun = False,
) -> ChangedTravelRead | Response:  # fmt: skip
    """Say how long it takes between two locations, either way; visits for which a doctor would be late are marked."""
    row, affected = await ground.set_travel(session, actor, location_id, other_id, body.minutes, is_dry_run=dry_run,
                                            clock=clock)  # fmt: skip
    told = AffectedRead.of_visits(affected).affected
    return listed(affected) if dry_run else ChangedTravelRead(location_id=other_id, minutes=row.minutes, affected=told)


@router.delete("/locations/{location_id}/travel/{other_id}", tags=["locations"], status_code=204,
               responses=refusals(*REFUSALS))  # fmt: skip
async def remove_travel_time(
    location_id: UUID, other_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep
) -> None:
    """Say nothing of how long it takes between two locations."""
    await ground.unset_travel(session, actor, location_id, other_id, clock=clock)


@router.patch("/rooms/{room_id}", tags=["rooms"], response_model=RoomRead, responses=refusals(*REFUSALS))
async def change_room(room_id: UUID, body: RoomUpdate, actor: Manager, session: SessionDep, clock: ClockDep) -> Room:
    """Change a room or a device; visits that have it keep it."""
    return await ground.change_room(session, actor, room_id, body.model_dump(exclude_unset=True), clock=clock)


@router.delete("/rooms/{room_id}", tags=["rooms"], response_model=AffectedRead,
               responses=refusals(*REFUSALS, VisitsAffected))  # fmt: skip
async def deactivate_room(
    room_id: UUID, actor: Manager, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Deactivate a room or a device; 409 `visits_affected` if visits have it, unless `visits` says what to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.deactivate_room(session, actor, room_id, dealing, clock=clock))
