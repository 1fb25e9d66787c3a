"""Holding, confirming and rescheduling on the wire."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from appointed.core.text import Code, Instant, Name, Prose

from .rules import Channel
from .schemas import Extra, Override
from .service import Booking, Move, Wish


class HoldCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    doctor_id: UUID = Field(examples=["019b2f4e-7c1a-7000-8000-000000000001"])
    starts_at: Instant
    ends_at: Instant | None = Field(None, description="Left out: the visit type's length.")
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = None
    patient_id: UUID | None = Field(None, description="By the desk; patients hold for themselves.")
    channel: Channel | None = Field(None, description="By the desk.")

    def booking(self) -> Booking:
        return Booking(
            doctor_id=self.doctor_id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            visit_type_id=self.visit_type_id,
            location_id=self.location_id,
            patient_id=self.patient_id,
            channel=self.channel,
            is_held=True,
        )


NOBODY_YET = UUID(int=0)


class AnyDoctorCreate(BaseModel):
    """Which doctor it is does not matter, but for what is said here."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Instant
    ends_at: Instant | None = Field(None, description="Left out: the visit type's length.")
    specialization: Name | None = Field(None, examples=["General practice"])
    language: Code | None = Field(None, examples=["en"])
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = None
    patient_id: UUID | None = Field(None, description="By the desk; patients book for themselves.")
    reason: Prose | None = None
    channel: Channel | None = Field(None, description="By the desk.")
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")

    def wish(self) -> Wish:
        booking = Booking(
            doctor_id=NOBODY_YET,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            visit_type_id=self.visit_type_id,
            location_id=self.location_id,
            patient_id=self.patient_id,
            reason=self.reason,
            channel=self.channel,
            is_notifying=self.notify,
        )
        return Wish(booking, self.specialization, self.language)


class Confirmation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Prose | None = Field(None, examples=["Cough for a week"])


class Reschedule(BaseModel):
    """Fields left out stay as they are; the visit keeps its length unless another is said."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Instant
    ends_at: Instant | None = None
    doctor_id: UUID | None = None
    location_id: UUID | None = Field(None, description="Left out: where the doctor is at that time.")
    visit_type_id: UUID | None = None
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")
    extra: Extra | None = Field(None, description="By the desk: fit the visit in.")
    override: Override | None = Field(None, description="By the desk: let the rules pass.")

    def move(self) -> Move:
        return Move(
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            doctor_id=self.doctor_id,
            location_id=self.location_id,
            visit_type_id=self.visit_type_id,
            is_notifying=self.notify,
            extra_reason=self.extra.reason if self.extra else None,
            override_reason=self.override.reason if self.override else None,
        )
