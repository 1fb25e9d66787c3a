"""What happens to patients, told by ids."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from appointed.core.outbox import Event


@dataclass(frozen=True, slots=True)
class PatientRegistered(Event):
    name: ClassVar[str] = "patient.registered"
    patient_id: UUID


@dataclass(frozen=True, slots=True)
class PatientInvited(Event):
    name: ClassVar[str] = "patient.invited"
    invitation_id: UUID


@dataclass(frozen=True, slots=True)
class EmergencyAccessOpened(Event):
    name: ClassVar[str] = "emergency-access.opened"
    access_id: UUID
