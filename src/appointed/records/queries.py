"""Reading records, each within what the actor may see."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of
from appointed.doctors.models import Doctor
from appointed.patients import care, related
from appointed.patients.models import Patient

from .models import MedicalRecord
from .rules import RELEASED, Status


def visible_to(actor: Actor, now: datetime) -> Select[MedicalRecord]:
    """What they wrote; and of those whom they treat, are or look after, and of those of their places where these share
    records, what was signed and not retracted."""
    patient = MedicalRecord.patient_id
    reaches = _reaches(actor, patient, related.may_read_all(actor), now)
    if actor.may(Permission.RECORDS_OWN) and actor.today and actor.today.private_born:
        is_released = MedicalRecord.released_to_guardians_at.is_not(None)
        reaches.append(and_(is_released, patient.in_(related.reached_by(actor, related.MAY_READ))))
    theirs = and_(MedicalRecord.status.in_(RELEASED), or_(*reaches))
    if not actor.may(Permission.RECORDS_WRITE):
        return select(MedicalRecord).where(theirs)
    own = MedicalRecord.author_id.in_(select(Doctor.id).where(Doctor.user_id == actor.user_id))
    return select(MedicalRecord).where(or_(own, theirs))


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


def _reaches(
    actor: Actor, patient_id: InstrumentedAttribute[UUID], right: ColumnElement[bool], now: datetime
) -> list[ColumnElement[bool]]:
    """Why the actor may read about a patient: they are or, having this right, look after them; they treat them; they
    work where somebody does and records are shared."""
    reaches: list[ColumnElement[bool]] = [false()]
    if actor.may(Permission.RECORDS_OWN):
        reaches.append(patient_id.in_(related.reached_by(actor, right)))
    if actor.may(Permission.RECORDS_TREATED):
        reaches.append(patient_id.in_(care.treated_by(actor, now)))
    if actor.may(Permission.RECORDS_LOCATION):
        shared = care.is_shared(actor, patient_id, now)
        is_kept = actor.today is not None and actor.today.private_born is not None
        # A parent who works at the place does not treat their child because of that.
        reaches.append(and_(shared, patient_id.not_in(related.kept_from(actor))) if is_kept else shared)
    return reaches


async def _check_known(
    session: AsyncSession, actor: Actor, patient_id: UUID, records: Select[MedicalRecord], now: datetime
) -> None:
    """No records yet, all retracted or none released is not the same as nobody there."""
    patient = select(Patient.id).where(
        Patient.id == patient_id, or_(*_reaches(actor, Patient.id, related.MAY_READ, now))
    )
    for query in (patient, records.with_only_columns(MedicalRecord.id)):
        if await session.scalar(query.limit(1)) is not None:
            return
    raise NotFound
