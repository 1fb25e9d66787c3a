"""`/availability/vavailability`: a doctor's hours as an iCalendar document (RFC 7953)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from appointed.appointments.errors import VisitsAffected
from appointed.appointments.ground_schemas import AffectedRead, ImportedRead
from appointed.appointments.service import Dealing, Fate, ground
from appointed.availability.errors import HoursOverlap, OffGrid
from appointed.availability.vavailability import CalendarTooLarge
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, ReadSessionDep, RetryingRoute, SessionDep, refusals

from .asking import DryRun, HoursChanger, listed

router = APIRouter(prefix="/availability/vavailability", tags=["availability"], route_class=RetryingRoute)

CALENDAR = "text/calendar"
EXAMPLE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VAVAILABILITY
UID:1@clinic.example
DTSTAMP:20310301T080000Z
BEGIN:AVAILABLE
UID:2@clinic.example
DTSTAMP:20310301T080000Z
DTSTART;TZID=Europe/Berlin:20310303T090000
DTEND;TZID=Europe/Berlin:20310303T170000
RRULE:FREQ=WEEKLY;BYDAY=MO,TU,TH
LOCATION:North Street
END:AVAILABLE
END:VAVAILABILITY
END:VCALENDAR
"""
DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The hours.", "content": {CALENDAR: {"schema": {"type": "string"}, "example": EXAMPLE}}}
}
Content = Annotated[
    bytes, Body(media_type=CALENDAR, description="A VCALENDAR with a VAVAILABILITY in it.", examples=[EXAMPLE])
]
Of = Annotated[UUID, Query(examples=["019b2f4e-7c1a-7000-8000-000000000001"])]
Keep = Annotated[
    Literal["keep"] | None,
    Query(description="Marks the visits that lose their ground; left out, they stand in the way."),
]


@router.get("", response_class=Response, responses=DOCUMENT | refusals(NotFound))
async def export_hours(doctor_id: Of, session: ReadSessionDep, clock: ClockDep) -> Response:
    """A doctor's weekly hours, breaks and exceptions by date; leave and public holidays are not in it."""
    content = await ground.export_hours(session, doctor_id, clock.now())
    return Response(content, media_type=CALENDAR, headers={"Content-Disposition": 'attachment; filename="hours.ics"'})


@router.put(
    "", response_model=ImportedRead | AffectedRead,
    responses=refusals(Unauthenticated, Forbidden, VisitsAffected, HoursOverlap, CalendarTooLarge, OffGrid),
)  # fmt: skip
async def import_hours(
    content: Content, actor: HoursChanger, session: SessionDep, clock: ClockDep,
    doctor_id: Annotated[UUID | None, Query(description="By the desk; a doctor's own need none.")] = None,
    visits: Keep = None, dry_run: DryRun = False,
) -> ImportedRead | Response:  # fmt: skip
    """Have a doctor's hours be those of a calendar and no others, all or nothing; what it says that hours cannot be is
    refused by the name of the component. 409 `visits_affected` if visits would lose their ground."""
    dealing = Dealing(Fate(visits) if visits else None, is_dry_run=dry_run)
    imported = await ground.import_hours(session, actor, doctor_id, content, dealing, clock=clock)
    return listed(imported.affected) if dry_run else ImportedRead.of(imported)
