"""Erasing a patient, and deleting what had to be kept of them once it need not be any more."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, patients, resources
from appointed.accounts.actor import Actor
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.core import idempotency, outbox
from appointed.core.clock import Clock
from appointed.core.errors import NotFound
from appointed.core.settings import Settings
from appointed.patients import erasing
from appointed.patients.models import EmergencyAccess, Patient
from appointed.records.models import MedicalRecord

from . import queries
from .errors import StillExpected
from .rules import Ground, kept_long_enough


async def erase(session: AsyncSession, actor: Actor, patient_id: UUID, ground: Ground, *, clock: Clock) -> Patient:
    """Leave a pseudonym of the patient, with the visits and records that must be kept. Erasing again changes nothing.

    `StillExpected` while visits or holds are to come: they would be made for nobody.
    """
    await resources.lock(session, [patient_id])
    patient = await session.get(Patient, patient_id, populate_existing=True)
    if patient is None:
        raise NotFound
    if patient.erased_at:
        return patient
    now = clock.now()
    if visits := await queries.visits_to_come(session, patient_id, now):
        raise StillExpected(extra={"visits": [str(each) for each in visits]}, patient_id=patient_id)
    about = await queries.told_of(session, patient)
    await outbox.withdraw(session, about)
    await idempotency.forget(session, await erasing.addresses_of(session, patient) | set(map(str, about)))
    await erasing.erase(session, actor, patient, ground, now=now)
    return patient


async def ask(session: AsyncSession, actor: Actor, *, now: datetime) -> Patient:
    """To be erased, which an administrator does; asking again changes nothing."""
    patient = await _own(session, actor)
    if patient.erasure_asked_at is None:
        patient.erasure_asked_at = now
        audit.record(session, now, actor.user_id, "patient.ask-erasure", "patient", patient.id, patient_id=patient.id)
    return patient


async def take_back(session: AsyncSession, actor: Actor, *, now: datetime) -> None:
    """Not to be erased after all; taking back what was not asked changes nothing."""
    patient = await _own(session, actor)
    if patient.erasure_asked_at:
        patient.erasure_asked_at = None
        audit.record(session, now, actor.user_id, "patient.keep", "patient", patient.id, patient_id=patient.id)


async def _own(session: AsyncSession, actor: Actor) -> Patient:
    patient_id = await patients.find_own_id(session, actor.user_id)
    if patient_id is None:
        raise NotFound
    await resources.lock(session, [patient_id])
    return await session.get_one(Patient, patient_id, populate_existing=True)


async def due_for_purge(session: AsyncSession, settings: Settings, now: datetime, limit: int) -> list[UUID]:
    """Patients who were erased, and of whom nothing need be kept any more."""
    return list(await queries.erased_before(session, *_limits(settings, now), limit))


async def purge(session: AsyncSession, patient_id: UUID, settings: Settings, *, clock: Clock) -> bool:
    """Delete the records of a patient who was erased, and what was written about their visits. Whether it was due."""
    await resources.lock(session, [patient_id])
    now = clock.now()
    if patient_id not in await queries.erased_before(session, *_limits(settings, now), None, patient_id):
        return False
    for record_id in await queries.records_of(session, patient_id):
        audit.record(session, now, None, "record.purge", "record", record_id, patient_id=patient_id)
    of_patient = MedicalRecord.patient_id == patient_id
    await session.execute(update(MedicalRecord).where(of_patient).values(amends_id=None, amended_by_id=None))
    await session.execute(delete(MedicalRecord).where(of_patient))
    await session.execute(delete(EmergencyAccess).where(EmergencyAccess.patient_id == patient_id))
    await _silence_visits(session, patient_id)
    gone = {"purged_at": now, "birth_date": None, "sex": None}
    await session.execute(update(Patient).where(Patient.id == patient_id).values(gone))
    audit.record(session, now, None, "patient.purge", "patient", patient_id, patient_id=patient_id)
    return True


async def _silence_visits(session: AsyncSession, patient_id: UUID) -> None:
    """That they took place stays, for counting; why does not."""
    theirs = Appointment.patient_id == patient_id
    ids = select(Appointment.id).where(theirs)
    changes = update(AppointmentChange).where(AppointmentChange.appointment_id.in_(ids))
    await session.execute(changes.values(note_sealed=None).execution_options(synchronize_session=False))
    await session.execute(
        update(Appointment)
        .where(theirs)
        .values(reason_sealed=None, extra_reason_sealed=None, override_reason_sealed=None, cancel_note_sealed=None)
        .execution_options(synchronize_session=False)
    )


def _limits(settings: Settings, now: datetime) -> tuple[datetime, date]:
    """What lies before this instant, of who was born before this day, has been kept long enough: the years count from
    the last visit or record, for minors from the end of the year in which they come of age."""
    today = now.astimezone(settings.zone).date()
    over_on, born_before = kept_long_enough(today, settings.record_retention_years, settings.age_of_majority)
    return datetime.combine(over_on + timedelta(days=1), time(), settings.zone), born_before
