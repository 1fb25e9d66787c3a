"""Writing, signing, amending and retracting records; each by its author alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, doctors, resources
from appointed.accounts.actor import Actor
from appointed.appointments.models import Appointment
from appointed.appointments.queries import visible_to as visible_visits
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import vault_of
from appointed.core.errors import AppError, Forbidden, Invalid, NotFound, VersionMismatch
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values
from appointed.patients import care, related

from . import queries
from .errors import Superseded
from .events import RecordReleased, RecordWritten
from .models import MedicalRecord
from .rules import RELEASED, Action, Status, check, check_releasable

Diagnosis = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a doctor writes. A diagnosis has `system`, `code` and `display`."""

    notes: str
    title: str | None = None
    diagnoses: Sequence[Diagnosis] = ()
    appointment_id: UUID | None = None
    status: Status = Status.FINAL


async def write(session: AsyncSession, actor: Actor, patient_id: UUID, draft: Draft, *, clock: Clock) -> MedicalRecord:
    """A new record; a patient whom the doctor does not treat is `NotFound`, like one who does not exist."""
    author_id = await _author_id(session, actor)
    await resources.lock(session, [patient_id])
    now = clock.now()
    if not await care.exists(session, actor, patient_id=patient_id, now=now):
        raise NotFound
    await _check_visit(session, actor, patient_id, draft.appointment_id)
    record = _add(session, draft, patient_id, author_id, now)
    _tell(session, actor, record, "record.write", now)
    return record


async def sign(
    session: AsyncSession, actor: Actor, record_id: UUID, *, version: int | None = None, clock: Clock
) -> MedicalRecord:
    """The record as `final`, for the patient to read; signing again changes nothing."""
    record, now = await _locked(session, actor, record_id, clock)
    if _next_of(record, Action.SIGN) == record.status:
        return record
    _check_version(record, version)
    record.status, record.signed_at = Status.FINAL, now
    record.version += 1
    _tell(session, actor, record, "record.sign", now)
    return record


async def amend(
    session: AsyncSession,
    actor: Actor,
    record_id: UUID,
    changes: Mapping[str, Any],
    *,
    version: int | None = None,
    clock: Clock,
) -> MedicalRecord:
    """The new version, signed; what `changes` (`notes`, `title`, `diagnoses`) leaves out is as it was."""
    old, now = await _locked(session, actor, record_id, clock)
    status = _next_of(old, Action.AMEND)
    _check_version(old, version)
    content = {"notes": old.notes, "title": old.title, "diagnoses": old.diagnoses} | dict(changes)
    draft = Draft(**content, appointment_id=old.appointment_id, status=status)
    record = _add(session, draft, old.patient_id, old.author_id, now, amends_id=old.id)
    await session.flush()
    old.amended_by_id = record.id
    old.version += 1
    _tell(session, actor, record, "record.amend", now)
    return record


async def retract(
    session: AsyncSession,
    actor: Actor,
    record_id: UUID,
    reason: str,
    *,
    version: int | None = None,
    clock: Clock,
) -> MedicalRecord:
    """The record as `entered-in-error`, and with it the versions that it replaced; retracting again changes nothing."""
    record, now = await _locked(session, actor, record_id, clock)
    if _next_of(record, Action.RETRACT) == record.status:
        return record
    _check_version(record, version)
    for each in await _with_earlier(session, record):
        each.status, each.retracted_at = Status.ENTERED_IN_ERROR, now
        each.version += 1
        each.retract_reason_sealed = vault_of(session).seal(each.__tablename__, "retract_reason", each.id, reason)
        _record(session, actor, each, "record.retract", now)
    return record


async def release(
    session: AsyncSession, actor: Actor, record_id: UUID, *, version: int | None = None, clock: Clock
) -> MedicalRecord:
    """Let the parents of a minor read the record who is otherwise private to them, and tell them; releasing again
    changes nothing. A version that replaces it is released anew, or not."""
    record, now = await _locked(session, actor, record_id, clock)
    _check_releasable(record)
    if record.released_to_guardians_at:
        return record
    _check_version(record, version)
    record.released_to_guardians_at = now
    record.version += 1
    _record(session, actor, record, "record.release", now)
    for user_id in await related.guardians_of(session, record.patient_id, actor.today) if actor.today else ():
        outbox.publish(session, RecordReleased(record.id, user_id), now)
    return record


