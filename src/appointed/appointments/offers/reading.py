"""Reading who offers a visit type and with what hours: one statement where the doctors are named, two where they are
searched for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Row, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, outerjoin

from appointed.appointments.models import Appointment
from appointed.appointments.rules import HOLDING, Status
from appointed.availability.models import Offer, Schedule, TimeOff
from appointed.availability.offering import AS_THE_TYPE_SAYS, Offered
from appointed.availability.queries import hours_in, with_hours
from appointed.availability.rules import Hours
from appointed.core.errors import Invalid
from appointed.core.types import Guid, ids_of
from appointed.doctors.models import Doctor
from appointed.locations.holidays import closed_days, public_days
from appointed.locations.models import Location, LocationDay, TravelTime
from appointed.patients.models import Patient
from appointed.visit_types.models import VisitType

from .asking import Around

Closed = Mapping[UUID, Collection[date]]
"""The days on which locations are closed."""


class History(NamedTuple):
    """What the patient has here already: visits to come, holds among them, and whether there was a visit before."""

    upcoming: int = 0
    holds: int = 0
    was_here: bool = False


_NO_HISTORY = History()


class Practice(NamedTuple):
    """A doctor's hours, and where and how they are for the visit type."""

    hours: list[Hours]
    offered: Offered
    is_active: bool


@dataclass(frozen=True, slots=True)
class Offering:
    """A visit type and doctors with their hours; the flags tell what else there may be to read."""

    visit_type: VisitType
    practices: Mapping[UUID, Practice]
    histories: Mapping[UUID, History]
    """Of the patients who are known."""
    closed: Closed
    has_travel: bool
    has_time_off: bool

    def history_of(self, patient_id: UUID | None) -> History:
        return self.histories.get(patient_id, _NO_HISTORY) if patient_id else _NO_HISTORY


# --- statements are put together once: that costs more than sending them ---------------------------------------------

_any_offer = aliased(Offer)
TYPE = (
    VisitType,
    exists(select(_any_offer.id).where(_any_offer.visit_type_id == VisitType.id)).label("is_limited"),
    exists(select(TravelTime.first_id)).label("has_travel"),
)
DOCTOR = (Doctor.is_active.label("doctor_is_active"), Location.is_active.label("location_is_active"), Offer)
_FLAGS = (
    exists(
        select(TimeOff.id).where(
            TimeOff.doctor_id == Doctor.id, TimeOff.ends_at > bindparam("first"), TimeOff.starts_at < bindparam("last")
        )
    ).label("has_time_off"),
    exists(
        select(LocationDay.on_date).where(
            LocationDay.location_id == Schedule.location_id,
            LocationDay.on_date.between(bindparam("first_day", type_=Date), bindparam("last_day", type_=Date)),
        )
    ).label("has_days"),
)


# What was only valid long ago is never deleted.
IS_VALID = and_(
    or_(Schedule.valid_from.is_(None), Schedule.valid_from <= bindparam("last_day", type_=Date)),
    or_(Schedule.valid_until.is_(None), Schedule.valid_until >= bindparam("first_day", type_=Date)),
)


def is_live() -> ColumnElement[bool]:
    """Whether a visit has its time `now`, and is not the one to be ignored."""
    return and_(
        Appointment.status.in_(HOLDING),
        or_(
            Appointment.status != Status.PENDING,
            Appointment.hold_expires_at.is_(None),
            Appointment.hold_expires_at > bindparam("now"),
        ),
        Appointment.id != bindparam("ignoring", type_=Guid()),
    )


def _history(patient: ColumnElement[UUID]) -> tuple[ColumnElement[Any], ...]:
    is_theirs = Appointment.patient_id == patient
    is_to_come = and_(is_theirs, Appointment.starts_at > bindparam("now"), is_live())
    was_before = and_(
        is_theirs,
        Appointment.starts_at <= bindparam("now"),
        Appointment.status.in_(HOLDING - {Status.PENDING}),
        Appointment.id != bindparam("ignoring", type_=Guid()),
    )
    count = select(func.count(Appointment.id))
    return (
        count.where(is_to_come).scalar_subquery().label("upcoming"),
        count.where(is_to_come, Appointment.status == Status.PENDING).scalar_subquery().label("holds"),
        exists(select(Appointment.id).where(was_before)).label("was_here"),
    )


_HISTORIES: Select[*tuple[Any, ...]] = select(Patient.id, *_history(Patient.__table__.c.id)).where(
    Patient.id.in_(ids_of("patients"))
)


@lru_cache(maxsize=2)
def columns(*, for_patient: bool) -> tuple[Any, ...]:
    """What a statement about doctors has to say for `offering_in`."""
    history = _history(bindparam("patient", type_=Guid())) if for_patient else ()
    return (*TYPE, *DOCTOR, *_FLAGS, *history)


