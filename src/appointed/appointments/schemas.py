"""Visits on the wire."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from appointed.core.text import Day, Instant, Line, Prose

from .rules import Channel, Notified, Status
from .service import Booking, By


class Extra(BaseModel):
    """Fitting in on purpose: the doctor's own time does not stand in the way."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field(examples=["Acute pain, the doctor agreed"])


class Override(BaseModel):
    """Booking against the rules on purpose: hours, leave, limits and notice are let pass; what is taken stays taken."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field(examples=["The doctor agreed to stay on"])


class VisitWish(BaseModel):
    """What is said of a visit, whatever way it is booked."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Instant
    ends_at: Instant | None = Field(None, description="Left out: the visit type's length.")
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = None
    patient_id: UUID | None = Field(None, description="By the desk; patients book for themselves.")
    channel: Channel | None = Field(None, description="By the desk.")

    def booking_with(self, doctor_id: UUID, **more: Any) -> Booking:
        return Booking(
            doctor_id=doctor_id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            visit_type_id=self.visit_type_id,
            location_id=self.location_id,
            patient_id=self.patient_id,
            channel=self.channel,
            **more,
        )


class AppointmentCreate(VisitWish):
    doctor_id: UUID = Field(examples=["019b2f4e-7c1a-7000-8000-000000000001"])
    reason: Prose | None = None
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")
    extra: Extra | None = Field(None, description="By the desk: fit the visit in.")
    override: Override | None = Field(None, description="By the desk: let the rules pass.")

    def booking(self) -> Booking:
        return self.booking_with(
            self.doctor_id,
            reason=self.reason,
            is_notifying=self.notify,
            extra_reason=self.extra.reason if self.extra else None,
            override_reason=self.override.reason if self.override else None,
        )


class AppointmentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    doctor_id: UUID
    patient_id: UUID
    visit_type_id: UUID
    location_id: UUID
    starts_at: datetime
    ends_at: datetime
    expected_at: datetime | None = Field(description="When it will begin while the doctor is running late.")
    status: Status
    version: int
    is_extra: bool
    channel: Channel
    booked_by: UUID
    notified: Notified
    needs_attention: bool
    attention_code: str | None
    reason: str | None
    created_at: datetime
    cancelled_at: datetime | None
    cancel_code: str | None
    cancel_note: str | None
    is_cancelled_late: bool | None = Field(description="Later than the visit type asks for.")
    hold_expires_at: datetime | None = Field(description="Of a hold: until when it is kept.")
    arrived_at: datetime | None
    checked_in_at: datetime | None
    roomed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    series_id: UUID | None
    series_number: int | None
    family_id: UUID | None
    session_id: UUID | None
    excused_at: datetime | None = Field(description="Set, the no-show does not count.")


class StandRead(BaseModel):
    """How a visit stood."""

    model_config = ConfigDict(from_attributes=True)

    status: Status
    starts_at: datetime
    ends_at: datetime
    doctor_id: UUID
    location_id: UUID


class ChangeRead(BaseModel):
    """The booking, which has no `before`, or a change after it."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    action: str
    changed_at: datetime
    by: By
    changed_by: UUID | None = Field(description="To patients, only of what they did themselves; so is `note`.")
    before: StandRead | None
    after: StandRead
    code: str | None
    note: str | None


class RunningLate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(ge=0, le=240, description="0: on time again.", examples=[20])
    until: Instant | None = Field(None, description="Left out: the end of the clinic's day.")

    def until_from(self, now: datetime, zone: ZoneInfo) -> datetime:
        return self.until or end_of(now.astimezone(zone).date(), zone)


class DelayRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    doctor_id: UUID
    minutes: int
    since: datetime = Field(description="The first start that is late.")
    until: datetime


class Because(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Prose = Field(description="Read by staff.", examples=["Entered for the wrong patient"])


class Cancellation(BaseModel):
    """Either a `reason` in words, or a coded reason with a note."""

    model_config = ConfigDict(extra="forbid")

    reason: Prose | None = Field(None, examples=["I am well again"])
    reason_code: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$", examples=["patient"])] = None
    note: Prose | None = None

    @field_validator("note")
    @classmethod
    def _is_the_only_text(cls, note: str | None, others: ValidationInfo) -> str | None:
        if note is not None and others.data.get("reason") is not None:
            raise ValueError("reason and note say the same; send one of them")
        return note


def _with_plus(value: object) -> object:
    """In a query an unescaped `+` arrives as a space; no instant has one before its offset."""
    return value.replace(" ", "+") if isinstance(value, str) and "T" in value else value


def _kind_of(value: object) -> str:
    return "instant" if isinstance(value, datetime) or (isinstance(value, str) and "T" in value.upper()) else "day"


# A day at the clinic, or an instant with its offset. Told apart first, so that only the one that was meant complains.
_Either = Annotated[Annotated[Instant, Tag("instant")] | Annotated[Day, Tag("day")], Discriminator(_kind_of)]
DayOrInstant = Annotated[_Either, BeforeValidator(_with_plus)]


def start_of(value: date | datetime, zone: ZoneInfo) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time(), zone)


def end_of(value: date | datetime, zone: ZoneInfo) -> datetime:
    """An instant as it is; of a day, the midnight that ends it."""
    return value if isinstance(value, datetime) else datetime.combine(value + timedelta(days=1), time(), zone)
