"""`/availability/time-off`: leave and blocks."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.ground_schemas import AffectedRead, ChangedTimeOffRead
from appointed.appointments.service import ground
from appointed.availability import queries as availability
from appointed.availability.errors import OffGrid
from appointed.availability.schemas import TimeOffCreate, TimeOffRead, TimeOffUpdate
from appointed.availability.service import may_know_why
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.text import Instant
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

from .asking import LISTED, DryRun, HoursChanger, listed

router = APIRouter(prefix="/availability/time-off", tags=["availability"], route_class=RetryingRoute)

Reader = Annotated[
    Actor,
    Depends(requires(Permission.HOURS_CHANGE_OWN, Permission.HOURS_CHANGE_ALL, Permission.APPOINTMENTS_ALL)),
]
REFUSALS = refusals(Unauthenticated, Forbidden, NotFound, OffGrid)


@router.post("", status_code=201, response_model=ChangedTimeOffRead,
             responses=LISTED | refusals(Unauthenticated, Forbidden, OffGrid))  # fmt: skip
async def add_time_off(
    body: TimeOffCreate, actor: HoursChanger, session: SessionDep, clock: ClockDep, dry_run: DryRun = False
) -> ChangedTimeOffRead | Response:
    """Leave, or a block such as a meeting: that doctor, or the desk. Visits in it are marked."""
    row, affected = await ground.add_time_off(session, actor, body.doctor_id, body.days, body.absence,
                                               is_dry_run=dry_run, clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedTimeOffRead.with_affected(row, affected)


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def list_time_off(
    doctor_id: Annotated[UUID, Query(examples=["019b2f4e-7c1a-7000-8000-000000000001"])],
    actor: Reader,
    session: ReadSessionDep,
    since: Annotated[Instant | None, Query(description="Only what ends after this.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[TimeOffRead]:
    """A doctor's leave and blocks, by their end. Why is told to that doctor and the desk."""
    page = await availability.absence_page(session, doctor_id, since, limit=limit, cursor=cursor)
    is_told_why = await may_know_why(session, actor, doctor_id)
    items = [TimeOffRead.of(row, is_told_why=is_told_why) for row in page.items]
    return PageOf(items=items, next_cursor=page.next_cursor)


@router.patch("/{absence_id}", response_model=ChangedTimeOffRead | AffectedRead, responses=REFUSALS)
async def change_time_off(
    absence_id: UUID, body: TimeOffUpdate, actor: HoursChanger, session: SessionDep, clock: ClockDep,
    dry_run: DryRun = False,
) -> ChangedTimeOffRead | Response:  # fmt: skip
    """Change leave or a block; visits that it meets now are marked, those that it meets no more lose their mark."""
    row, affected = await ground.change_time_off(session, actor, absence_id, body.days, body.onto, is_dry_run=dry_run,
                                                  clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedTimeOffRead.with_affected(row, affected)


@router.delete("/{absence_id}", status_code=204, responses=refusals(Unauthenticated, Forbidden, NotFound))
async def remove_time_off(absence_id: UUID, actor: HoursChanger, session: SessionDep, clock: ClockDep) -> None:
    """Give the time back; visits that were marked for it and have their ground again lose their mark."""
    await ground.remove_time_off(session, actor, absence_id, clock=clock)
