"""On which days locations are closed: public holidays, and days that differ from the calendar."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Date, and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.types import ids_of

from . import queries
from .calendars import public_holidays
from .models import Location, LocationDay

# Asked for every list of free times, so put together once.
_DAYS = (
    select(Location.id, Location.country, Location.region, LocationDay.on_date, LocationDay.is_open)
    .join(
        LocationDay,
        and_(
            LocationDay.location_id == Location.id,
            LocationDay.on_date.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
        ),
        isouter=True,
    )
    .where(Location.id.in_(ids_of("ids")))
)


async def closed_days(
    session: AsyncSession, locations: Collection[UUID], first_day: date, last_day: date
) -> dict[UUID, frozenset[date]]:
    """The days from `first_day` to `last_day`, both included, on which each location is closed: one statement.

    Public holidays of its country and region are, and days that were closed, but no day that was opened all the same.
    """
    if not locations:
        return {}
    rows = (await session.execute(_DAYS, {"ids": list(locations), "first": first_day, "last": last_day})).all()
    closed: dict[UUID, set[date]] = {}
    for row in rows:
        if row.id not in closed:
            closed[row.id] = public_days(row.country, row.region, first_day, last_day)
    for row in rows:
        if row.on_date is not None:
            (closed[row.id].discard if row.is_open else closed[row.id].add)(row.on_date)
    return {location_id: frozenset(closed.get(location_id, ())) for location_id in locations}


class Day(NamedTuple):
    """A public holiday, or a day on which the location differs from its calendar."""

    date: date
    name: str | None
    is_public: bool
    is_open: bool


async def days_in(session: AsyncSession, location: Location, year: int) -> list[Day]:
    """The location's public holidays and days of its own, by date."""
    public = public_holidays(location.country, location.region, year)
    days = {day: Day(day, name, is_public=True, is_open=False) for day, name in public.items()}
    for row in await queries.days_of(session, location.id, date(year, 1, 1), date(year, 12, 31)):
        name = row.name or public.get(row.on_date)
        days[row.on_date] = Day(row.on_date, name, is_public=row.on_date in public, is_open=row.is_open)
    return sorted(days.values())


def public_days(country: str | None, region: str | None, first_day: date, last_day: date) -> set[date]:
    """The public holidays of the country and region from `first_day` to `last_day`, both included."""
    return {
        day
        for year in range(first_day.year, last_day.year + 1)
        for day in public_holidays(country, region, year)
        if first_day <= day <= last_day
    }
