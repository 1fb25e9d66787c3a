"""Locations, the default one among them, which stands for the clinic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.errors import Invalid, NotFound
from appointed.core.ids import new_id
from appointed.locations.calendars import check_calendar
from appointed.locations.errors import DefaultLocation
from appointed.locations.models import Location


@dataclass(frozen=True, slots=True)
class Place:
    """What is said of a location. `country` (ISO 3166-1) and `region` (ISO 3166-2) name its public holidays."""

    name: str
    timezone: str
    address: str | None = None
    country: str | None = None
    region: str | None = None

    def check(self) -> None:
        if self.timezone not in _zones():
            raise Invalid.field("timezone", "There is no such IANA time zone.", "unknown")
        check_calendar(self.country, self.region)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Looked up once: it takes a walk through the folders of the zones."""
    return frozenset(available_timezones())


async def create(session: AsyncSession, by: UUID | None, place: Place, *, now: datetime) -> Location:
    place.check()
    location = Location(id=new_id(), is_active=True, created_at=now)
    apply(location, place)
    session.add(location)
    await session.flush()
    audit.record(session, now, by, "location.create", "location", location.id)
    return location


def place_of(location: Location, changes: Mapping[str, Any]) -> Place:
    """What the row says, with the changes laid over it."""
    said = {name: getattr(location, name) for name in Place.__dataclass_fields__}
    return Place(**(said | {name: value for name, value in changes.items() if name in said}))


def apply(location: Location, place: Place) -> None:
    location.name, location.timezone, location.address = place.name, place.timezone, place.address
    location.country, location.region = place.country, place.region


async def change(
    session: AsyncSession, by: UUID, location: Location, changes: Mapping[str, Any], *, now: datetime
) -> None:
    """Change what is given of a location whose row is locked, or make it active again; None clears."""
    if changes.get("is_active") is False:
        raise Invalid.field("is_active", "Deactivate with DELETE, which asks what becomes of the visits.")
    place = place_of(location, changes)
    place.check()
    apply(location, place)
    location.is_active = changes.get("is_active", location.is_active)
    await session.flush()
    audit.record(session, now, by, "location.change", "location", location.id, fields=",".join(sorted(changes)))


async def deactivate(session: AsyncSession, by: UUID, location: Location, *, now: datetime) -> None:
    """Have nobody booked at the location, whose row is locked."""
    if location.is_default:
        raise DefaultLocation
    location.is_active = False
    await session.flush()
    audit.record(session, now, by, "location.deactivate", "location", location.id)


async def get_default(session: AsyncSession) -> Location:
    location: Location | None = await session.scalar(select(Location).where(Location.is_default.is_(True)))
    if location is None:
        raise NotFound("The clinic has not been set up. Run: appointed migrate")
    return location


async def ensure_default(session: AsyncSession, *, name: str, timezone: str, now: datetime) -> Location:
    """The default location, made if there is none. One that is there keeps its time zone: visits may stand on it."""
    location = await session.scalar(select(Location).where(Location.is_default.is_(True)))
    if location is None:
        location = Location(id=new_id(), name=name, timezone=timezone, is_default=True, is_active=True,
                            created_at=now)  # fmt: skip
        session.add(location)
    return location
