"""Reading records, each within what the actor may see."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of
from appointed.doctors.models import Doctor
from appointed.patients import care, related
from appointed.patients.models import Patient

from .models import MedicalRecord
from .rules import RELEASED, Status


def visible_to(actor: Actor, now: datetime) -> Select[MedicalRecord]:
    """What they wrote, and of those whom they treat, are or look after what was signed and not retracted."""
    reaches: list[ColumnElement[bool]] = [false()]
    if actor.may(Permission.RECORDS_WRITE):
        reaches.append(MedicalRecord.author_id.in_(select(Doctor.id).where(Doctor.user_id == actor.user_id)))
    reaches.append(and_(MedicalRecord.status.in_(RELEASED), MedicalRecord.patient_id.in_(_patients_of(actor, now))))
    return select(MedicalRecord).where(or_(*reaches))


async def get(session: AsyncSession, actor: Actor, record_id: UUID, now: datetime) -> MedicalRecord:
    """As it is in the database now, whatever was read before."""
    query = visible_to(actor, now).where(MedicalRecord.id == record_id)
    record = await session.scalar(query.execution_options(populate_existing=True))
    if record is None:
        raise NotFound
    return record


async def page(
    session: AsyncSession, actor: Actor, patient_id: UUID, now: datetime, *, limit: int, cursor: str | None
) -> Page[MedicalRecord]:
    """A patient's records as they stand, oldest first; `NotFound` for who neither is nor treats the patient, nor wrote
    about them."""
    of_patient = visible_to(actor, now).where(MedicalRecord.patient_id == patient_id)
    current = of_patient.where(MedicalRecord.amended_by_id.is_(None), MedicalRecord.status != Status.ENTERED_IN_ERROR)
    found = await page_of(session, current, [MedicalRecord.id], limit=limit, cursor=cursor)
    if not found.items:
        await _check_known(session, actor, patient_id, of_patient, now)
    return found


def _patients_of(actor: Actor, now: datetime) -> Select[UUID]:
    """The patients whom the actor treats, looks after and may read, and who the actor is."""
    reaches: list[ColumnElement[bool]] = [false()]
    if actor.may(Permission.RECORDS_OWN):
        reaches.append(Patient.id.in_(related.reached_by(actor, related.MAY_READ)))
    if actor.may(Permission.RECORDS_TREATED):
        reaches.append(Patient.id.in_(care.treated_by(actor, now)))
    return select(Patient.id).where(or_(*reaches))


async def _check_known(
    session: AsyncSession, actor: Actor, patient_id: UUID, records: Select[MedicalRecord], now: datetime
) -> None:
    """No records yet, or all retracted, is not the same as nobody there."""
    patient = _patients_of(actor, now).where(Patient.id == patient_id)
    for query in (patient, records.with_only_columns(MedicalRecord.id)):
        if await session.scalar(query.limit(1)) is not None:
            return
    raise NotFound
