"""Visits (FHIR Appointment)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, object_session, query_expression

from appointed.core.db import Base
from appointed.core.sealing import Sealed, open_of
from appointed.core.types import HumanString, MachineString, SealedBytes

from .rules import UNCLOSED

READER = "reader"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads visits in a session that keeps this as its `READER`, and of which patients not what was written."""

    user_id: UUID
    private_ids: frozenset[UUID]


class Appointment(Base):
    """A visit. `version` grows with every change of state; `notified` tells what became of the confirmation mail.

    A hold is pending until `hold_expires_at`. A place in a group session has `session_id` and, while it is held,
    `seat`. A no-show with `excused_at` does not count against the patient. `reason_by` is who said why, if that is not
    who booked the visit.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        Index("ix_appointments_doctor_id_starts_at", "doctor_id", "starts_at"),
        Index("ix_appointments_patient_id_starts_at", "patient_id", "starts_at"),
        Index("ix_appointments_starts_at_id", "starts_at", "id"),
        Index("ix_appointments_needs_attention", "needs_attention", "starts_at"),
        Index("ix_appointments_status_ends_at", "status", "ends_at"),
        Index("ix_appointments_hold_expires_at", "hold_expires_at"),
        Index("ix_appointments_family_id", "family_id"),
        UniqueConstraint("series_id", "series_number"),
        UniqueConstraint("session_id", "seat"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    visit_type_id: Mapped[UUID] = mapped_column(ForeignKey("visit_types.id"))
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(MachineString(20))
    version: Mapped[int] = mapped_column(Integer)
    is_extra: Mapped[bool]
    extra_reason_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    reason_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    reason_by: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(MachineString(20))
    booked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    notified: Mapped[str] = mapped_column(MachineString(20))
    needs_attention: Mapped[bool]
    attention_code: Mapped[str | None] = mapped_column(MachineString(40))
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[UUID | None]
    cancel_code: Mapped[str | None] = mapped_column(MachineString(40))
    cancel_note_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    is_cancelled_late: Mapped[bool | None]
    override_reason_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    hold_expires_at: Mapped[datetime | None]
    hold_extended_at: Mapped[datetime | None]
    series_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment_series.id"))
    series_number: Mapped[int | None] = mapped_column(Integer)
    family_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_sessions.id"))
    seat: Mapped[int | None] = mapped_column(Integer)
    arrived_at: Mapped[datetime | None]
    checked_in_at: Mapped[datetime | None]
    roomed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    excused_at: Mapped[datetime | None]

    # Known of a visit that was read by `queries`, and nothing that is written.
    delay_minutes: Mapped[int | None] = query_expression(expire_on_flush=False)

    extra_reason = Sealed()
    override_reason = Sealed()

    @property
    def reason(self) -> str | None:
        return None if self._is_withheld(self.reason_by or self.booked_by) else open_of(self, "reason")

    @property
    def cancel_note(self) -> str | None:
        return None if self._is_withheld(self.cancelled_by) else open_of(self, "cancel_note")

    def _is_withheld(self, written_by: UUID | None) -> bool:
        """Whether it is a text about a minor whose privacy it is, read by a parent or guardian who did not write it."""
        session = object_session(self)
        reader: Reader | None = session.info.get(READER) if session else None
        return reader is not None and self.patient_id in reader.private_ids and written_by != reader.user_id

    @property
    def expected_at(self) -> datetime | None:
        """When the doctor, who is running late, will get to the visit; None if that is when it was booked."""
        is_waiting = self.status in UNCLOSED and self.started_at is None
        return self.starts_at + timedelta(minutes=self.delay_minutes) if is_waiting and self.delay_minutes else None


class Participant(Base):
    """What a visit takes besides its doctor and its patient: a room, a device, another doctor in some role."""

    __tablename__ = "appointment_participants"

    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointments.id"), primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(MachineString(40))


class AppointmentChange(Base):
    """A change of a visit after it was booked: what it was before, and who changed it. Without
    `changed_by`, the clock did."""

    __tablename__ = "appointment_changes"
    __table_args__ = (UniqueConstraint("appointment_id", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointments.id"))
    version: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(MachineString(20))
    status_before: Mapped[str] = mapped_column(MachineString(20))
    status_after: Mapped[str] = mapped_column(MachineString(20))
    starts_at_before: Mapped[datetime]
    ends_at_before: Mapped[datetime]
    doctor_id_before: Mapped[UUID]
    location_id_before: Mapped[UUID]
    code: Mapped[str | None] = mapped_column(MachineString(40))
    note_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    changed_by: Mapped[UUID | None]
    changed_at: Mapped[datetime]

    note = Sealed()


class Series(Base):
    """Visits that were booked together by a rule (RFC 5545 RRULE)."""

    __tablename__ = "appointment_series"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    rrule: Mapped[str] = mapped_column(MachineString(200))
    booked_by: Mapped[UUID]
    created_at: Mapped[datetime]


class GroupSession(Base):
    """A time at which a doctor sees several patients; each place is an appointment. Is a resource under the same id.

    It owns the doctor's and the room's time. `capacity` is stamped, whatever becomes of the room or the visit type.
    """

    __tablename__ = "group_sessions"
    __table_args__ = (Index("ix_group_sessions_starts_at", "starts_at", "id"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"))
    visit_type_id: Mapped[UUID] = mapped_column(ForeignKey("visit_types.id"))
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"))
    room_id: Mapped[UUID | None] = mapped_column(ForeignKey("rooms.id"))
    title: Mapped[str] = mapped_column(HumanString(200))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class DoctorDelay(Base):
    """How late a doctor is running with the visits that start from `since` up to `until`: shown with them, and takes
    nobody's time."""

    __tablename__ = "doctor_delays"

    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"), primary_key=True)
    minutes: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime]
    until: Mapped[datetime]
    set_by: Mapped[UUID]
