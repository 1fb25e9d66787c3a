"""Judging one time that somebody wants, between the lock and the writing."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import join

from appointed import doctors
from appointed.appointments.errors import CallTheClinic
from appointed.appointments.models import Appointment
from appointed.appointments.policy import NO_QUOTAS
from appointed.availability.models import Schedule
from appointed.availability.rules import Facts, Reason, VisitRules, chosen_for, first_of, tick_of, verdict
from appointed.core.errors import Invalid, StartAgain
from appointed.core.types import Guid
from appointed.doctors.models import Doctor
from appointed.locations.models import Location
from appointed.patients.models import Patient
from appointed.visit_types.models import VisitType

from . import counting, needing, reading
from .asking import Around, Asked, Judged, Parties, Taken
from .gathering import gather
from .standing import Stand, stands_of

# How far around a visit the gaps count by which the best fitting room is chosen.
_REACH = 288
_NOWHERE = UUID(int=0)
_PLACES = select(Schedule.location_id).where(Schedule.doctor_id == bindparam("doctor", type_=Guid())).distinct()
# Holds that are over are ended within minutes, so there is hardly ever one.
_HAS_EXPIRED = exists(select(Appointment.id).where(Appointment.hold_expires_at <= bindparam("now"))).label(
    "has_expired"
)
_TYPE = select(VisitType).execution_options(populate_existing=True)


@lru_cache(maxsize=2)
def _parties_and_hours(*, is_default: bool) -> Select[*tuple[Any, ...]]:
    parties = (
        select(
            Doctor.user_id.label("doctor_user_id"),
            Patient.is_active.label("patient_is_active"),
            Patient.user_id.label("patient_user_id"),
            Patient.contact_email_sealed.is_not(None).label("has_contact_email"),
            _HAS_EXPIRED,
            *reading.columns(for_patient=True),
        )
        # One row of each, joined on being different: SQLAlchemy warns of joins that name no two tables.
        .select_from(join(join(Doctor, Patient, Patient.id != Doctor.id), VisitType, VisitType.id != Doctor.id))
        .where(Doctor.id == bindparam("doctor"), Patient.id == bindparam("patient"))
        .execution_options(populate_existing=True)
    )
    return reading.of_type(reading.with_offers(parties), is_default=is_default)


@lru_cache(maxsize=2)
def _type(*, is_default: bool) -> Select[*tuple[Any, ...]]:
    return reading.of_type(_TYPE, is_default=is_default)


async def to_lock(session: AsyncSession, asked: Asked) -> frozenset[UUID]:
    """The resources that have to be locked before `asked` is judged: whose time the visit could take, and what keeps
    others from choosing the same room."""
    whom = frozenset({asked.doctor_id, asked.patient_id})
    visit_type: VisitType | None = await session.scalar(
        _type(is_default=asked.visit_type_id is None), {"visit_type": asked.visit_type_id}
    )
    if visit_type is None or not needing.needs_any(visit_type):
        return whom
    places: Collection[UUID] = [asked.location_id] if asked.location_id else ()
    if not places:
        places = (await session.scalars(_PLACES, {"doctor": asked.doctor_id})).all()
    return whom | (await needing.find(session, visit_type, places, {})).locks


async def judge(session: AsyncSession, asked: Asked, now: datetime, *, locked: Collection[UUID] = ()) -> Judged:
    """Whether they can have the time. Call it with the resources of `to_lock` locked, and name them in `locked`.

    `Invalid` if there is no such doctor, patient or visit type; `CallTheClinic` to who missed too many visits;
    `StartAgain` if more has to be locked than was.
    """
    # No visit is longer than a day; of one that wants to be, only its start needs to be known to refuse it.
    last = asked.starts_at if asked.ends_at is None else min(asked.ends_at, asked.starts_at + timedelta(days=1))
    quotas = NO_QUOTAS if asked.is_desk else asked.quotas
    around = Around(asked.starts_at, last, now, asked.patient_id, asked.location_id, quotas, asked.ignoring,
                    is_online=not asked.is_desk and asked.ignoring is None)  # fmt: skip
    rows = await _rows(session, asked, around)
    parties = rows[0]
    if not parties.patient_is_active:
        raise Invalid.field("patient_id", "This patient is not active any more.", "inactive")
    offering = await reading.offering_in(session, rows, around)
    if await counting.has_missed_too_many(session, offering.visit_type, around):
        raise CallTheClinic(patient_id=asked.patient_id)
    stands = stands_of(offering, around)
    places = {place for stand in stands for place in stand.zones}
    needs = await needing.find(session, offering.visit_type, places, offering.closed)
    if not needs.locks <= set(locked):
        raise StartAgain
    facts, _ = await gather(session, offering, stands, needs, around, reach=_REACH if needs.each else 0)
    answers = [_answer(asked, stand, first, needs, now) for stand, (first, *_) in zip(stands, facts, strict=True)]
    told = min(answers, key=_most_telling)
    if told.ends_at <= asked.starts_at:
        raise Invalid.field("ends_at", "The end must be after the start.")
    who = Parties(parties.doctor_user_id, parties.patient_user_id, bool(parties.has_contact_email), offering.visit_type)
    return Judged(asked, who, told.rules, told.ends_at, told.reason, told.place, told.takes,
                  has_expired=parties.has_expired)  # fmt: skip


class _Answer(NamedTuple):
    """What is said of one stand. `is_open` tells whether there are hours at the start."""

    reason: Reason | None
    place: UUID | None
    takes: tuple[Taken, ...]
    rules: VisitRules
    ends_at: datetime
    is_open: bool


def _answer(asked: Asked, stand: Stand, facts: Facts, needs: needing.Needs, now: datetime) -> _Answer:
    rules = stand.terms.rules
    ends_at = asked.ends_at or asked.starts_at + timedelta(minutes=rules.length_minutes)
    places, reason = verdict(facts, rules, asked.starts_at, ends_at, now, location_id=asked.location_id,
                             any_length=asked.is_desk or asked.any_length, is_extra=asked.is_extra,
                             waived=asked.is_waived)  # fmt: skip
    if not (stand.terms.is_possible if asked.is_waived else stand.terms.is_offered):
        reason = first_of(reason, Reason.NOT_OFFERED)
    start = tick_of(asked.starts_at)
    is_open = any(opening.start <= start < opening.end for opening in facts.openings)
    if reason:
        return _Answer(reason, None, (), rules, ends_at, is_open)
    place = places[0]
    chosen = chosen_for(facts, rules, asked.starts_at, ends_at, place) or []
    takes = tuple(Taken(each, need.role) for each, need in zip(chosen, needs.each, strict=True))
    return _Answer(None, place, takes, rules, ends_at, is_open)


def _most_telling(answer: _Answer) -> tuple[bool, bool, int, UUID]:
    """A place where it can be; else, of those that are open then, the one where the least stands in the way."""
    order = -list(Reason).index(answer.reason) if answer.reason else 0
    return answer.reason is not None, not answer.is_open, order, answer.place or _NOWHERE


async def _rows(session: AsyncSession, asked: Asked, around: Around) -> Sequence[Row[Any]]:
    """Doctor, patient and visit type, the doctor's hours and offers and the patient's history, in one statement."""
    given = around.parameters | {"doctor": asked.doctor_id, "visit_type": asked.visit_type_id}
    rows = (await session.execute(_parties_and_hours(is_default=asked.visit_type_id is None), given)).all()
    if not rows:
        await name_the_missing(session, asked)
        raise _unknown("visit_type_id")
    if asked.is_waived and asked.location_id not in {None, *(row.location_id for row in rows)}:
        await _check_location(session, asked)
    return rows


async def _check_location(session: AsyncSession, asked: Asked) -> None:
    """Hours need not lead there when rules are waived, but the place must be in use."""
    location = await session.get(Location, asked.location_id, populate_existing=True)
    if location is None or not location.is_active:
        raise _unknown("location_id")


async def name_the_missing(session: AsyncSession, asked: Asked) -> None:
    """`Invalid` if there is no such doctor or no such patient."""
    if await doctors.find(session, asked.doctor_id) is None:
        raise _unknown("doctor_id")
    if await session.get(Patient, asked.patient_id) is None:
        raise _unknown("patient_id")


def _unknown(field: str) -> Invalid:
    return Invalid.field(field, f"There is no such {field.removesuffix('_id').replace('_', ' ')}.", "unknown")
