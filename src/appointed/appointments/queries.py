"""Reading visits, each within what the actor may see."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import with_expression

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound
from appointed.core.paging import Page, page_of
from appointed.core.types import ids_of
from appointed.doctors.models import Doctor
from appointed.patients import care, related

from .models import (
    READER,
    Appointment,
    AppointmentChange,
    DoctorDelay,
    GroupSession,
    Participant,
    Reader,
    Series,
)
from .rules import HOLDING, UNCLOSED, UPCOMING, Status

LONGEST_VISIT = timedelta(days=1)

_EQUAL = ("doctor_id", "patient_id", "location_id", "visit_type_id", "series_id", "session_id", "needs_attention")
# Read with each visit, by the key of its doctor.
_DELAY = with_expression(
    Appointment.delay_minutes,
    select(DoctorDelay.minutes)
    .where(
        DoctorDelay.doctor_id == Appointment.doctor_id,
        DoctorDelay.since <= Appointment.starts_at,
        DoctorDelay.until > Appointment.starts_at,
    )
    .scalar_subquery(),
)

# Put together once, as is whatever every booking or cancelling asks.
_LOCKED = (
    select(Appointment)
    .where(Appointment.id.in_(ids_of("ids")))
    .order_by(Appointment.id)
    .with_for_update(key_share=True)
    .options(_DELAY)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list; None is everything. Visits that meet [`from_`, `to`) by their start."""

    from_: datetime | None = None
    to: datetime | None = None
    doctor_id: UUID | None = None
    patient_id: UUID | None = None
    statuses: Collection[Status] = ()
    needs_attention: bool | None = None
    location_id: UUID | None = None
    visit_type_id: UUID | None = None
    series_id: UUID | None = None
    session_id: UUID | None = None
    unclosed_at: datetime | None = None
    """Those that were over by then, and of which nobody has said how they ended."""


def visible_to(actor: Actor) -> Select[Appointment]:
    """All for the desk and nurses, their own for doctors and patients, and of those whom they look after."""
    if actor.may(Permission.APPOINTMENTS_ALL):
        return select(Appointment)
    return select(Appointment).where(_is_their_own(actor))


