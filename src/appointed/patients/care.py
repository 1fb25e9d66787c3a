"""Who treats whom: kept by `appointments`, asked for by whoever shows what belongs to a patient."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core import batch

from .models import CareRelation

_END = delete(CareRelation).where(CareRelation.appointment_id == bindparam("visit"))


def begin(
    session: AsyncSession,
    *,
    appointment_id: UUID,
    patient_id: UUID,
    doctor_id: UUID,
    doctor_user_id: UUID,
    valid_from: datetime,
    valid_until: datetime,
) -> None:
    """The doctor treats the patient because of this visit."""
    row = {"appointment_id": appointment_id, "patient_id": patient_id, "doctor_id": doctor_id,
           "doctor_user_id": doctor_user_id, "valid_from": valid_from, "valid_until": valid_until}  # fmt: skip
    batch.put(session, CareRelation.__table__, [row])


async def end(session: AsyncSession, appointment_id: UUID) -> None:
    """The visit did not take place, and what followed from it is gone."""
    await session.execute(_END, {"visit": appointment_id})


def treated(now: datetime) -> Select[UUID]:
    """The ids of patients whom somebody treats now."""
    return select(CareRelation.patient_id).where(CareRelation.valid_from <= now, CareRelation.valid_until > now)


def treated_by(doctor_user_id: UUID, now: datetime) -> Select[UUID]:
    """The ids of patients whom the doctor treats now."""
    return treated(now).where(CareRelation.doctor_user_id == doctor_user_id)


async def exists(session: AsyncSession, *, doctor_user_id: UUID, patient_id: UUID, now: datetime) -> bool:
    """Whether the doctor treats the patient now."""
    query = treated_by(doctor_user_id, now).where(CareRelation.patient_id == patient_id)
    return await session.scalar(query.limit(1)) is not None
