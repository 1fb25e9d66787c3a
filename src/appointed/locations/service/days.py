"""Days on which a location differs from its calendar."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.errors import NotFound
from appointed.locations.calendars import public_holidays
from appointed.locations.holidays import Day
from appointed.locations.models import Location, LocationDay


async def set_day(
    session: AsyncSession, by: UUID, location: Location, on_date: date, *, is_open: bool, name: str | None,
    now: datetime,
) -> Day:  # fmt: skip
    """Have the location, whose row is locked, closed that day, or open although it is a public holiday."""
    row = LocationDay(location_id=location.id, on_date=on_date, is_open=is_open, name=name)
    await session.merge(row)
    await session.flush()
    audit.record(session, now, by, "location.day", "location", location.id, day=on_date.isoformat(),
                 is_open=str(is_open).lower())  # fmt: skip
    public = public_holidays(location.country, location.region, on_date.year)
    return Day(on_date, name or public.get(on_date), is_public=on_date in public, is_open=is_open)


async def unset_day(session: AsyncSession, by: UUID, location: Location, on_date: date, *, now: datetime) -> None:
    """Let the calendar of the location, whose row is locked, say again whether it is closed that day."""
    row = await session.get(LocationDay, (location.id, on_date))
    if row is None:
        raise NotFound
    await session.delete(row)
    await session.flush()
    audit.record(session, now, by, "location.day-as-usual", "location", location.id, day=on_date.isoformat())
