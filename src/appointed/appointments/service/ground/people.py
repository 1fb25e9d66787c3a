"""Deactivating doctors and patients."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors, patients
from appointed.accounts.actor import Actor
from appointed.core.clock import Clock
from appointed.core.errors import NotFound
from appointed.patients.models import Patient

from .dealing import Affected, Cause, Dealing
from .taking import taking_ground


async def deactivate_doctor(
    session: AsyncSession, actor: Actor, doctor_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Offer the doctor no more; the visits that were booked."""
    async with taking_ground(session, actor, [doctor_id], dealing, Cause.DOCTOR_DEACTIVATED, clock=clock) as taking:
        await doctors.deactivate(session, actor, await doctors.get(session, doctor_id), taking.now)
    return taking.affected


async def deactivate_patient(
    session: AsyncSession, actor: Actor, patient_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Let the patient book no more; the visits that were booked."""
    await patients.get_for_change(session, actor, patient_id, clock.now())
    async with taking_ground(session, actor, [patient_id], dealing, Cause.PATIENT_DEACTIVATED, clock=clock) as taking:
        patient = await session.get(Patient, patient_id, populate_existing=True)
        if patient is None:
            raise NotFound
        await patients.deactivate(session, actor, patient, taking.now)
    return taking.affected
