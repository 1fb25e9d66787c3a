"""Searching for doctors by what they do, what they speak and where they are, however many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import outerjoin

from appointed.availability.models import Offer, Schedule, ScheduleVisitType
from appointed.availability.offering import AS_THE_TYPE_SAYS, Offered
from appointed.availability.rules import Hours, HoursKind
from appointed.availability.walltime import days_in, weekdays_of
from appointed.core.names import search_key
from appointed.core.types import Guid, MachineString, ids_of
from appointed.doctors.models import Doctor
from appointed.locations.models import Location, LocationDay
from appointed.visit_types.models import VisitType

from .asking import Around
from .finding import ticks_of
from .looking import Reader
from .reading import (
    IS_VALID,
    TYPE,
    Closed,
    History,
    Offering,
    Practice,
    closed_at,
    histories_of,
    named,
    no_such_type,
    of_type,
)


@dataclass(frozen=True, slots=True)
class Search:
    """Whose free times are wanted for which visit type: named doctors or all who are active, if they match."""

    doctor_ids: tuple[UUID, ...] = ()
    visit_type_id: UUID | None = None
    specialization: str = ""
    language: str = ""
    """A language range (RFC 4647, 2.1): `de` is spoken by who speaks `de-CH`."""

    @property
    def conditions(self) -> frozenset[str]:
        """What has to be true of a doctor, by the names of `_CONDITIONS`."""
        return frozenset(name for name in _CONDITIONS if getattr(self, name))

    @property
    def parameters(self) -> dict[str, Any]:
        language = self.language.lower()
        return {"doctors": list(self.doctor_ids), "specialization": search_key(self.specialization),
                "language": f'%"{language}"%', "dialect": f'%"{language}-%'}  # fmt: skip


_HAS_DAYS = exists(
    select(LocationDay.on_date).where(
        LocationDay.location_id == Location.id,
        LocationDay.on_date.between(bindparam("first_day", type_=Date), bindparam("last_day", type_=Date)),
    )
).label("has_days")
_TYPE_AND_PLACES: Select[*tuple[Any, ...]] = select(
    *TYPE, Location.id.label("location_id"), Location.timezone, Location.country, Location.region, _HAS_DAYS
).select_from(outerjoin(VisitType, Location, Location.is_active.is_(True)))
_OFFERS = select(Offer).where(Offer.visit_type_id == bindparam("visit_type", type_=Guid()))
# A language stands between quotes in the list that is stored, and has no characters that LIKE would take for others.
_LANGUAGES = func.lower(cast(Doctor.languages, String(1_000)))
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "specialization": Doctor.specialization_key == bindparam("specialization", type_=MachineString(200)),
    "language": or_(_LANGUAGES.like(bindparam("language")), _LANGUAGES.like(bindparam("dialect"))),
}


async def reader_of(session: AsyncSession, search: Search, around: Around) -> Reader:
    """Reads who is searched for, in windows of this time. Named doctors are few, and read once."""
    if search.doctor_ids:
        return partial(_as_it_is, await _named(session, search, around))
    return partial(_practising, session, search, await _ground(session, search, around))


async def _as_it_is(offering: Offering, _window: Around) -> Offering:
    return offering


async def _named(session: AsyncSession, search: Search, around: Around) -> Offering:
    offering = await named(session, search.doctor_ids, search.visit_type_id, around)
    if not search.conditions:
        return offering
    matching = await session.scalars(_matching(search.conditions), search.parameters)
    return replace(offering, practices={doctor_id: offering.practices[doctor_id] for doctor_id in matching})


@lru_cache(maxsize=4)
def _matching(conditions: frozenset[str]) -> Select[UUID]:
    return select(Doctor.id).where(Doctor.id.in_(ids_of("doctors")), *(_CONDITIONS[name] for name in conditions))


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is the same in every window. `zones` are those of the places."""

    visit_type: VisitType
    zones: Mapping[UUID, str]
    closed: Closed
    offered: Mapping[UUID, Offered] | None
    """By doctor; None if everybody offers the type."""
    histories: Mapping[UUID, History]
    has_travel: bool


