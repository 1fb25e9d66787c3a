"""Finding patients, each within what the actor may see."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Permission
from appointed.accounts.models import User
from appointed.core.crypto import Vault
from appointed.core.db import vault_of
from appointed.core.errors import Forbidden, NotFound
from appointed.core.names import prefix_pattern
from appointed.core.paging import Page, page_of
from appointed.core.text import normalised_email

from . import care, related
from .codes import phone_keys, plain_number
from .models import Invitation, Patient

LEAST_DIGITS = 6
# Asked for every booking, so put together once.
_OWN_ID = select(Patient.id).where(Patient.user_id == bindparam("user"))


def visible_to(actor: Actor, now: datetime) -> Select[Patient]:
    """All for the desk, those with a visit for nurses, those they treat for doctors, and those of their places where
    these share records; themselves, and whom they look after and may read, for patients."""
    if actor.may(Permission.PATIENTS_ALL):
        return select(Patient)
    reaches: list[ColumnElement[bool]] = [false()]
    if actor.may(Permission.PATIENTS_OWN):
        reaches.append(Patient.id.in_(related.reached_by(actor, related.MAY_READ)))
    if actor.may(Permission.PATIENTS_VISITING):
        reaches.append(Patient.id.in_(care.treated(now)))
    elif actor.may(Permission.PATIENTS_TREATED):
        reaches.append(Patient.id.in_(care.treated_by(actor, now)))
    if actor.may(Permission.RECORDS_LOCATION):
        reaches.append(care.is_shared(actor, Patient.id, now))
    return select(Patient).where(or_(*reaches))


async def get(session: AsyncSession, actor: Actor, patient_id: UUID, now: datetime) -> Patient:
    patient = await session.scalar(visible_to(actor, now).where(Patient.id == patient_id))
    if patient is None:
        raise NotFound
    return patient


async def get_for_change(session: AsyncSession, actor: Actor, patient_id: UUID, now: datetime) -> Patient:
    """`Forbidden` for whoever sees the patient for another reason than being the patient or the desk."""
    patient = await get(session, actor, patient_id, now)
    if not actor.may(Permission.PATIENTS_ALL) and patient.user_id != actor.user_id:
        raise Forbidden(patient_id=patient_id)
    return patient


async def find_own_id(session: AsyncSession, user_id: UUID) -> UUID | None:
    """The id of the patient that the user is."""
    found: UUID | None = await session.scalar(_OWN_ID, {"user": user_id})
    return found


async def find_own(session: AsyncSession, user_id: UUID) -> Patient | None:
    """The patient that the user is."""
    found: Patient | None = await session.scalar(select(Patient).where(Patient.user_id == user_id))
    return found


async def find_invited(session: AsyncSession, invitation_id: UUID, now: datetime) -> Sequence[str | None] | None:
    """The address and the names of who may accept the invitation; None if nobody may any more."""
    query = select(Invitation.email, Patient.first_name, Patient.last_name, Patient.preferred_name)
    row = (
        await session.execute(
            query.join(Patient, Patient.id == Invitation.patient_id).where(
                Invitation.id == invitation_id, Invitation.used_at.is_(None), Invitation.expires_at > now
            )
        )
    ).one_or_none()
    return tuple(row) if row else None


async def page(
    session: AsyncSession,
    actor: Actor,
    q: str,
    now: datetime,
    *,
    limit: int,
    cursor: str | None,
    is_active: bool | None,
) -> Page[Patient]:
    """By name. Every word of `q` must fit: the beginning of a word of the name, a birth date, a phone number or its
    last four digits, an e-mail address, an insurance number or a record number. Numbers may have spaces in them."""
    query = visible_to(actor, now)
    if is_active is not None:
        query = query.where(Patient.is_active == is_active)
    if words := q.split():
        vault = vault_of(session)
        every = and_(*(_fit(list(run), vault) for _, run in groupby(words, _is_of_a_number)))
        query = query.where(or_(every, _has_insurance_number(q, vault)))
    return await page_of(session, query, [Patient.last_name_key, Patient.id], limit=limit, cursor=cursor)


def _is_of_a_number(word: str) -> bool:
    """Whether the word may be a piece of a phone number that is written with spaces."""
    return re.fullmatch(r"\+?[0-9()/.\-]+", word) is not None and _day_of(word) is None


def _fit(words: list[str], vault: Vault) -> ColumnElement[bool]:
    """Each of the words fits, or all of them are one number."""
    each = and_(*(_fits(word, vault) for word in words))
    return or_(each, _fits("".join(words), vault)) if len(words) > 1 and _is_of_a_number(words[0]) else each


def _fits(word: str, vault: Vault) -> ColumnElement[bool]:
    if "@" in word:
        email = normalised_email(word)
        is_contact = Patient.contact_email_index.in_(vault.blinds("contact_email", email))
        return or_(is_contact, Patient.user_id.in_(select(User.id).where(User.email == email)))
    if day := _day_of(word):
        return Patient.birth_date == day
    either = [Patient.record_number == word.upper(), _has_insurance_number(word, vault)]
    if re.fullmatch(r"\d{4}", word):
        either.append(Patient.phone_last4_index.in_(vault.blinds("phone_last4", word)))
    elif _is_of_a_number(word) and len(re.sub(r"\D", "", word)) >= LEAST_DIGITS:
        hashes = [hash_ for key in phone_keys(word) for hash_ in vault.blinds("phone", key)]
        either.append(Patient.phone_index.in_(hashes))
    if not word.isdigit():
        begins = prefix_pattern(word)
        either += [key.like(pattern, escape="\\") for key in (Patient.last_name_key, Patient.first_name_key)
                   for pattern in (begins, f"% {begins}")]  # fmt: skip
    return or_(*either)


def _has_insurance_number(number: str, vault: Vault) -> ColumnElement[bool]:
    plain = plain_number(number)
    return Patient.insurance_number_index.in_(vault.blinds("insurance_number", plain)) if plain else false()


def _day_of(word: str) -> date | None:
    try:
        return date.fromisoformat(word) if re.fullmatch(r"\d{4}-\d\d-\d\d", word) else None
    except ValueError:
        return None
