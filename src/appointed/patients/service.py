"""Registering, changing, deactivating and inviting patients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit, resources
from appointed.accounts import links
from appointed.accounts.actor import Actor, Permission, Role
from appointed.core import outbox
from appointed.core.crypto import Vault
from appointed.core.db import changed, constraint_of, vault_of
from appointed.core.errors import Forbidden, Invalid, NotFound, StartAgain
from appointed.core.ids import new_id
from appointed.core.names import search_key
from appointed.core.sealing import sealed_values

from . import queries, related
from .codes import new_record_number
from .errors import AlreadyJoined, InvitationSpent, NoAddress, PatientErased
from .events import PatientInvited, PatientRegistered
from .models import Invitation, Patient
from .rules import OF_MINORS

INVITATION_LASTS = timedelta(days=7)
SEALED = ("contact_email", "phone", "address", "emergency_contact", "insurance_number")


@dataclass(frozen=True, slots=True)
class Login:
    """What a patient will log in with; the password is hashed before the transaction begins."""

    email: str
    password_hash: str


async def register(
    session: AsyncSession,
    actor: Actor | None,
    profile: Mapping[str, Any],
    *,
    login: Login | None,
    now: datetime,
    new_number: Callable[[], str] = new_record_number,
) -> Patient:
    """A new patient, with a login or (by the desk) without. `profile` has the attributes of `Patient` as plain text."""
    by = actor.user_id if actor else None
    is_desk = actor is not None and actor.may(Permission.PATIENTS_REGISTER)
    if login is None and not is_desk:
        raise Invalid.field("email", "E-mail and password are required to register.", "missing")
    if login is None and not profile.get("birth_date"):
        raise Invalid.field("birth_date", "A patient without a login needs a birth date.", "missing")
    _check_birth(profile, now)
    user = None
    if login:
        user = await accounts.create(session, email=login.email, password_hash=login.password_hash,
                                     display_name=f"{profile['first_name']} {profile['last_name']}",
                                     roles=[Role.PATIENT], by=by, now=now)  # fmt: skip
        # The welcome goes to the contact address, if there is one; the link goes to nobody but the user.
        links.welcome(session, user, now, is_mailed=profile.get("contact_email") not in (None, user.email))
    patient_id = new_id()
    resources.add(session, patient_id, "patient")
    await session.flush()
    patient = Patient(id=patient_id, user_id=user.id if user else None, record_number=new_number(), is_active=True,
                      created_at=now)  # fmt: skip
    _apply(patient, profile, vault_of(session))
    await _insert(session, patient)
    audit.record(session, now, by or patient.user_id, "patient.register", "patient", patient_id, patient_id=patient_id)
    outbox.publish(session, PatientRegistered(patient_id), now)
    return patient


async def _insert(session: AsyncSession, patient: Patient) -> None:
    session.add(patient)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_patients_record_number":
            raise StartAgain from None
        raise


async def change(
    session: AsyncSession, actor: Actor, patient_id: UUID, profile: Mapping[str, Any], *, now: datetime
) -> Patient:
    """Change what `profile` holds; None clears. Only the desk makes somebody active again."""
    if "is_active" in profile and not actor.may(Permission.PATIENTS_ALL):
        raise Forbidden
    if profile.get("is_active") is False:
        raise Invalid.field("is_active", "Deactivate with DELETE, which asks what becomes of the visits.")
    _check_birth(profile, now)
    await queries.get_for_change(session, actor, patient_id, now)
    await resources.lock(session, [patient_id])
    patient = await session.get(Patient, patient_id, populate_existing=True)
    if patient is None:
        raise NotFound
    _check_known(patient)
    if profile.get("birth_date", patient.birth_date) != patient.birth_date and not actor.may(Permission.PATIENTS_ALL):
        await _check_unguarded(session, patient)
    if profile.get("is_active") and not patient.is_active and patient.user_id:
        await accounts.resume(session, patient.user_id, Role.PATIENT, by=actor.user_id, now=now)
    _apply(patient, profile, vault_of(session))
    await session.flush()
    audit.record(session, now, actor.user_id, "patient.change", "patient", patient_id, patient_id=patient_id,
                 fields=",".join(sorted(profile)))  # fmt: skip
    return patient


async def deactivate(session: AsyncSession, actor: Actor, patient: Patient, now: datetime) -> None:
    """The patient, whose row is locked, books no more and logs in no more. What was written about them stays."""
    patient.is_active = False
    if patient.user_id:
        await accounts.suspend(session, patient.user_id, Role.PATIENT, by=actor.user_id, now=now)
    audit.record(session, now, actor.user_id, "patient.deactivate", "patient", patient.id, patient_id=patient.id)


async def invite(session: AsyncSession, actor: Actor, patient_id: UUID, email: str | None, now: datetime) -> Invitation:
    """Mail a link that joins a login to a patient who has none."""
    await queries.get(session, actor, patient_id, now)
    await resources.lock(session, [patient_id])
    patient = await session.get_one(Patient, patient_id, populate_existing=True)
    _check_known(patient)
    if patient.user_id:
        raise AlreadyJoined
    address = email or patient.contact_email
    if address is None:
        raise NoAddress
    invitation = Invitation(id=new_id(), patient_id=patient_id, email=address, created_at=now,
                            expires_at=now + INVITATION_LASTS)  # fmt: skip
    session.add(invitation)
    audit.record(session, now, actor.user_id, "patient.invite", "patient", patient_id, patient_id=patient_id)
    outbox.publish(session, PatientInvited(invitation.id), now)
    return invitation


async def join(session: AsyncSession, invitation_id: UUID, password_hash: str, now: datetime) -> Patient:
    """Make the invited address a login of the patient. The link works once."""
    invitation = await session.get(Invitation, invitation_id)
    if invitation is None:
        raise InvitationSpent
    # The patient first, as by whoever erases them: that deletes the invitation behind the same lock.
    await resources.lock(session, [invitation.patient_id])
    claimed = await session.execute(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(used_at=now)
    )
    patient = await session.get_one(Patient, invitation.patient_id, populate_existing=True)
    is_claimed = changed(claimed) > 0
    if not is_claimed or patient.user_id or not patient.is_active:
        raise InvitationSpent
    user = await accounts.create(session, email=invitation.email, password_hash=password_hash,
                                 display_name=patient.name, roles=[Role.PATIENT], by=None, now=now)  # fmt: skip
    # Whoever has the link has the mailbox.
    user.email_verified_at = now
    patient.user_id = user.id
    audit.record(session, now, user.id, "patient.join", "patient", patient.id, patient_id=patient.id)
    return patient


def _check_known(patient: Patient) -> None:
    if patient.erased_at:
        raise PatientErased(patient_id=patient.id)


async def _check_unguarded(session: AsyncSession, patient: Patient) -> None:
    """What a parent or guardian may hangs on the day of birth, so who has one does not choose it."""
    current = await related.open_of(session, patient.id)
    if any(each.relationship in OF_MINORS and each.verified_at for each in current):
        raise Forbidden("Of whom a parent or guardian looks after, the desk changes the day of birth.",
                        patient_id=patient.id)  # fmt: skip


def _check_birth(profile: Mapping[str, Any], now: datetime) -> None:
    """Nobody is born tomorrow; and where tomorrow has begun, it is at most a day ahead."""
    birth_date = profile.get("birth_date")
    if birth_date and birth_date > (now + timedelta(days=1)).date():
        raise Invalid.field("birth_date", "This day is yet to come.")


def _apply(patient: Patient, profile: Mapping[str, Any], vault: Vault) -> None:
    plain = {name: value for name, value in profile.items() if name not in SEALED}
    texts = {name: value for name, value in profile.items() if name in SEALED}
    columns = plain | sealed_values(vault, "patients", patient.id, **texts)
    if "first_name" in plain:
        columns["first_name_key"] = search_key(plain["first_name"])
    if "last_name" in plain:
        columns["last_name_key"] = search_key(plain["last_name"])
    for name, value in columns.items():
        setattr(patient, name, value)
