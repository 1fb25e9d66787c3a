"""Holding, confirming and rescheduling on the wire."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from appointed.core.text import Instant, Name, Prose
from appointed.doctors.schemas import Language

from .schemas import Extra, Override, VisitWish
from .service import Booking, Move, Wish

NOBODY_YET = UUID(int=0)


class HoldCreate(VisitWish):
    doctor_id: UUID = Field(examples=["019b2f4e-7c1a-7000-8000-000000000001"])

    def booking(self) -> Booking:
        return self.booking_with(self.doctor_id, is_held=True)


class AnyDoctorCreate(VisitWish):
    """Which doctor it is does not matter, but for what is said here."""

    specialization: Name | None = Field(None, examples=["General practice"])
    language: Language | None = Field(None, examples=["en"])
    reason: Prose | None = None
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")

    def wish(self) -> Wish:
        booking = self.booking_with(NOBODY_YET, reason=self.reason, is_notifying=self.notify)
        return Wish(booking, self.specialization or "", self.language or "")


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
