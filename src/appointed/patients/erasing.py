"""Leaving nothing of a person in their patient's row and around it, but a pseudonym under which records are kept."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit
from appointed.accounts import queries as users
from appointed.accounts.actor import Actor, Role
from appointed.core.names import search_key

from .models import Invitation, Patient, RelatedPerson

FIRST_NAME, LAST_NAME = "Erased", "Patient"
# Of older people the year of birth alone may say who they are (45 CFR 164.514 (b)(2)(i)(C)).
OLDEST = 89
_GONE = (
    "user_id", "preferred_name", "preferred_language", "contact_email_sealed", "contact_email_index",
    "phone_sealed", "phone_index",
    "phone_last4_index", "address_sealed", "emergency_contact_sealed", "insurance_provider", "insurance_number_sealed",
    "insurance_number_index", "erasure_asked_at",
)  # fmt: skip


async def erase(session: AsyncSession, actor: Actor, patient: Patient, reason: str, *, now: datetime) -> None:
    """Of the patient, whose row is locked. The record number, the sex and the year of birth stay, as the records do."""
    user_id, addresses = patient.user_id, await addresses_of(session, patient)
    for name in _GONE:
        setattr(patient, name, None)
    patient.first_name, patient.last_name = FIRST_NAME, LAST_NAME
    patient.first_name_key, patient.last_name_key = search_key(FIRST_NAME), search_key(LAST_NAME)
    patient.birth_date = year_of(patient.birth_date, now.date())
    patient.is_active, patient.erased_at = False, now
    await session.flush()
    await session.execute(
        delete(Invitation).where(or_(Invitation.patient_id == patient.id, Invitation.email.in_(addresses)))
    )
    await session.execute(delete(RelatedPerson).where(RelatedPerson.patient_id == patient.id))
    if user_id:
        await _erase_login(session, actor, user_id, addresses, now)
    audit.record(session, now, actor.user_id, "patient.erase", "patient", patient.id, patient_id=patient.id,
                 reason=reason)  # fmt: skip


async def addresses_of(session: AsyncSession, patient: Patient) -> set[str]:
    """Where the patient is written to."""
    login = (await users.get(session, patient.user_id)).email if patient.user_id else None
    return {address for address in (patient.contact_email, login) if address}


async def _erase_login(session: AsyncSession, actor: Actor, user_id: UUID, addresses: set[str], now: datetime) -> None:
    """Who works at the clinic too stays what else they are, and whom they look after."""
    user = await users.get(session, user_id)
    if user.roles != [Role.PATIENT]:
        await accounts.suspend(session, user_id, Role.PATIENT, by=actor.user_id, now=now)
        return
    named = (RelatedPerson.user_id.is_(None), RelatedPerson.email.in_(addresses))
    await session.execute(delete(RelatedPerson).where(*named))
    theirs = RelatedPerson.user_id == user_id
    await session.execute(update(RelatedPerson).where(theirs).values(email=None))
    await session.execute(update(RelatedPerson).where(theirs, RelatedPerson.ended_at.is_(None)).values(ended_at=now))
    await accounts.erase(session, user_id, by=actor.user_id, now=now)


def year_of(birth_date: date | None, today: date) -> date | None:
    """The first day of the year of birth; None of who is so old that few are."""
    if birth_date is None or today.year - birth_date.year > OLDEST:
        return None
    return birth_date.replace(month=1, day=1)
