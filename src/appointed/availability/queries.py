"""Reading opening hours."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of
from appointed.core.types import ids_of
from appointed.doctors.models import Doctor
from appointed.locations.models import Location

from .models import Offer, Schedule, ScheduleVisitType, TimeOff
from .rules import Hours, HoursKind

_NO_DAYS: Mapping[UUID, Collection[date]] = MappingProxyType({})
_WEEKLY = attrgetter("location_id", "timezone", "weekday", "start_minute", "end_minute", "valid_from", "valid_until")
_ORDER = (Schedule.weekday, Schedule.start_minute, Schedule.id)


def with_hours(doctors: Select[*tuple[Any, ...]], *those: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """A statement about doctors with their hours, or `those` of them, for `hours_in`; who has none still has a row."""
    return (
        doctors.add_columns(
            Doctor.id.label("doctor_id"), Schedule.id.label("schedule_id"), Schedule.location_id, Location.timezone,
            Location.country, Location.region, Schedule.weekday, Schedule.start_minute, Schedule.end_minute,
            Schedule.valid_from, Schedule.valid_until, Schedule.kind.label("hours_kind"), Schedule.release_minutes,
            ScheduleVisitType.visit_type_id.label("limited_to"),
        )
        .join(Schedule, and_(Schedule.doctor_id == Doctor.id, *those), isouter=True)
        .join(Location, Location.id == Schedule.location_id, isouter=True)
        .join(ScheduleVisitType, ScheduleVisitType.schedule_id == Schedule.id, isouter=True)
    )  # fmt: skip


_HOURS = with_hours(select(Doctor.is_active).where(Doctor.id.in_(ids_of("doctors"))))


async def get(session: AsyncSession, schedule_id: UUID) -> Schedule:
    """As it is in the database now, whatever was read before."""
    schedule = await session.scalar(
        select(Schedule)
        .where(Schedule.id == schedule_id)
        .options(selectinload(Schedule.visit_type_rows))
        .execution_options(populate_existing=True)
    )
    if schedule is None:
        raise NotFound
    return schedule


async def of_doctors(
    session: AsyncSession, doctor_ids: Collection[UUID], kinds: Collection[HoursKind] = tuple(HoursKind)
) -> Sequence[Schedule]:
    """By weekday and start."""
    found = await session.scalars(
        select(Schedule)
        .where(Schedule.doctor_id.in_(doctor_ids), Schedule.kind.in_(kinds))
        .options(selectinload(Schedule.visit_type_rows))
        .order_by(*_ORDER)
    )
    return found.all()


async def hours_of(
    session: AsyncSession, doctor_ids: Collection[UUID], closed: Mapping[UUID, Collection[date]] = _NO_DAYS
) -> dict[UUID, list[Hours]]:
    """The doctors' hours as the rules know them, with the days on which their locations are closed."""
    rows = await session.execute(_HOURS, {"doctors": list(doctor_ids)})
    return hours_in(rows.all(), closed)


async def hours_by_id(session: AsyncSession, doctor_id: UUID) -> dict[UUID, Hours]:
    """The doctor's hours as the rules know them, by the row that says so."""
    rows = await session.execute(_HOURS, {"doctors": [doctor_id]})
    return {schedule_id: hours for schedule_id, (_, hours) in _hours_by_row(rows.all(), {}).items()}


def hours_in(rows: Iterable[Row[Any]], closed: Mapping[UUID, Collection[date]] = _NO_DAYS) -> dict[UUID, list[Hours]]:
    """The hours, by doctor, that the rows of a statement `with_hours` tell of, with the days on which their locations
    are closed."""
    told = list(rows)
    hours: dict[UUID, list[Hours]] = {row.doctor_id: [] for row in told}
    for doctor_id, row in _hours_by_row(told, closed).values():
        hours[doctor_id].append(row)
    return hours


def _hours_by_row(rows: Iterable[Row[Any]], closed: Mapping[UUID, Collection[date]]) -> dict[UUID, tuple[UUID, Hours]]:
    limits: dict[UUID, set[UUID]] = {}
    found: dict[UUID | None, Row[Any]] = {}
    for row in rows:
        found[row.schedule_id] = row
        if row.limited_to:
            limits.setdefault(row.schedule_id, set()).add(row.limited_to)
    found.pop(None, None)
    # Many doctors have the same hours; each are made once.
    made: dict[Any, Hours] = {}
    hours: dict[UUID, tuple[UUID, Hours]] = {}
    for row in found.values():
        key = (*_WEEKLY(row), row.hours_kind, row.release_minutes, frozenset(limits.get(row.schedule_id, ())))
        if key not in made:
            made[key] = Hours(row.location_id, row.timezone, row.weekday, row.start_minute, row.end_minute,
                              row.valid_from, row.valid_until, key[-1], HoursKind(row.hours_kind),
                              row.release_minutes, closed.get(row.location_id, ()))  # fmt: skip
        hours[row.schedule_id] = row.doctor_id, made[key]
    return hours


async def offers(session: AsyncSession, visit_type_id: UUID, *, limit: int, cursor: str | None) -> Page[Offer]:
    """Who is named as offering the visit type, in the order in which they were; nobody where everybody does."""
    return await page_of(session, select(Offer).where(Offer.visit_type_id == visit_type_id), [Offer.id], limit=limit,
                         cursor=cursor)  # fmt: skip


async def offer_ids(session: AsyncSession, visit_type_id: UUID) -> set[UUID]:
    return set(await session.scalars(select(Offer.id).where(Offer.visit_type_id == visit_type_id)))


async def find_offer(
    session: AsyncSession, visit_type_id: UUID, doctor_id: UUID, location_id: UUID | None
) -> Offer | None:
    """The doctor's offer at that location, or the one for all; as it is in the database now."""
    found: Offer | None = await session.scalar(
        select(Offer)
        .where(Offer.visit_type_id == visit_type_id, Offer.doctor_id == doctor_id, Offer.location_id == location_id)
        .execution_options(populate_existing=True)
    )
    return found


async def get_absence(session: AsyncSession, absence_id: UUID) -> TimeOff:
    """As it is in the database now, whatever was read before."""
    row = await session.get(TimeOff, absence_id, populate_existing=True)
    if row is None:
        raise NotFound
    return row


async def absences(
    session: AsyncSession, doctor_ids: Collection[UUID], since: datetime, until: datetime | None = None
) -> Sequence[TimeOff]:
    """Time off that ends after `since` and begins before `until`, by start."""
    query = select(TimeOff).where(TimeOff.doctor_id.in_(doctor_ids), TimeOff.ends_at > since)
    if until is not None:
        query = query.where(TimeOff.starts_at < until)
    return (await session.scalars(query.order_by(TimeOff.starts_at, TimeOff.id))).all()


async def absence_page(
    session: AsyncSession, doctor_id: UUID, since: datetime | None, *, limit: int, cursor: str | None
) -> Page[TimeOff]:
    """A doctor's time off by its end; without `since`, from the beginning."""
    query = select(TimeOff).where(TimeOff.doctor_id == doctor_id)
    if since is not None:
        query = query.where(TimeOff.ends_at > since)
    return await page_of(session, query, [TimeOff.ends_at, TimeOff.id], limit=limit, cursor=cursor)
