"""What letters tell, read by id. Nobody asks: what is read goes to the patient it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Today
from appointed.accounts.models import AccountLink, User
from appointed.accounts.rules import Purpose
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.doctors.models import Doctor
from appointed.locations.models import Location
from appointed.patients import related
from appointed.patients.models import EmergencyAccess, Invitation, Patient
from appointed.records.models import MedicalRecord
from appointed.records.rules import RELEASED


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as a letter tells of it. `address` is None if the patient has no e-mail."""

    address: str | None
    patient: str | None
    doctor: str
    place: str
    timezone: str
    starts_at: datetime
    ends_at: datetime
    status: str
    notified: str
    series_id: UUID | None = None


_VISITS = (
    select(Appointment, Patient, User.email, Doctor, Location)
    .join(Patient, Patient.id == Appointment.patient_id)
    .join(User, User.id == Patient.user_id, isouter=True)
    .join(Doctor, Doctor.id == Appointment.doctor_id)
    .join(Location, Location.id == Appointment.location_id)
)
_ADDRESSED = select(Patient, User.email).join(User, User.id == Patient.user_id, isouter=True)


async def find_visit(session: AsyncSession, appointment_id: UUID) -> Visit | None:
    row = (await session.execute(_VISITS.where(Appointment.id == appointment_id))).one_or_none()
    return _visit_of(row) if row else None


async def find_last_move(session: AsyncSession, appointment_id: UUID) -> AppointmentChange | None:
    """The last time that a visit was rescheduled."""
    moves = select(AppointmentChange).where(
        AppointmentChange.appointment_id == appointment_id, AppointmentChange.action == "reschedule"
    )
    move: AppointmentChange | None = await session.scalar(moves.order_by(AppointmentChange.version.desc()).limit(1))
    return move


async def of_series(session: AsyncSession, series_id: UUID, *, cancelled_at: datetime | None = None) -> Sequence[Visit]:
    """Its visits by their start; those that were cancelled at one instant, if that is given."""
    query = _VISITS.where(Appointment.series_id == series_id).order_by(Appointment.starts_at)
    if cancelled_at:
        query = query.where(Appointment.cancelled_at == cancelled_at)
    return [_visit_of(row) for row in (await session.execute(query)).all()]


def _visit_of(row: Row[*tuple[Any, ...]]) -> Visit:
    visit, patient, email, doctor, location = row
    return Visit(
        address=_address_of(patient, email),
        patient=_name_for(patient),
        doctor=_in_one_line(doctor.name),
        place=_in_one_line(location.name),
        timezone=location.timezone,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        status=visit.status,
        notified=visit.notified,
        series_id=visit.series_id,
    )


async def find_address(session: AsyncSession, patient_id: UUID) -> str | None:
    """Where an active patient is written to; None if there is no such patient or no address."""
    row = (await session.execute(_ADDRESSED.where(Patient.id == patient_id, Patient.is_active))).one_or_none()
    return _address_of(*row) if row else None


async def find_opened(session: AsyncSession, access_id: UUID) -> tuple[str | None, datetime] | None:
    """Where the patient is written to whose record was opened in an emergency, and when that was."""
    query = _ADDRESSED.add_columns(EmergencyAccess.opened_at)
    query = query.join(EmergencyAccess, EmergencyAccess.patient_id == Patient.id).where(EmergencyAccess.id == access_id)
    row = (await session.execute(query)).one_or_none()
    return (_address_of(row[0], row[1]), row[2]) if row else None


async def find_reader(session: AsyncSession, record_id: UUID, today: Today) -> str | None:
    """Where the patient is written to who may read the record; None if it was retracted. A minor who is private is
    written to where they log in and nowhere else: the contact address may be a parent's."""
    is_released = MedicalRecord.status.in_(RELEASED)
    query = _ADDRESSED.add_columns(related.is_private(today).label("is_private"))
    query = query.join(MedicalRecord, MedicalRecord.patient_id == Patient.id)
    row = (await session.execute(query.where(MedicalRecord.id == record_id, is_released))).one_or_none()
    if row is None:
        return None
    patient, login, is_private = row
    return login if is_private else _address_of(patient, login)


async def find_guardian(session: AsyncSession, record_id: UUID, user_id: UUID, today: Today) -> str | None:
    """Where the parent or guardian is written to who may read the record now that it is released."""
    record = await session.get(MedicalRecord, record_id)
    if record is None or record.released_to_guardians_at is None or record.status not in RELEASED:
        return None
    if user_id not in await related.guardians_of(session, record.patient_id, today):
        return None
    address: str | None = await session.scalar(select(User.email).where(User.id == user_id, User.is_active))
    return address


async def find_open_invitation(session: AsyncSession, invitation_id: UUID, now: datetime) -> Invitation | None:
    """The invitation, unless it was used, is too old, or the patient has got a login in another way."""
    is_open = (Invitation.used_at.is_(None), Invitation.expires_at > now, Patient.user_id.is_(None))
    found: Invitation | None = await session.scalar(
        select(Invitation)
        .join(Patient, Patient.id == Invitation.patient_id)
        .where(Invitation.id == invitation_id, *is_open)
    )
    return found


@dataclass(frozen=True, slots=True)
class Link:
    """A link that somebody may have, and where it goes."""

    id: UUID
    address: str
    purpose: str
    expires_at: datetime


async def find_open_link(session: AsyncSession, link_id: UUID, now: datetime) -> Link | None:
    """The link, unless it was used, is too old, or is nobody's."""
    row = (await session.execute(_open_links(now).where(AccountLink.id == link_id))).one_or_none()
    return Link(*row) if row else None


async def find_confirmation(session: AsyncSession, patient_id: UUID, now: datetime) -> Link | None:
    """The first link that confirms the address of the patient's login, unless that is done."""
    query = _open_links(now).join(Patient, Patient.user_id == User.id)
    wanted = (Patient.id == patient_id, AccountLink.purpose == Purpose.EMAIL_CONFIRMATION,
              User.email_verified_at.is_(None))  # fmt: skip
    row = (await session.execute(query.where(*wanted).order_by(AccountLink.id).limit(1))).one_or_none()
    return Link(*row) if row else None


def _open_links(now: datetime) -> Select[UUID, str, str, datetime]:
    is_open = (AccountLink.used_at.is_(None), AccountLink.expires_at > now, User.is_active)
    columns = select(AccountLink.id, User.email, AccountLink.purpose, AccountLink.expires_at)
    return columns.select_from(AccountLink).join(User, User.id == AccountLink.user_id).where(*is_open)


async def find_login(session: AsyncSession, user_id: UUID) -> str | None:
    """The address that the user logs in with."""
    address: str | None = await session.scalar(select(User.email).where(User.id == user_id))
    return address


def _address_of(patient: Patient, login: str | None) -> str | None:
    return patient.contact_email or login


def _name_for(patient: Patient) -> str | None:
    """Whom the visit is for, where that is not plain from the address: an address may be shared by a family.

    Left out for who has a login: anybody can register any address under any name, and letters carry no stranger's text.
    """
    return None if patient.user_id else _in_one_line(patient.name)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