async def _ground(session: AsyncSession, search: Search, around: Around) -> _Ground:
    statement = of_type(_TYPE_AND_PLACES, is_default=search.visit_type_id is None)
    given = around.parameters | {"visit_type": search.visit_type_id}
    rows = (await session.execute(statement, given)).all()
    if not rows:
        raise no_such_type()
    first = rows[0]
    zones = {row.location_id: row.timezone for row in rows
             if row.location_id and around.location_id in (None, row.location_id)}  # fmt: skip
    offered = await _offered(session, first.VisitType) if first.is_limited else None
    return _Ground(first.VisitType, zones, await closed_at(session, rows, around), offered,
                   await histories_of(session, around), first.has_travel)  # fmt: skip


async def _offered(session: AsyncSession, visit_type: VisitType) -> Mapping[UUID, Offered]:
    found: dict[UUID, dict[UUID | None, Offer | None]] = {}
    for offer in await session.scalars(_OFFERS, {"visit_type": visit_type.id}):
        found.setdefault(offer.doctor_id, {})[offer.location_id] = offer
    return found


async def _practising(session: AsyncSession, search: Search, ground: _Ground, window: Around) -> Offering:
    """Who matches and has hours in the window."""
    days = {weekday for zone in set(ground.zones.values()) for weekday in weekdays_of(days_in(zone, ticks_of(window)))}
    given = search.parameters | window.parameters | {"places": list(ground.zones), "weekdays": list(days)}
    rows = (await session.execute(_hours(search.conditions), given)).all() if ground.zones else ()
    hours = _hours_in(rows, ground)
    practices = {
        doctor_id: Practice(theirs, AS_THE_TYPE_SAYS if ground.offered is None else ground.offered[doctor_id], True)
        for doctor_id, theirs in hours.items()
        if ground.offered is None or doctor_id in ground.offered
    }
    return Offering(ground.visit_type, practices, ground.histories, ground.closed, ground.has_travel, True)


@lru_cache(maxsize=4)
def _hours(conditions: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """Plain columns: of thousands of rows, an object for each would be most of the work."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            Schedule.doctor_id, Schedule.id, Schedule.kind, Schedule.location_id, Schedule.weekday,
            Schedule.start_minute, Schedule.end_minute, Schedule.valid_from, Schedule.valid_until,
            Schedule.release_minutes, ScheduleVisitType.visit_type_id,
        )
        .join(Doctor, Doctor.id == Schedule.doctor_id)
        .join(ScheduleVisitType, ScheduleVisitType.schedule_id == Schedule.id, isouter=True)
        .where(
            Doctor.is_active,
            Schedule.weekday.in_(bindparam("weekdays", type_=Integer, expanding=True)),
            Schedule.location_id.in_(ids_of("places")),
            IS_VALID,
            *(_CONDITIONS[name] for name in sorted(conditions)),
        )
    )  # fmt: skip
    return statement


def _hours_in(rows: Sequence[Sequence[Any]], ground: _Ground) -> dict[UUID, list[Hours]]:
    """By doctor. Hours that are alike are made once."""
    limits: dict[UUID, set[UUID]] = {}
    for row in rows:
        if row[-1]:
            limits.setdefault(row[1], set()).add(row[-1])
    made: dict[Any, Hours] = {}
    found: dict[UUID, list[Hours]] = {}
    seen: set[UUID] = set()
    for doctor_id, schedule_id, *told, _ in rows:
        if schedule_id in seen:
            continue
        seen.add(schedule_id)
        key = (*told, frozenset(limits.get(schedule_id, ())))
        if key not in made:
            kind, place, weekday, start, end, first, last, release, visit_types = key
            made[key] = Hours(place, ground.zones[place], weekday, start, end, first, last, visit_types,
                              HoursKind(kind), release, ground.closed.get(place, ()))  # fmt: skip
        found.setdefault(doctor_id, []).append(made[key])
    return found
