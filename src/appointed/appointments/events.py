"""What happens to visits, told by ids."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from appointed.core.outbox import Event


@dataclass(frozen=True, slots=True)
class AppointmentBooked(Event):
    name: ClassVar[str] = "appointment.booked"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentHeld(Event):
    """Kept for the patient for a while; a booking follows if it is confirmed."""

    name: ClassVar[str] = "appointment.held"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentRescheduled(Event):
    name: ClassVar[str] = "appointment.rescheduled"
    appointment_id: UUID
    version: int
    is_notifying: bool = True


@dataclass(frozen=True, slots=True)
class AppointmentCancelled(Event):
    name: ClassVar[str] = "appointment.cancelled"
    appointment_id: UUID
    version: int
    is_notifying: bool = True


@dataclass(frozen=True, slots=True)
class AppointmentArrived(Event):
    name: ClassVar[str] = "appointment.arrived"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentCheckedIn(Event):
    name: ClassVar[str] = "appointment.checked-in"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentRoomed(Event):
    name: ClassVar[str] = "appointment.roomed"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentStarted(Event):
    name: ClassVar[str] = "appointment.started"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentCompleted(Event):
    name: ClassVar[str] = "appointment.completed"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentMissed(Event):
    name: ClassVar[str] = "appointment.missed"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentExcused(Event):
    """The no-show counts no more."""

    name: ClassVar[str] = "appointment.excused"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentCorrected(Event):
    """The visit was entered in error."""

    name: ClassVar[str] = "appointment.corrected"
    appointment_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class AppointmentUndone(Event):
    """`action` is what was undone."""

    name: ClassVar[str] = "appointment.undone"
    appointment_id: UUID
    version: int
    action: str


@dataclass(frozen=True, slots=True)
class DoctorRunningLate(Event):
    """By so many minutes until then; by none, on time again."""

    name: ClassVar[str] = "doctor.running-late"
    doctor_id: UUID
    minutes: int
    until: datetime


@dataclass(frozen=True, slots=True)
class SeriesBooked(Event):
    """Beside the events of its visits, which are told of together."""

    name: ClassVar[str] = "series.booked"
    series_id: UUID


@dataclass(frozen=True, slots=True)
class SeriesRescheduled(Event):
    """Beside the events of its visits, which are told of together."""

    name: ClassVar[str] = "series.rescheduled"
    series_id: UUID


@dataclass(frozen=True, slots=True)
class SeriesCancelled(Event):
    """Beside the events of those of its visits that were cancelled at this instant, which are told of together."""

    name: ClassVar[str] = "series.cancelled"
    series_id: UUID
    cancelled_at: datetime
