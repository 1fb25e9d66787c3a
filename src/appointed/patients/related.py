"""Who looks after whom: what of it is in force, and which patients a login therefore reaches.

Who may read sees the profile, the visits and the records; who may book sees the visits and books, moves and cancels
them. Where minors of some age are private, their parents and guardians see of the records what was released to them.
Whatever is not confirmed, not yet begun, over or ended reaches nobody: the patient is then as good as missing.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from appointed.accounts.actor import Actor, Permission, Today
from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of

from .models import Patient, RelatedPerson
from .rules import OF_MINORS

MAY_READ = RelatedPerson.may_read.is_(True)
MAY_BOOK = RelatedPerson.may_book.is_(True)


def may_read_all(actor: Actor) -> ColumnElement[bool]:
    """The right to read whatever there is about the patient; a parent or guardian lacks it where a minor is private."""
    private_born = actor.today.private_born if actor.today else None
    if private_born is None:
        return MAY_READ
    return and_(MAY_READ, or_(RelatedPerson.relationship.not_in(OF_MINORS), Patient.birth_date > private_born))


async def private_from(session: AsyncSession, actor: Actor) -> frozenset[UUID]:
    """The minors of whom the actor, as a parent or guardian, is not to read everything."""
    if actor.today is None or actor.today.private_born is None or not actor.may(Permission.PATIENTS_OWN):
        return frozenset()
    theirs = _in_force(actor, select(RelatedPerson.patient_id))
    is_guarded = (RelatedPerson.relationship.in_(OF_MINORS), is_private(actor.today))
    return frozenset(await session.scalars(theirs.where(*is_guarded)))


def kept_from(actor: Actor) -> Select[UUID]:
    """The ids of the minors who are private and of whom the actor is a parent or guardian, in whatever they ask for."""
    query = select(RelatedPerson.patient_id)
    if actor.today is None:
        return query.where(false())
    theirs = (RelatedPerson.user_id == actor.user_id, RelatedPerson.relationship.in_(OF_MINORS))
    kept: Select[UUID] = _counting(query, actor.today).where(*theirs, is_private(actor.today))
    return kept


def is_private(today: Today) -> ColumnElement[bool]:
    """Whether a patient is a minor who is old enough for records that parents and guardians do not read."""
    if today.private_born is None:
        return false()
    return and_(Patient.birth_date > today.of_age_born, Patient.birth_date <= today.private_born)


async def guardians_of(session: AsyncSession, patient_id: UUID, today: Today) -> Sequence[UUID]:
    """The logins of the parents and guardians who read today what is released to them of a minor who is private."""
    query = select(RelatedPerson.user_id).where(RelatedPerson.patient_id == patient_id, MAY_READ, is_private(today),
                                                RelatedPerson.relationship.in_(OF_MINORS))  # fmt: skip
    return (await session.scalars(_counting(query, today).order_by(RelatedPerson.user_id))).all()


def reached_by(actor: Actor, right: ColumnElement[bool] | None = None) -> Select[UUID]:
    """The ids of the patients whom the actor is, or with this `right` (`MAY_READ`, `MAY_BOOK`; None: either) looks
    after. A derived table, because no database finds an index through OR, nor MySQL through IN of a UNION."""
    own = select(Patient.id).where(Patient.user_id == actor.user_id)
    others = _in_force(actor, select(RelatedPerson.patient_id))
    both = union_all(own, others if right is None else others.where(right)).subquery()
    return select(both.c.id)


async def reaches(session: AsyncSession, actor: Actor, patient_id: UUID, right: ColumnElement[bool]) -> bool:
    """Whether the patient is one of those of `reached_by`."""
    query = select(Patient.id).where(Patient.id == patient_id, Patient.id.in_(reached_by(actor, right)))
    return await session.scalar(query) is not None


async def bookable_by(session: AsyncSession, actor: Actor, patient_id: UUID) -> bool:
    """Whether the actor looks after the patient and may book for them."""
    query = _in_force(actor, select(RelatedPerson.id)).where(RelatedPerson.patient_id == patient_id, MAY_BOOK)
    return await session.scalar(query.limit(1)) is not None


async def bookable_among(session: AsyncSession, actor: Actor, patient_ids: Collection[UUID]) -> set[UUID]:
    """For whom of the patients the actor may book, because they look after them."""
    query = _in_force(actor, select(RelatedPerson.patient_id))
    return set(await session.scalars(query.where(RelatedPerson.patient_id.in_(patient_ids), MAY_BOOK)))


async def looked_after(session: AsyncSession, actor: Actor) -> Sequence[tuple[RelatedPerson, Patient]]:
    """Whom the actor looks after today."""
    query = _in_force(actor, select(RelatedPerson, Patient)).order_by(RelatedPerson.id)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


def _in_force(actor: Actor, query: Any) -> Any:
    """What concerns the actor and counts today, by the clinic's calendar. Without a day of birth nobody is a minor."""
    if actor.today is None or not actor.may(Permission.PATIENTS_OWN):
        return query.join(Patient, Patient.id == RelatedPerson.patient_id).where(false())
    return _counting(query, actor.today).where(RelatedPerson.user_id == actor.user_id)


def _counting(query: Any, today: Today) -> Any:
    return query.join(Patient, Patient.id == RelatedPerson.patient_id).where(
        RelatedPerson.verified_at.is_not(None),
        RelatedPerson.ended_at.is_(None),
        or_(RelatedPerson.valid_from.is_(None), RelatedPerson.valid_from <= today.day),
        or_(RelatedPerson.valid_until.is_(None), RelatedPerson.valid_until >= today.day),
        or_(RelatedPerson.relationship.not_in(OF_MINORS), Patient.birth_date > today.of_age_born),
    )


def visible_to(actor: Actor) -> Select[RelatedPerson]:
    """All for the desk, a patient's own for the patient, and and for who looks after somebody that alone."""
    query = select(RelatedPerson).options(joinedload(RelatedPerson.user)).execution_options(populate_existing=True)
    if actor.may(Permission.PATIENTS_ALL):
        return query
    own = select(Patient.id).where(Patient.user_id == actor.user_id)
    mine = _in_force(actor, select(RelatedPerson.id)).correlate(None)
    return query.where(or_(RelatedPerson.patient_id.in_(own), RelatedPerson.id.in_(mine)))


async def get(session: AsyncSession, actor: Actor, patient_id: UUID, relation_id: UUID) -> RelatedPerson:
    """As it is in the database now."""
    found = await session.scalar(
        visible_to(actor).where(RelatedPerson.id == relation_id, RelatedPerson.patient_id == patient_id)
    )
    if found is None:
        raise NotFound
    return found


async def page(
    session: AsyncSession, actor: Actor, patient_id: UUID, *, limit: int, cursor: str | None
) -> Page[RelatedPerson]:
    """Oldest first; `NotFound` for who neither is the patient nor looks after them."""
    query = visible_to(actor).where(RelatedPerson.patient_id == patient_id)
    found: Page[RelatedPerson] = await page_of(session, query, [RelatedPerson.id], limit=limit, cursor=cursor)
    if not found.items:
        patient = await session.get(Patient, patient_id)
        if patient is None or not (actor.may(Permission.PATIENTS_ALL) or patient.user_id == actor.user_id):
            raise NotFound
    return found


async def open_of(session: AsyncSession, patient_id: UUID) -> Sequence[RelatedPerson]:
    """What has not been ended, confirmed or not."""
    query = select(RelatedPerson).where(RelatedPerson.patient_id == patient_id, RelatedPerson.ended_at.is_(None))
    return (await session.scalars(query.execution_options(populate_existing=True))).all()
