"""Opening hours on the wire."""

from dataclasses import replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from appointed.core.text import Day, Instant, Prose
from appointed.doctors.models import Doctor
from appointed.doctors.schemas import DoctorRead
from appointed.visit_types.schemas import Minutes, Number

from .models import Schedule, TimeOff
from .rules import HoursKind, TimeOffKind
from .service import DAY_MINUTES, STEP_MINUTES, Absence, BlockReason, Days, LeaveReason, WeeklyHours

WallTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(examples=["09:00"])]


LONGEST_RELEASE_MINUTES = 14 * DAY_MINUTES
ReleaseMinutes = Annotated[
    int | None,
    Field(
        ge=STEP_MINUTES, le=LONGEST_RELEASE_MINUTES, multiple_of=STEP_MINUTES,
        description="Kept back for the same day: booked only from so many minutes before the start of a visit.",
    ),
]  # fmt: skip


ReasonCode = Annotated[LeaveReason | BlockReason, Field(examples=["vacation"])]


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


DAYS = list(Weekday)


class HoursCreate(BaseModel):
    """Weekly hours as wall time at the location."""

    model_config = ConfigDict(extra="forbid")

    weekday: Weekday = Field(examples=["monday"])
    start_time: WallTime
    end_time: WallTime = Field(examples=["17:00"])
    ends_next_day: bool = False
    doctor_id: UUID | None = Field(None, description="By the desk; a doctor's own hours need none.")
    location_id: UUID | None = Field(None, description="Left out: the clinic.")
    visit_type_ids: set[UUID] = Field(set(), description="Empty: every visit type.", max_length=100)
    valid_from: Day | None = None
    valid_until: Day | None = Field(None, description="The last day.")
    kind: Literal["open", "break"] = Field(
        "open", description="A break takes time away from the hours at the location."
    )
    release_minutes: ReleaseMinutes = None

    def hours(self) -> WeeklyHours:
        return WeeklyHours(
            DAYS.index(self.weekday),
            _minutes(self.start_time),
            _minutes(self.end_time) + (DAY_MINUTES if self.ends_next_day else 0),
            self.valid_from,
            self.valid_until,
            self.location_id,
            frozenset(self.visit_type_ids),
            HoursKind(self.kind),
            self.release_minutes,
        )


class HoursUpdate(BaseModel):
    """Fields left out stay as they are; null clears."""

    model_config = ConfigDict(extra="forbid")

    weekday: Weekday = Weekday.MONDAY
    start_time: WallTime = ""
    end_time: WallTime = Field("", examples=["17:00"])
    ends_next_day: bool = False
    location_id: UUID | None = None
    visit_type_ids: set[UUID] = Field(set(), max_length=100)
    valid_from: Day | None = None
    valid_until: Day | None = None
    kind: Literal["open", "break"] = "open"
    release_minutes: ReleaseMinutes = None

    def onto(self, schedule: Schedule) -> WeeklyHours:
        """The hours of the row with what was sent laid over them. An exception stays one, whatever was sent."""
        before = HoursRead.of(schedule).model_dump(exclude={"id"})
        is_exception = schedule.kind in (HoursKind.EXTRA, HoursKind.CLOSED)
        if is_exception:
            before["kind"] = HoursKind.OPEN
        sent = self.model_dump(exclude_unset=True, include=set(HoursUpdate.model_fields))
        hours = HoursCreate(**(before | sent)).hours()
        return replace(hours, kind=HoursKind(schedule.kind)) if is_exception else hours


class ExceptionCreate(BaseModel):
    """One day that differs: open although there are no weekly hours then, or closed although there are."""

    model_config = ConfigDict(extra="forbid")

    on_date: Day
    kind: Literal["extra", "closed"] = Field(examples=["closed"])
    start_time: WallTime | None = Field(None, description="Left out with `closed`: the whole day.", examples=["13:00"])
    end_time: WallTime | None = Field(None, examples=["17:00"])
    ends_next_day: bool = False
    doctor_id: UUID | None = Field(None, description="By the desk; a doctor's own need none.")
    location_id: UUID | None = Field(None, description="Left out: the clinic.")
    visit_type_ids: set[UUID] = Field(set(), description="With `extra`; empty: every visit type.", max_length=100)

    @model_validator(mode="after")
    def _has_times(self) -> Self:
        if (self.start_time is None) != (self.end_time is None):
            raise ValueError("send start_time and end_time together")
        if self.start_time is None and (self.kind == "extra" or self.ends_next_day):
            raise ValueError("say from when to when: start_time and end_time")
        return self

    def hours(self) -> WeeklyHours:
        start, end = _minutes(self.start_time or "00:00"), _minutes(self.end_time or "00:00")
        goes_on = self.ends_next_day or self.end_time is None
        return WeeklyHours(
            self.on_date.weekday(),
            start,
            end + (DAY_MINUTES if goes_on else 0),
            self.on_date,
            self.on_date,
            self.location_id,
            frozenset(self.visit_type_ids),
            HoursKind(self.kind),
        )


