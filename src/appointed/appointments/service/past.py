"""What happened to a visit, from its booking on, and what of it whom may read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Permission, Role
from appointed.accounts.queries import roles_by_user
from appointed.appointments import queries
from appointed.appointments.models import Appointment
from appointed.patients.models import Patient

STAFF = frozenset({Role.NURSE, Role.RECEPTIONIST, Role.ADMIN})


class By(StrEnum):
    """Who changed something: `related` acts for the patient, `clock` is nobody."""

    PATIENT = "patient"
    RELATED = "related"
    DOCTOR = "doctor"
    STAFF = "staff"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Stand:
    """How the visit stood."""

    status: str
    starts_at: datetime
    ends_at: datetime
    doctor_id: UUID
    location_id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """A change, with how the visit stood before it and after; the booking has no before."""

    version: int
    action: str
    changed_at: datetime
    by: By
    changed_by: UUID | None
    before: Stand | None
    after: Stand
    code: str | None
    note: str | None


async def history(session: AsyncSession, actor: Actor, visit: Appointment) -> list[Entry]:
    """Oldest first. Patients, and who looks after them, read who of the staff it was, and why, as little as whose phone
    rang at the desk; so do doctors of visits that are not theirs as doctors."""
    entries = await _entries(session, visit)
    if actor.may(Permission.APPOINTMENTS_ALL) or await queries.is_attended_by(session, actor, visit):
        return entries
    return [e if e.changed_by == actor.user_id else replace(e, changed_by=None, note=None) for e in entries]


async def _entries(session: AsyncSession, visit: Appointment) -> list[Entry]:
    changes = await queries.changes_of(session, visit.id)
    stands = [
        Stand(c.status_before, c.starts_at_before, c.ends_at_before, c.doctor_id_before, c.location_id_before)
        for c in changes
    ]
    stands.append(Stand(visit.status, visit.starts_at, visit.ends_at, visit.doctor_id, visit.location_id))
    who = await _who(session, visit, {visit.booked_by, *(c.changed_by for c in changes if c.changed_by)})
    booked = Entry(1, "fit-in" if visit.is_extra else "book", visit.created_at, who[visit.booked_by], visit.booked_by,
                   None, stands[0], None, None)  # fmt: skip
    return [booked] + [
        Entry(c.version, c.action, c.changed_at, who[c.changed_by] if c.changed_by else By.CLOCK, c.changed_by, before,
              after, c.code, c.note)
        for c, (before, after) in zip(changes, pairwise(stands), strict=True)
    ]  # fmt: skip


async def _who(session: AsyncSession, visit: Appointment, user_ids: Collection[UUID]) -> Mapping[UUID, By]:
    patient = await session.get(Patient, visit.patient_id)
    roles = await roles_by_user(session, user_ids)
    return {user_id: _kind_of(user_id, roles.get(user_id, ()), patient) for user_id in user_ids}


def _kind_of(user_id: UUID, roles: Sequence[str], patient: Patient | None) -> By:
    if patient is not None and patient.user_id == user_id:
        return By.PATIENT
    if STAFF.intersection(roles):
        return By.STAFF
    if Role.DOCTOR in roles:
        return By.DOCTOR
    # Who has no role any more was staff: a patient's login keeps its own.
    return By.RELATED if Role.PATIENT in roles else By.STAFF
