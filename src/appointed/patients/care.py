"""Who treats whom, which `appointments` keeps, and who sees a patient for another reason: asked for by whoever shows
what belongs to one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, false, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from appointed.accounts.actor import Actor
from appointed.core import batch
from appointed.locations.models import StaffAssignment

from .models import CareRelation, Cover, EmergencyAccess, Patient

_END = delete(CareRelation).where(CareRelation.appointment_id == bindparam("visit"))


def begin(
    session: AsyncSession,
    *,
    appointment_id: UUID,
    patient_id: UUID,
    doctor_id: UUID,
    doctor_user_id: UUID,
    location_id: UUID,
    valid_from: datetime,
    valid_until: datetime,
) -> None:
    """The doctor treats the patient because of this visit."""
    row = {"appointment_id": appointment_id, "patient_id": patient_id, "doctor_id": doctor_id,
           "doctor_user_id": doctor_user_id, "location_id": location_id, "valid_from": valid_from,
           "valid_until": valid_until}  # fmt: skip
    batch.put(session, CareRelation.__table__, [row])


async def end(session: AsyncSession, appointment_id: UUID) -> None:
    """The visit did not take place, and what followed from it is gone."""
    await session.execute(_END, {"visit": appointment_id})


def treated(now: datetime) -> Select[UUID]:
    """The ids of patients whom somebody treats now."""
    return select(CareRelation.patient_id).where(CareRelation.valid_from <= now, CareRelation.valid_until > now)


def covered_by(actor: Actor) -> Select[UUID]:
    """The logins of the doctors for whom the actor stands in today."""
    query = select(Cover.user_id).where(Cover.by_user_id == actor.user_id, Cover.ended_at.is_(None))
    if actor.today is None:
        return query.where(false())
    return query.where(Cover.valid_from <= actor.today.day, Cover.valid_until >= actor.today.day)


def treated_by(actor: Actor, now: datetime) -> Select[UUID]:
    """The ids of patients whom the actor, or a doctor for whom the actor stands in, treats now; and of those whose
    record the actor opened in an emergency. A derived table, because no database finds an index through OR."""
    opened = select(EmergencyAccess.patient_id).where(
        EmergencyAccess.user_id == actor.user_id, EmergencyAccess.opened_at <= now, EmergencyAccess.closes_at > now
    )
    own = treated(now).where(CareRelation.doctor_user_id == actor.user_id)
    for_others = treated(now).where(CareRelation.doctor_user_id.in_(covered_by(actor)))
    every = union_all(own, for_others, opened).subquery()
    return select(every.c.patient_id)


def is_shared(actor: Actor, patient_id: InstrumentedAttribute[UUID], now: datetime) -> ColumnElement[bool]:
    """Whether somebody treats the patient now because of a visit at a place where the actor works; who is assigned to
    none works at all. Asked of each patient, for a place has as many as it likes."""
    mine = select(StaffAssignment.location_id).where(StaffAssignment.user_id == actor.user_id)
    visited = treated(now).where(CareRelation.patient_id == patient_id)
    return visited.where(or_(CareRelation.location_id.in_(mine), ~mine.exists())).exists()


async def exists(session: AsyncSession, actor: Actor, *, patient_id: UUID, now: datetime) -> bool:
    """Whether the patient is one of those of `treated_by`."""
    query = select(Patient.id).where(Patient.id == patient_id, Patient.id.in_(treated_by(actor, now)))
    return await session.scalar(query) is not None