async def withhold(
    session: AsyncSession, actor: Actor, record_id: UUID, *, version: int | None = None, clock: Clock
) -> MedicalRecord:
    """Undo `release`, of the record and of the versions that it replaced; withholding again changes nothing."""
    record, now = await _locked(session, actor, record_id, clock)
    _check_releasable(record)
    released = [each for each in await _with_earlier(session, record) if each.released_to_guardians_at]
    if not released:
        return record
    _check_version(record, version)
    for each in released:
        each.released_to_guardians_at = None
        each.version += 1
        _record(session, actor, each, "record.withhold", now)
    return record


async def _locked(session: AsyncSession, actor: Actor, record_id: UUID, clock: Clock) -> tuple[MedicalRecord, datetime]:
    """The actor's own record, read after the lock; `Forbidden` if they may read it but somebody else wrote it."""
    seen = await queries.get(session, actor, record_id, clock.now())
    await resources.lock(session, [seen.patient_id])
    now = clock.now()
    record = await queries.get(session, actor, record_id, now)
    if record.author_id != await _author_id(session, actor):
        raise Forbidden("Only its author changes a record.", patient_id=record.patient_id)
    return record, now


async def _author_id(session: AsyncSession, actor: Actor) -> UUID:
    doctor = await doctors.find_own(session, actor.user_id)
    if doctor is None:
        raise Forbidden
    return doctor.id


def _next_of(record: MedicalRecord, action: Action) -> Status:
    """The status that the action leads to, if nothing but its version stands against it."""
    try:
        return check(action, Status(record.status), is_superseded=record.amended_by_id is not None)
    except AppError as error:
        raise _about(record, error) from None


def _check_releasable(record: MedicalRecord) -> None:
    try:
        check_releasable(Status(record.status), is_superseded=record.amended_by_id is not None)
    except AppError as error:
        raise _about(record, error) from None


def _about(record: MedicalRecord, error: AppError) -> AppError:
    """The refusal, saying which patient it is about, and which version to change instead."""
    error.patient_id = record.patient_id
    if isinstance(error, Superseded):
        error.extra["amended_by_id"] = str(record.amended_by_id)
    return error


def _check_version(record: MedicalRecord, version: int | None) -> None:
    """Looked at last: what would be refused anyway is refused for its own reason (RFC 9110 section 13.2.1)."""
    if version not in (None, record.version):
        raise VersionMismatch(patient_id=record.patient_id)


async def _check_visit(session: AsyncSession, actor: Actor, patient_id: UUID, appointment_id: UUID | None) -> None:
    if appointment_id is None:
        return
    query = visible_visits(actor).where(Appointment.id == appointment_id, Appointment.patient_id == patient_id)
    if await session.scalar(query) is None:
        raise Invalid.field("appointment_id", "The patient has no such visit with you.", "unknown")


def _add(
    session: AsyncSession,
    draft: Draft,
    patient_id: UUID,
    author_id: UUID,
    now: datetime,
    *,
    amends_id: UUID | None = None,
) -> MedicalRecord:
    record_id = new_id()
    diagnoses = json.dumps([dict(each) for each in draft.diagnoses]) if draft.diagnoses else None
    sealed = sealed_values(vault_of(session), MedicalRecord.__tablename__, record_id, title=draft.title,
                           notes=draft.notes, diagnoses=diagnoses)  # fmt: skip
    record = MedicalRecord(id=record_id, patient_id=patient_id, author_id=author_id, version=1, status=draft.status,
                           appointment_id=draft.appointment_id, amends_id=amends_id, created_at=now,
                           signed_at=now if draft.status in RELEASED else None, **sealed)  # fmt: skip
    session.add(record)
    return record


async def _with_earlier(session: AsyncSession, record: MedicalRecord) -> list[MedicalRecord]:
    """The record and the versions before it, the latest first."""
    versions = [record]
    while earlier_id := versions[-1].amends_id:
        versions.append(await session.get_one(MedicalRecord, earlier_id))
    return versions


def _tell(session: AsyncSession, actor: Actor, record: MedicalRecord, action: str, now: datetime) -> None:
    """Leave the trail, and tell who is to know of what is new to read."""
    _record(session, actor, record, action, now)
    if record.status in RELEASED:
        outbox.publish(session, RecordWritten(record.id), now)


def _record(session: AsyncSession, actor: Actor, record: MedicalRecord, action: str, now: datetime) -> None:
    audit.record(session, now, actor.user_id, action, "record", record.id, patient_id=record.patient_id,
                 version=str(record.version))  # fmt: skip
