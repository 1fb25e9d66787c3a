"""`/availability`: weekly hours, breaks in them, and exceptions by date."""

from uuid import UUID

from fastapi import APIRouter, Response

from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import (
    AffectedRead,
    ChangedHoursRead,
    CopiedRead,
    HoursChange,
    WeekCopy,
    Withdrawal,
)
from appointed.appointments.service import ground
from appointed.availability.errors import HoursOverlap, OffGrid
from appointed.availability.schemas import ExceptionCreate, HoursCreate
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, RetryingRoute, SessionDep, refusals

from .asking import LISTED, DryRun, HoursChanger, Visits, listed

router = APIRouter(prefix="/availability", tags=["availability"], route_class=RetryingRoute)


@router.post("", status_code=201, response_model=ChangedHoursRead,
             responses=LISTED | refusals(Unauthenticated, Forbidden, HoursOverlap, OffGrid))  # fmt: skip
async def add_hours(
    body: HoursCreate, actor: HoursChanger, session: SessionDep, clock: ClockDep, dry_run: DryRun = False
) -> ChangedHoursRead | Response:
    """Set weekly opening hours, or a break in them: that doctor, or the desk. Visits in a break are marked."""
    schedule, affected = await ground.add_hours(session, actor, body.doctor_id, body.hours(), is_dry_run=dry_run,
                                                 clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedHoursRead.with_affected(schedule, affected)


@router.post("/exceptions", status_code=201, response_model=ChangedHoursRead,
             responses=LISTED | refusals(Unauthenticated, Forbidden, HoursOverlap, OffGrid))  # fmt: skip
async def add_exception(
    body: ExceptionCreate, actor: HoursChanger, session: SessionDep, clock: ClockDep, dry_run: DryRun = False
) -> ChangedHoursRead | Response:
    """Open on a single day, or close: that doctor, or the desk. Visits in what is closed are marked."""
    schedule, affected = await ground.add_hours(session, actor, body.doctor_id, body.hours(), is_dry_run=dry_run,
                                                 clock=clock)  # fmt: skip
    return listed(affected) if dry_run else ChangedHoursRead.with_affected(schedule, affected)


@router.post("/copy-week", status_code=201, response_model=CopiedRead,
             responses=LISTED | refusals(Unauthenticated, Forbidden, HoursOverlap))  # fmt: skip
async def copy_week(
    body: WeekCopy, actor: HoursChanger, session: SessionDep, clock: ClockDep, dry_run: DryRun = False
) -> CopiedRead | Response:
    """Copy a week's exceptions by date and its blocks to other weeks, all or nothing. Leave is not copied, weekly hours
    and breaks need not be; what the other weeks have already stays, and what they have just so is not added again."""
    copied = await ground.copy_week(session, actor, body.doctor_id, body.from_week, body.to_weeks, is_dry_run=dry_run,
                                     clock=clock)  # fmt: skip
    return listed(copied.affected) if dry_run else CopiedRead.of(copied)


@router.patch(
    "/{schedule_id}", response_model=ChangedHoursRead | AffectedRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, VisitsAffected, HoursOverlap, OffGrid),
)  # fmt: skip
async def change_hours(
    schedule_id: UUID, body: HoursChange, actor: HoursChanger, session: SessionDep, clock: ClockDep,
    dry_run: DryRun = False,
) -> ChangedHoursRead | Response:  # fmt: skip
    """Change hours; 409 `visits_affected` if visits would lose their ground, unless `visits` says what to do."""
    dealing = body.dealing(is_dry_run=dry_run)
    schedule, affected = await ground.change_hours(session, actor, schedule_id, body.onto, dealing, clock=clock)
    return listed(affected) if dry_run else ChangedHoursRead.with_affected(schedule, affected)


@router.delete("/{schedule_id}", response_model=AffectedRead,
               responses=refusals(Unauthenticated, Forbidden, NotFound, VisitsAffected, HoursOverlap))  # fmt: skip
async def remove_hours(
    schedule_id: UUID, actor: HoursChanger, session: SessionDep, clock: ClockDep, visits: Visits = None,
    body: Withdrawal | None = None, dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """Remove hours, a break or an exception; 409 `visits_affected` if visits stand on them, unless `visits` says what
    to do."""
    dealing = (body or Withdrawal()).dealing(visits, is_dry_run=dry_run)
    return listed(await ground.remove_hours(session, actor, schedule_id, dealing, clock=clock))
