"""Deactivating doctors and patients, and changing them: who is active again has their visits again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors, patients
from appointed.accounts.actor import Actor
from appointed.core.clock import Clock
from appointed.core.errors import NotFound
from appointed.doctors.models import Doctor
from appointed.patients.models import Patient

from .dealing import Affected, Cause, Dealing, Fate
from .taking import taking_ground


async def change_doctor(
    session: AsyncSession, actor: Actor, doctor_id: UUID, profile: Mapping[str, Any], *, clock: Clock
) -> Doctor:
    """Change what is given; visits that were marked because the doctor was not active lose their mark when they are."""
    if not profile.get("is_active"):
        return await doctors.change(session, actor, doctor_id, profile, now=clock.now())
    keep, cause = Dealing(Fate.KEEP), Cause.DOCTOR_DEACTIVATED
    async with taking_ground(session, actor, [doctor_id], keep, cause, clock=clock) as taking:
        return await doctors.change(session, actor, doctor_id, profile, now=taking.now)


async def deactivate_doctor(
    session: AsyncSession, actor: Actor, doctor_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Offer the doctor no more; the visits that were booked."""
    async with taking_ground(session, actor, [doctor_id], dealing, Cause.DOCTOR_DEACTIVATED, clock=clock) as taking:
        await doctors.deactivate(session, actor, await doctors.get(session, doctor_id), taking.now)
    return taking.affected


async def change_patient(
    session: AsyncSession, actor: Actor, patient_id: UUID, profile: Mapping[str, Any], *, clock: Clock
) -> Patient:
    """As `change_doctor` does."""
    if not profile.get("is_active"):
        return await patients.change(session, actor, patient_id, profile, now=clock.now())
    await patients.get_for_change(session, actor, patient_id, clock.now())
    keep, cause = Dealing(Fate.KEEP), Cause.PATIENT_DEACTIVATED
    async with taking_ground(session, actor, [patient_id], keep, cause, clock=clock) as taking:
        return await patients.change(session, actor, patient_id, profile, now=taking.now)


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