def with_offers(doctors: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A statement about visit types and doctors, with the hours that the doctors have then and how they offer the type
    there."""
    return with_hours(doctors, IS_VALID).join(
        Offer,
        and_(
            Offer.doctor_id == Doctor.id,
            Offer.visit_type_id == VisitType.id,
            or_(Offer.location_id.is_(None), Offer.location_id == Schedule.location_id),
        ),
        isouter=True,
    )


@lru_cache(maxsize=4)
def of_type(statement: Select[*tuple[Any, ...]], *, is_default: bool) -> Select[*tuple[Any, ...]]:
    """About the default visit type, or about that of the parameter `visit_type`."""
    meant = VisitType.is_default.is_(True) if is_default else VisitType.id == bindparam("visit_type", type_=Guid())
    return statement.where(meant)


@lru_cache(maxsize=4)
def _named(*, is_default: bool, for_patient: bool) -> Select[*tuple[Any, ...]]:
    doctors = (
        select(*columns(for_patient=for_patient))
        .select_from(outerjoin(VisitType, Doctor, Doctor.id.in_(ids_of("doctors"))))
        .execution_options(populate_existing=True)
    )
    return of_type(with_offers(doctors), is_default=is_default)


async def named(
    session: AsyncSession, doctor_ids: Collection[UUID], visit_type_id: UUID | None, around: Around
) -> Offering:
    """These doctors, and the visit type or the default one; `Invalid` if there is no such one."""
    statement = _named(is_default=visit_type_id is None, for_patient=is_for_one(around))
    given = around.parameters | {"doctors": list(doctor_ids), "visit_type": visit_type_id}
    rows = (await session.execute(statement, given)).all()
    if not rows:
        raise no_such_type()
    if not {row.doctor_id for row in rows} >= set(doctor_ids):
        raise Invalid.field("doctor_id", "There is no such doctor.", "unknown")
    return await offering_in(session, rows, around)


def no_such_type() -> Invalid:
    return Invalid.field("visit_type_id", "There is no such visit type.", "unknown")


def is_for_one(around: Around) -> bool:
    """Whether the patient's history comes with the statement about the doctors."""
    return around.patient_id is not None and not around.family


async def histories_of(session: AsyncSession, around: Around) -> dict[UUID, History]:
    """Of all patients in one statement; none without any."""
    rows = await session.execute(_HISTORIES, around.parameters) if around.patients else ()
    return {row.id: History(row.upcoming, row.holds, row.was_here) for row in rows}


async def offering_in(session: AsyncSession, rows: Sequence[Row[Any]], around: Around) -> Offering:
    """What the rows of a statement with `columns` and `with_offers` tell."""
    closed = await closed_at(session, rows, around)
    first = rows[0]
    if around.patient_id and is_for_one(around):
        histories = {around.patient_id: History(first.upcoming, first.holds, first.was_here)}
    else:
        histories = await histories_of(session, around)
    return Offering(
        first.VisitType,
        practices_in(rows, closed, is_limited=first.is_limited),
        histories,
        closed,
        first.has_travel,
        any(row.has_time_off for row in rows),
    )


def practices_in(rows: Sequence[Row[Any]], closed: Closed, *, is_limited: bool) -> dict[UUID, Practice]:
    """The doctors' hours at places that are in use, and how they offer the type."""
    in_use = {row.location_id for row in rows if row.location_is_active}
    is_active = {row.doctor_id: row.doctor_is_active for row in rows}
    offered: dict[UUID, dict[UUID | None, Offer | None]] = {doctor_id: {} for doctor_id in is_active}
    for row in rows:
        if row.Offer:
            offered[row.doctor_id][row.Offer.location_id] = row.Offer
    return {
        doctor_id: Practice(
            [each for each in hours if each.location_id in in_use],
            offered[doctor_id] if is_limited else AS_THE_TYPE_SAYS,
            is_active[doctor_id],
        )
        for doctor_id, hours in hours_in(rows, closed).items()
        if doctor_id is not None
    }


async def closed_at(session: AsyncSession, rows: Sequence[Row[Any]], around: Around) -> Closed:
    """The days on which locations are closed; their own days are read only where there are some."""
    calendars = {row.location_id: (row.country, row.region) for row in rows if row.location_id}
    differing = {row.location_id for row in rows if row.has_days}
    first_day, last_day = around.days
    closed: dict[UUID, Collection[date]] = {
        location_id: public_days(*calendar, first_day, last_day)
        for location_id, calendar in calendars.items()
        if location_id not in differing and calendar[0]
    }
    return closed | (await closed_days(session, differing, first_day, last_day) if differing else {})
