"""Entering, confirming, changing and ending that somebody looks after a patient; each behind the patient's lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit, resources
from appointed.accounts import queries as users
from appointed.accounts.actor import Actor, Permission, Role
from appointed.accounts.models import User
from appointed.accounts.rules import NO_PASSWORD
from appointed.core.clock import Clock
from appointed.core.errors import Forbidden, Invalid, NotFound, StartAgain
from appointed.core.ids import new_id

from . import queries, related
from .errors import AlreadyRelated, NoLogin, PatientErased, RelationEnded, TooManyRelated
from .models import Patient, RelatedPerson
from .rules import OF_MINORS

MOST = 20


@dataclass(frozen=True, slots=True)
class Whom:
    """The login that is to look after a patient: its id, or its address."""

    user_id: UUID | None = None
    email: str | None = None


async def add(
    session: AsyncSession, actor: Actor, patient_id: UUID, whom: Whom, terms: Mapping[str, Any], *, clock: Clock
) -> RelatedPerson:
    """By the desk: confirmed at once. By the patient: nothing but what they wrote, until the desk confirms it.

    `terms` has `relationship, may_book, may_read, valid_from, valid_until`. Whether a patient's address belongs to a
    login is not looked up before then, so that nothing about it can be learnt here: not from the answer, not later
    from the list, not from how long it took.
    """
    is_desk = actor.may(Permission.PATIENTS_REGISTER)
    if not is_desk and await queries.find_own_id(session, actor.user_id) != patient_id:
        raise NotFound
    if not is_desk and whom.user_id:
        raise Forbidden("Only the desk may set: user_id.", patient_id=patient_id)
    patient, now = await _locked(session, patient_id, clock)
    if patient.erased_at:
        raise PatientErased(patient_id=patient_id)
    relation = RelatedPerson(id=new_id(), patient_id=patient_id, email=whom.email, created_by=actor.user_id,
                             created_at=now, **terms)  # fmt: skip
    _check(relation, patient, actor)
    current = await related.open_of(session, patient_id)
    if whom.email and any(each.email == whom.email for each in current):
        raise AlreadyRelated(patient_id=patient_id)
    if len(current) >= MOST:
        raise TooManyRelated(patient_id=patient_id)
    if is_desk:
        user = await _login_of(session, whom)
        if user is None:
            raise Invalid.field("email" if whom.email else "user_id", "There is no such login.", "unknown")
        _check_new(user, patient, current)
        await _verify(session, actor, relation, user, now)
    session.add(relation)
    return await _done(session, actor, relation, "relation.add", now)


async def confirm(
    session: AsyncSession, actor: Actor, patient_id: UUID, relation_id: UUID, *, clock: Clock
) -> RelatedPerson:
    """From now on it counts; confirming again changes nothing. `NoLogin` if the address has none (yet)."""
    patient, now = await _locked(session, patient_id, clock)
    relation = await _open(session, actor, patient_id, relation_id)
    if relation.verified_at:
        return relation
    user = await _login_of(session, Whom(email=relation.email))
    if user is None:
        raise NoLogin(patient_id=patient_id)
    _check(relation, patient, actor)
    _check_new(user, patient, await related.open_of(session, patient_id))
    await _verify(session, actor, relation, user, now)
    return await _done(session, actor, relation, "relation.confirm", now)


async def change(
    session: AsyncSession,
    actor: Actor,
    patient_id: UUID,
    relation_id: UUID,
    terms: Mapping[str, Any],
    *,
    clock: Clock,
) -> RelatedPerson:
    """Change what `terms` holds."""
    patient, now = await _locked(session, patient_id, clock)
    relation = await _open(session, actor, patient_id, relation_id)
    for name, value in terms.items():
        setattr(relation, name, value)
    _check(relation, patient, actor)
    return await _done(session, actor, relation, "relation.change", now, fields=",".join(sorted(terms)))


async def end(session: AsyncSession, actor: Actor, patient_id: UUID, relation_id: UUID, *, clock: Clock) -> None:
    """By the desk or either side. It is kept; ending it again changes nothing."""
    await related.get(session, actor, patient_id, relation_id)
    _, now = await _locked(session, patient_id, clock)
    relation = await related.get(session, actor, patient_id, relation_id)
    if relation.ended_at is None:
        relation.ended_at = now
        await _done(session, actor, relation, "relation.end", now)


async def _locked(session: AsyncSession, patient_id: UUID, clock: Clock) -> tuple[Patient, datetime]:
    await resources.lock(session, [patient_id])
    patient = await session.get(Patient, patient_id, populate_existing=True)
    if patient is None:
        raise NotFound
    return patient, clock.now()


async def _open(session: AsyncSession, actor: Actor, patient_id: UUID, relation_id: UUID) -> RelatedPerson:
    relation = await related.get(session, actor, patient_id, relation_id)
    if relation.ended_at:
        raise RelationEnded(patient_id=patient_id)
    return relation


async def _login_of(session: AsyncSession, whom: Whom) -> User | None:
    """Somebody who can log in: a machine, which cannot, looks after nobody."""
    user = await session.get(User, whom.user_id) if whom.user_id else None
    if whom.email:
        user = await users.find_by_email(session, whom.email)
    return user if user and user.is_active and user.password_hash != NO_PASSWORD else None


def _check_new(user: User, patient: Patient, current: Sequence[RelatedPerson]) -> None:
    if user.id == patient.user_id:
        raise Invalid.field("email", "This is the patient's own login.", "own_login")
    if any(each.user_id == user.id for each in current):
        raise AlreadyRelated(patient_id=patient.id)


async def _verify(session: AsyncSession, actor: Actor, relation: RelatedPerson, user: User, now: datetime) -> None:
    """The desk knows who they are. Staff can look after somebody too, and for that need a patient's role."""
    relation.user_id, relation.verified_by, relation.verified_at = user.id, actor.user_id, now
    await accounts.grant(session, user.id, Role.PATIENT, by=actor.user_id, now=now)
    # Known by now behind their lock: they may have been erased, or disabled, since they were looked for.
    if not user.is_active:
        raise StartAgain


def _check(relation: RelatedPerson, patient: Patient, actor: Actor) -> None:
    if not (relation.may_book or relation.may_read):
        raise Invalid.field("may_book", "Say what they may do: book, read, or both.", "nothing_allowed")
    if relation.valid_from and relation.valid_until and relation.valid_until < relation.valid_from:
        raise Invalid.field("valid_until", "The last day must not lie before the first.")
    if relation.relationship in OF_MINORS:
        if patient.birth_date is None:
            raise Invalid.field("relationship", "The patient's day of birth is not known.", "birth_date_unknown")
        if actor.today and patient.birth_date <= actor.today.of_age_born:
            raise Invalid.field("relationship", "The patient is of age. Who cares for an adult is a carer.", "of_age")


async def _done(
    session: AsyncSession, actor: Actor, relation: RelatedPerson, action: str, now: datetime, **detail: str
) -> RelatedPerson:
    await session.flush()
    audit.record(session, now, actor.user_id, action, "related_person", relation.id, patient_id=relation.patient_id,
                 **detail)  # fmt: skip
    await session.refresh(relation, ["user"])
    return relation