class HoursRead(BaseModel):
    id: UUID
    doctor_id: UUID
    location_id: UUID
    weekday: Weekday
    start_time: WallTime
    end_time: WallTime
    ends_next_day: bool
    visit_type_ids: list[UUID]
    valid_from: date | None
    valid_until: date | None
    kind: HoursKind
    release_minutes: int | None

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        return cls(
            id=schedule.id,
            doctor_id=schedule.doctor_id,
            location_id=schedule.location_id,
            weekday=DAYS[schedule.weekday],
            start_time=_wall_time(schedule.start_minute),
            end_time=_wall_time(schedule.end_minute % DAY_MINUTES),
            ends_next_day=schedule.end_minute >= DAY_MINUTES,
            visit_type_ids=schedule.visit_type_ids,
            valid_from=schedule.valid_from,
            valid_until=schedule.valid_until,
            kind=HoursKind(schedule.kind),
            release_minutes=schedule.release_minutes,
        )


class _Range(BaseModel):
    """Instants, or days at the places where the doctor works."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Instant | None = None
    ends_at: Instant | None = None
    starts_on: Day | None = Field(None, description="Instead of instants: the first day.", examples=["2031-03-10"])
    ends_on: Day | None = Field(None, description="The last day.", examples=["2031-03-14"])

    @property
    def days(self) -> Days | None:
        return Days(self.starts_on, self.ends_on) if self.starts_on and self.ends_on else None

    def _check_range(self) -> None:
        instants, days = (self.starts_at, self.ends_at), (self.starts_on, self.ends_on)
        if any(instants) and any(days):
            raise ValueError("send either instants or days")
        if None in days and any(days):
            raise ValueError("send starts_on and ends_on together")
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("the last day must not be before the first")


class TimeOffCreate(_Range):
    """Leave, or a block such as a meeting. The note is for the doctor and the desk alone."""

    kind: TimeOffKind = Field(examples=["leave"])
    reason_code: ReasonCode
    note: Prose | None = None
    doctor_id: UUID | None = Field(None, description="By the desk; a doctor's own needs none.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        self._check_range()
        if not self.days and not (self.starts_at and self.ends_at):
            raise ValueError("say from when to when: starts_at and ends_at, or starts_on and ends_on")
        return self

    def absence(self, starts_at: datetime | None, ends_at: datetime | None) -> Absence:
        """What was said; the instants are those of the days, where days were sent."""
        first, last = self.starts_at or starts_at, self.ends_at or ends_at
        assert first is not None  # noqa: S101 - one of the two was sent, as was checked
        assert last is not None  # noqa: S101
        return Absence(self.kind, first, last, self.reason_code, self.note)


class TimeOffUpdate(_Range):
    """Fields left out stay as they are; null clears the note."""

    reason_code: ReasonCode = LeaveReason.OTHER
    note: Prose | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        self._check_range()
        return self

    def onto(self, row: TimeOff, starts_at: datetime | None, ends_at: datetime | None) -> Absence:
        """What the row says, with what was sent laid over it."""
        sent = self.model_fields_set
        return Absence(
            TimeOffKind(row.kind),
            self.starts_at or starts_at or row.starts_at,
            self.ends_at or ends_at or row.ends_at,
            self.reason_code if "reason_code" in sent else row.reason_code,
            self.note if "note" in sent else row.note,
        )


class TimeOffRead(BaseModel):
    """Why is told to that doctor and the desk; others see when."""

    id: UUID
    doctor_id: UUID
    kind: TimeOffKind
    starts_at: datetime
    ends_at: datetime
    reason_code: str | None
    note: str | None

    @classmethod
    def of(cls, row: TimeOff, *, is_told_why: bool = True) -> Self:
        return cls(
            id=row.id,
            doctor_id=row.doctor_id,
            kind=TimeOffKind(row.kind),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            reason_code=row.reason_code if is_told_why else None,
            note=row.note if is_told_why else None,
        )


class OfferTerms(BaseModel):
    """How a visit type differs with a doctor; what is left out or null is as the type says."""

    model_config = ConfigDict(extra="forbid")

    length_minutes: Number | None = Field(None, description="A multiple of five, as are the buffers.", examples=[45])
    buffer_before_minutes: Minutes | None = None
    buffer_after_minutes: Minutes | None = Field(None, examples=[10])
    notice_minutes: Minutes | None = None
    window_days: Number | None = None
    daily_limit: Number | None = Field(None, description="Sets a limit; it cannot lift the type's.")
    weekly_limit: Number | None = Field(None, description="Sets a limit; it cannot lift the type's.")


class OfferRead(BaseModel):
    """That a doctor offers a visit type, at a location or at all, and what differs there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    doctor_id: UUID
    visit_type_id: UUID
    location_id: UUID | None = Field(description="Null: at every location without an offer of its own.")
    length_minutes: int | None
    buffer_before_minutes: int | None
    buffer_after_minutes: int | None
    notice_minutes: int | None
    window_days: int | None
    daily_limit: int | None
    weekly_limit: int | None


class DoctorProfile(DoctorRead):
    """A doctor with opening hours."""

    hours: list[HoursRead]

    @classmethod
    def with_hours(cls, doctor: Doctor, hours: list[HoursRead]) -> Self:
        plain: dict[str, Any] = DoctorRead.model_validate(doctor).model_dump()
        return cls(**plain, hours=hours)


def _minutes(wall_time: str) -> int:
    parsed = time.fromisoformat(wall_time)
    return parsed.hour * 60 + parsed.minute


def _wall_time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
