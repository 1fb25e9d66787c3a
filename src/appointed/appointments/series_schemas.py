"""Series and family visits on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appointed.core.text import Code, Instant, Prose

from .booking_schemas import Reschedule
from .models import Appointment, Series
from .recurrence import FEWEST, MOST, weekly
from .rules import Channel
from .schemas import AppointmentRead, Cancellation
from .service import BookedFamily, Booking
from .slot_schemas import SlotRead

EXAMPLE_ID = "019b2f4e-7c1a-7000-8000-000000000001"
EveryWeeks = Annotated[int, Field(ge=1, le=52)]
Count = Annotated[int, Field(ge=FEWEST, le=MOST)]


class _Wish(BaseModel):
    """What the visits that are booked together have in common."""

    model_config = ConfigDict(extra="forbid")

    doctor_id: UUID = Field(examples=[EXAMPLE_ID])
    starts_at: Instant
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = None
    reason: Prose | None = None
    channel: Channel | None = Field(None, description="By the desk.")
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")

    def _booking(
        self, patient_id: UUID | None, *, ends_at: datetime | None = None, kind: UUID | None = None
    ) -> Booking:
        return Booking(
            doctor_id=self.doctor_id,
            starts_at=self.starts_at,
            ends_at=ends_at,
            visit_type_id=kind or self.visit_type_id,
            location_id=self.location_id,
            patient_id=patient_id,
            reason=self.reason,
            channel=self.channel,
            is_notifying=self.notify,
        )


class SeriesCreate(_Wish):
    """The times are named by either an RRULE, or `every_weeks` and `count`; `starts_at` is the first of them."""

    ends_at: Instant | None = Field(None, description="Of the first visit; left out: the visit type's length.")
    rrule: Code | None = Field(
        None,
        description="RFC 5545: FREQ (DAILY, WEEKLY, MONTHLY), INTERVAL, BYDAY, BYMONTHDAY, WKST, and COUNT or UNTIL,"
        " for 2 to 52 visits. The times are wall times of the location.",
        examples=["FREQ=WEEKLY;INTERVAL=2;COUNT=6"],
    )
    every_weeks: EveryWeeks | None = None
    count: Count | None = None
    patient_id: UUID | None = Field(None, description="By the desk; patients book for themselves.")

    @model_validator(mode="after")
    def _names_its_times_once(self) -> Self:
        is_weekly = self.every_weeks is not None and self.count is not None
        is_half = (self.every_weeks is None) != (self.count is None)
        if is_half or is_weekly == (self.rrule is not None):
            raise ValueError("send either rrule, or every_weeks and count")
        return self

    @property
    def rule(self) -> str:
        return self.rrule or weekly(self.every_weeks or 1, self.count or FEWEST)

    def booking(self) -> Booking:
        return self._booking(self.patient_id, ends_at=self.ends_at)


class SeriesRead(BaseModel):
    id: UUID
    patient_id: UUID
    rrule: str
    booked_by: UUID
    created_at: datetime
    appointments: list[AppointmentRead]

    @classmethod
    def of(cls, series: Series, visits: Sequence[Appointment]) -> Self:
        return cls(
            id=series.id,
            patient_id=series.patient_id,
            rrule=series.rrule,
            booked_by=series.booked_by,
            created_at=series.created_at,
            appointments=[AppointmentRead.model_validate(visit) for visit in visits],
        )


FirstNumber = Annotated[
    int, Field(ge=1, le=MOST, description="The `series_number` from which on; left out: all that is to come.")
]


class SeriesCancellation(Cancellation):
    first_number: FirstNumber = 1


class SeriesReschedule(Reschedule):
    """`starts_at` is where the first of them goes; the others move by as much of the wall clock."""

    first_number: FirstNumber = 1


class OccurrenceRead(BaseModel):
    """`starts_at` is null if the clocks skip that time; `code` is why it cannot be had, null if it can."""

    model_config = ConfigDict(from_attributes=True)

    starts_at: datetime | None
    wall_time: datetime
    code: str | None
    alternatives: list[SlotRead] = Field([], description="Free times near one that somebody has, for the first few.")


class SeriesReport(BaseModel):
    """What booking would do; nothing was booked."""

    model_config = ConfigDict(from_attributes=True)

    rrule: str
    is_bookable: bool
    occurrences: list[OccurrenceRead]


class FamilyMember(BaseModel):
    model_config = ConfigDict(extra="forbid")

    patient_id: UUID = Field(examples=[EXAMPLE_ID])
    visit_type_id: UUID | None = Field(None, description="Left out: that of the family.")


class FamilyCreate(_Wish):
    """The members are seen in this order, each as soon as the one before is done."""

    members: list[FamilyMember] = Field(
        min_length=2, max_length=8, examples=[[{"patient_id": EXAMPLE_ID}, {"patient_id": EXAMPLE_ID[:-1] + "2"}]]
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({member.patient_id for member in self.members}) < len(self.members):
            raise ValueError("each member can come once")
        return self

    def bookings(self) -> Sequence[Booking]:
        return [self._booking(member.patient_id, kind=member.visit_type_id) for member in self.members]


class FamilyRead(BaseModel):
    family_id: UUID
    appointments: list[AppointmentRead]

    @classmethod
    def of(cls, booked: BookedFamily) -> Self:
        return cls(
            family_id=booked.family_id,
            appointments=[AppointmentRead.model_validate(visit) for visit in booked.visits],
        )
