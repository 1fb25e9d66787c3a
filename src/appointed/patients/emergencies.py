"""Opening the record of a patient whom one does not treat, in an emergency: with a reason, for a while, and looked at
afterwards."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.core import outbox
from appointed.core.db import vault_of
from appointed.core.errors import NotFound
from appointed.core.ids import new_id
from appointed.core.names import search_key
from appointed.core.paging import Page, page_of

from . import care
from .errors import AlreadyTreated
from .events import EmergencyAccessOpened
from .models import EmergencyAccess, Patient


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is meant: an id, a record number, or a whole name and a birth date."""

    patient_id: UUID | None = None
    record_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    birth_date: date | None = None


async def open_record(
    session: AsyncSession, actor: Actor, sought: Sought, reason: str, *, lasting: timedelta,
    told_after: timedelta | None, now: datetime,
) -> EmergencyAccess:  # fmt: skip
    """The patient's record, for the actor to read and to write until it closes; the patient is told after a while, or
    with `told_after` None never. `NotFound` unless exactly one patient is meant; `AlreadyTreated` where none of it is
    needed."""
    patient_id = await _find(session, sought)
    if await care.exists(session, actor, patient_id=patient_id, now=now):
        raise AlreadyTreated(patient_id=patient_id)
    access_id = new_id()
    access = EmergencyAccess(
        id=access_id, user_id=actor.user_id, patient_id=patient_id, opened_at=now, closes_at=now + lasting,
        reason_sealed=vault_of(session).seal("emergency_accesses", "reason", access_id, reason),
    )  # fmt: skip
    session.add(access)
    if told_after is not None:
        outbox.publish(session, EmergencyAccessOpened(access_id), now, due_at=now + told_after)
    audit.record(session, now, actor.user_id, "emergency-access.open", "emergency-access", access_id,
                 patient_id=patient_id)  # fmt: skip
    return access


async def review(session: AsyncSession, actor: Actor, access_id: UUID, note: str, *, now: datetime) -> EmergencyAccess:
    """What an auditor found; the last word counts."""
    access = await session.get(EmergencyAccess, access_id, with_for_update=True, populate_existing=True)
    if access is None:
        raise NotFound
    access.reviewed_at, access.reviewed_by = now, actor.user_id
    access.note_sealed = vault_of(session).seal("emergency_accesses", "note", access_id, note)
    audit.record(session, now, actor.user_id, "emergency-access.review", "emergency-access", access_id,
                 patient_id=access.patient_id)  # fmt: skip
    return access


async def page(
    session: AsyncSession, *, is_reviewed: bool | None, limit: int, cursor: str | None
) -> Page[EmergencyAccess]:
    """Oldest first."""
    query = select(EmergencyAccess)
    if is_reviewed is not None:
        reviewed = EmergencyAccess.reviewed_at
        query = query.where(reviewed.is_not(None) if is_reviewed else reviewed.is_(None))
    return await page_of(session, query, [EmergencyAccess.id], limit=limit, cursor=cursor)


async def _find(session: AsyncSession, sought: Sought) -> UUID:
    # Of whom nothing is kept any more there is nothing to open, and what was written then would be kept for ever.
    query = select(Patient.id).where(Patient.purged_at.is_(None))
    if sought.patient_id is not None:
        query = query.where(Patient.id == sought.patient_id)
    elif sought.record_number is not None:
        query = query.where(Patient.record_number == sought.record_number.upper())
    else:
        query = query.where(
            Patient.last_name_key == search_key(sought.last_name or ""),
            Patient.first_name_key == search_key(sought.first_name or ""),
            Patient.birth_date == sought.birth_date,
        )
    found = (await session.scalars(query.limit(2))).all()
    if len(found) != 1:
        raise NotFound
    return found[0]