def _is_their_own(actor: Actor, right: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Whether they are the visit's patient or its doctor, or look after the patient and have this right; without one,
    also whether they stand in for its doctor."""
    reaches: list[ColumnElement[bool]] = [false()]
    if actor.may(Permission.APPOINTMENTS_OWN):
        reaches.append(Appointment.patient_id.in_(related.reached_by(actor, right)))
    return or_(*reaches, *_is_attended(actor, with_covers=right is None))


def _is_attended(actor: Actor, *, with_covers: bool) -> list[ColumnElement[bool]]:
    """How a doctor comes to see a visit as a doctor: it is theirs, or that of one for whom they stand in."""
    if not actor.may(Permission.APPOINTMENTS_TREATED):
        return []
    doctors = [Doctor.user_id == actor.user_id] + ([Doctor.user_id.in_(care.covered_by(actor))] if with_covers else [])
    return [Appointment.doctor_id.in_(select(Doctor.id).where(whose)) for whose in doctors]


async def is_attended_by(session: AsyncSession, actor: Actor, visit: Appointment) -> bool:
    """Whether the actor sees the visit as a doctor, and not only as its patient or as who looks after them."""
    attended = _is_attended(actor, with_covers=True)
    query = select(Appointment.id).where(Appointment.id == visit.id, or_(false(), *attended))
    return bool(attended) and await session.scalar(query) is not None


async def _note_reader(session: AsyncSession, actor: Actor) -> None:
    """What is read in this session from now on does not show a parent or guardian what is a private minor's."""
    if not actor.may(Permission.APPOINTMENTS_ALL):
        session.info[READER] = Reader(actor.user_id, await related.private_from(session, actor))


async def get(session: AsyncSession, actor: Actor, appointment_id: UUID) -> Appointment:
    await _note_reader(session, actor)
    appointment = await session.scalar(visible_to(actor).where(Appointment.id == appointment_id).options(_DELAY))
    if appointment is None:
        raise NotFound
    return appointment


async def get_series(session: AsyncSession, actor: Actor, series_id: UUID) -> tuple[Series, Sequence[Appointment]]:
    """With those of its visits that the actor may see, in the order in which they were booked."""
    await _note_reader(session, actor)
    query = visible_to(actor).where(Appointment.series_id == series_id).order_by(Appointment.series_number)
    visits = (await session.scalars(query)).all()
    series = await session.get(Series, series_id) if visits else None
    if series is None:
        raise NotFound
    return series, visits


async def get_for_change(session: AsyncSession, actor: Actor, appointment_id: UUID) -> Appointment:
    """`Forbidden` for whoever sees the visit for another reason than being the desk, its patient, its doctor, or
    somebody who may book for the patient."""
    if actor.may(Permission.APPOINTMENTS_BOOK_ALL):
        return await get(session, actor, appointment_id)
    await _note_reader(session, actor)
    theirs = select(Appointment).where(Appointment.id == appointment_id, _is_their_own(actor, related.MAY_BOOK))
    appointment: Appointment | None = await session.scalar(theirs)
    if appointment is None:
        seen = await get(session, actor, appointment_id)
        raise Forbidden(patient_id=seen.patient_id)
    return appointment


async def get_locked(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Appointment]:
    """As they are in the database now, their rows locked in id order."""
    found = await session.scalars(_LOCKED, {"ids": list(ids)})
    return found.all()


async def get_unseen(session: AsyncSession, appointment_id: UUID) -> Appointment:
    """For the clock, which sees every visit."""
    return (await session.scalars(select(Appointment).where(Appointment.id == appointment_id))).one()


async def missed_ids(session: AsyncSession, until: datetime, limit: int) -> Sequence[UUID]:
    """Visits that were over by `until` and to which nobody came, those that are over longest first."""
    over = select(Appointment.id).where(Appointment.status == Status.BOOKED, Appointment.ends_at <= until)
    return (await session.scalars(over.order_by(Appointment.ends_at).limit(limit))).all()


async def changes_of(session: AsyncSession, appointment_id: UUID) -> Sequence[AppointmentChange]:
    """Oldest first."""
    query = select(AppointmentChange).where(AppointmentChange.appointment_id == appointment_id)
    return (await session.scalars(query.order_by(AppointmentChange.version))).all()


async def last_change(session: AsyncSession, visit: Appointment) -> AppointmentChange | None:
    """What made the visit what it is in its version; None of one that is as it was booked."""
    is_last = (AppointmentChange.appointment_id == visit.id, AppointmentChange.version == visit.version)
    change: AppointmentChange | None = await session.scalar(select(AppointmentChange).where(*is_last))
    return change


async def expired_ids(session: AsyncSession, until: datetime, limit: int) -> Sequence[UUID]:
    """Holds that were over by then, those that are over longest first."""
    over = select(Appointment.id).where(Appointment.hold_expires_at <= until)
    return (await session.scalars(over.order_by(Appointment.hold_expires_at).limit(limit))).all()


async def starts_around(
    session: AsyncSession, doctor_ids: Collection[UUID], first: datetime, last: datetime
) -> Sequence[tuple[UUID, datetime]]:
    """The doctors' visits that start between, by doctor and start."""
    query = select(Appointment.doctor_id, Appointment.starts_at).where(
        Appointment.doctor_id.in_(doctor_ids),
        Appointment.starts_at.between(first, last),
        Appointment.status.in_(HOLDING),
    )
    return [(doctor_id, starts_at) for doctor_id, starts_at in (await session.execute(query)).all()]


async def user_of_doctor(session: AsyncSession, doctor_id: UUID) -> UUID:
    """Who logs in as the doctor."""
    return (await session.scalars(select(Doctor.user_id).where(Doctor.id == doctor_id))).one()


async def page(
    session: AsyncSession, actor: Actor, filters: Filter, *, limit: int, cursor: str | None
) -> Page[Appointment]:
    """By start."""
    await _note_reader(session, actor)
    query = visible_to(actor).options(_DELAY)
    if filters.from_ is not None:
        query = query.where(Appointment.starts_at >= filters.from_)
    if filters.to is not None:
        query = query.where(Appointment.starts_at < filters.to)
    equal = {name: getattr(filters, name) for name in _EQUAL}
    query = query.filter_by(**{name: value for name, value in equal.items() if value is not None})
    if filters.unclosed_at is not None:
        query = query.where(Appointment.status.in_(UNCLOSED), Appointment.ends_at <= filters.unclosed_at)
    if filters.statuses:
        query = query.where(Appointment.status.in_(filters.statuses))
    return await page_of(session, query, [Appointment.starts_at, Appointment.id], limit=limit, cursor=cursor)


async def upcoming_of(
    session: AsyncSession, resource_ids: Collection[UUID], now: datetime, only: ColumnElement[bool] | None = None
) -> Sequence[Appointment]:
    """Visits to come that take any of these doctors, patients, rooms and devices, by id; `only` such. Holds that ended
    are none, and a place in a session takes the session's room."""
    ids = list(resource_ids)
    beside = select(Participant.appointment_id).where(Participant.resource_id.in_(ids))
    sessions = select(GroupSession.id).where(
        GroupSession.starts_at > now - LONGEST_VISIT, GroupSession.room_id.in_(ids)
    )
    found: dict[UUID, Appointment] = {}
    # One at a time: each has an index, and of all together no database uses any.
    for reach in (
        Appointment.doctor_id.in_(ids), Appointment.patient_id.in_(ids), Appointment.id.in_(beside),
        Appointment.session_id.in_(sessions),
    ):  # fmt: skip
        query = select(Appointment).where(
            reach,
            true() if only is None else only,
            Appointment.status.in_(UPCOMING),
            Appointment.ends_at > now,
            or_(Appointment.status != Status.PENDING, Appointment.hold_expires_at > now),
        )
        rows = await session.scalars(query.execution_options(populate_existing=True))
        found |= {visit.id: visit for visit in rows}
    return [found[id_] for id_ in sorted(found)]


async def taken_by(session: AsyncSession, visits: Collection[Appointment]) -> set[UUID]:
    """The resources whose time the visits take."""
    beside = select(Participant.resource_id).where(Participant.appointment_id.in_([visit.id for visit in visits]))
    taken = set(await session.scalars(beside)) if visits else set()
    parties = {id_ for visit in visits for id_ in (visit.doctor_id, visit.patient_id, visit.session_id) if id_}
    return taken | parties


async def doctors_awaited_at(session: AsyncSession, location_id: UUID, now: datetime) -> set[UUID]:
    """Doctors who have visits to come at the location."""
    found = await session.scalars(
        select(Appointment.doctor_id)
        .where(Appointment.location_id == location_id, Appointment.starts_at > now - LONGEST_VISIT,
               Appointment.ends_at > now, Appointment.status.in_(UPCOMING))
        .distinct()
    )  # fmt: skip
    return set(found)
