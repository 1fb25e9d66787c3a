"""What is held on a patient, table by table, within what the actor may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Table, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Permission
from appointed.accounts.factors.models import Passkey
from appointed.accounts.models import LoginSession, User, UserRole
from appointed.appointments.models import Appointment, AppointmentChange, Participant, Series
from appointed.audit import DONE
from appointed.audit.models import AuditEvent
from appointed.core.crypto import Vault
from appointed.core.db import vault_of
from appointed.core.errors import Forbidden
from appointed.core.types import Digest, SealedBytes
from appointed.patients import queries as patients
from appointed.patients.models import CareRelation, Invitation, Patient, RelatedPerson
from appointed.records import queries as records
from appointed.records.models import MedicalRecord

# Hashes and keys that stand for what is there beside them, or for nothing outside this database.
LEFT_OUT = frozenset({"password_hash", "credential_id", "public_key", "first_name_key", "last_name_key"})
_SUFFIX = "_sealed"


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the archive: the rows of a table that are about the patient."""

    name: str
    table: Table
    query: Select[Any]


async def get(session: AsyncSession, actor: Actor, patient_id: Any, now: datetime) -> Patient:
    """`Forbidden` for whoever sees the patient, and is neither the patient nor allowed to hand out their data."""
    patient = await patients.get(session, actor, patient_id, now)
    if patient.user_id != actor.user_id and not actor.may(Permission.PATIENTS_EXPORT):
        raise Forbidden(patient_id=patient_id)
    return patient


def parts_of(actor: Actor, patient: Patient, now: datetime) -> list[Part]:
    """Every part; of medical records those that the actor may read, and the trail for the patient alone."""
    login = patient.user_id
    visits = select(Appointment.id).where(Appointment.patient_id == patient.id)
    visible = records.visible_to(actor, now).where(MedicalRecord.patient_id == patient.id)
    return [
        _part("profile", Patient, Patient.id == patient.id),
        _part("login", User, User.id == login if login else false()),
        _part("roles", UserRole, UserRole.user_id == login if login else false()),
        _part("sessions", LoginSession, LoginSession.user_id == login if login else false()),
        _part("passkeys", Passkey, Passkey.user_id == login if login else false()),
        _part("visits", Appointment, Appointment.patient_id == patient.id),
        _part("visit-changes", AppointmentChange, AppointmentChange.appointment_id.in_(visits)),
        _part("visit-participants", Participant, Participant.appointment_id.in_(visits)),
        _part("series", Series, Series.patient_id == patient.id),
        _part("treated-by", CareRelation, CareRelation.patient_id == patient.id),
        _part("related-people", RelatedPerson, or_(RelatedPerson.patient_id == patient.id,
                                                   RelatedPerson.user_id == login if login else false())),
        _part("invitations", Invitation, Invitation.patient_id == patient.id),
        _part("medical-records", MedicalRecord, MedicalRecord.id.in_(visible.with_only_columns(MedicalRecord.id))),
        _part("who-did-what", AuditEvent, AuditEvent.patient_id == patient.id, AuditEvent.outcome == DONE,
              true() if login == actor.user_id else false()),
    ]  # fmt: skip


async def read(session: AsyncSession, parts: list[Part]) -> dict[str, list[dict[str, Any]]]:
    """Each part's rows, oldest first, with what is sealed opened."""
    vault = vault_of(session)
    return {part.name: [_row(part.table, row._asdict(), vault) for row in (await session.execute(part.query)).all()]
            for part in parts}  # fmt: skip


def _part(name: str, model: Any, *conditions: Any) -> Part:
    table: Table = model.__table__
    wanted = [column for column in table.c if _is_shown(column)]
    return Part(name, table, select(*wanted).where(*conditions).order_by(*table.primary_key))


def _is_shown(column: Column[Any]) -> bool:
    return column.name not in LEFT_OUT and not isinstance(column.type, Digest)


def _row(table: Table, row: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column_name, value in row.items():
        name = column_name.removesuffix(_SUFFIX)
        is_sealed = isinstance(table.c[column_name].type, SealedBytes)
        shown[name] = vault.open_maybe(table.name, name, row["id"], value) if is_sealed else value
    return shown
