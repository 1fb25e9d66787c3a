"""What there is of a patient who is to be erased, or whose records are."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment, Series
from appointed.appointments.rules import HOLDING, PRESENT, UPCOMING, Status
from appointed.core.paging import Page, page_of
from appointed.patients import erasing
from appointed.patients.models import EmergencyAccess, Invitation, Patient
from appointed.records.models import MedicalRecord


async def visits_to_come(session: AsyncSession, patient_id: UUID, now: datetime) -> Sequence[UUID]:
    """Visits that are not over, and holds that have not ended, in the order in which they were booked."""
    query = select(Appointment.id).where(
        Appointment.patient_id == patient_id, Appointment.status.in_(UPCOMING | PRESENT), Appointment.ends_at > now,
        or_(Appointment.status != Status.PENDING, Appointment.hold_expires_at > now),
    )  # fmt: skip
    return (await session.scalars(query.order_by(Appointment.id))).all()


async def told_of(session: AsyncSession, patient: Patient) -> set[UUID]:
    """The ids by which events and answers speak of the patient. Of who stays somebody at the clinic, their login's id
    speaks of that."""
    found = {patient.id}
    if patient.user_id and await erasing.goes_with(session, patient.user_id):
        found.add(patient.user_id)
    for table in (Appointment, Series, MedicalRecord, Invitation, EmergencyAccess):
        found |= set(await session.scalars(select(table.id).where(table.patient_id == patient.id)))
    return found


async def erased_before(
    session: AsyncSession, over_at: datetime, born_before: date, limit: int | None, only: UUID | None = None
) -> Sequence[UUID]:
    """Patients who were erased and whose records need not be kept: the last of them, and the last visit, lie before
    `over_at`, and they were born before `born_before`. Those come first who were erased first."""
    recorded = select(MedicalRecord.id).where(MedicalRecord.patient_id == Patient.id,
                                              MedicalRecord.created_at >= over_at)  # fmt: skip
    visited = select(Appointment.id).where(Appointment.patient_id == Patient.id, Appointment.status.in_(HOLDING),
                                           Appointment.ends_at >= over_at)  # fmt: skip
    query = select(Patient.id).where(
        Patient.erased_at.is_not(None), Patient.purged_at.is_(None), ~recorded.exists(), ~visited.exists(),
        or_(Patient.birth_date.is_(None), Patient.birth_date < born_before),
    )  # fmt: skip
    if only:
        query = query.where(Patient.id == only)
    return (await session.scalars(query.order_by(Patient.erased_at).limit(limit))).all()


async def asked(session: AsyncSession, *, limit: int, cursor: str | None) -> Page[Patient]:
    """Who asked to be erased and has not been yet, the first to ask first."""
    query = select(Patient).where(Patient.erasure_asked_at.is_not(None))
    return await page_of(session, query, [Patient.erasure_asked_at, Patient.id], limit=limit, cursor=cursor)


async def records_of(session: AsyncSession, patient_id: UUID) -> Sequence[UUID]:
    """Every one, whatever became of it."""
    query = select(MedicalRecord.id).where(MedicalRecord.patient_id == patient_id)
    return (await session.scalars(query.order_by(MedicalRecord.id))).all()
