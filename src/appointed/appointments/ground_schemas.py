"""Taking time away, on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from appointed.availability.models import Offer, Schedule, TimeOff
from appointed.availability.schemas import HoursRead, HoursUpdate, OfferRead, OfferTerms, TimeOffRead
from appointed.availability.service import OVERRIDES
from appointed.core.text import Day, Prose
from appointed.locations import holidays
from appointed.locations.models import Location
from appointed.locations.schemas import HolidayRead, LocationRead, TravelRead

from .service.ground import Affected, Copied, Dealing, Fate


class Withdrawal(BaseModel):
    """What becomes of the visits that are booked on what is taken away."""

    model_config = ConfigDict(extra="forbid")

    visits: Fate | None = Field(
        None,
        description="`keep` marks them, `cancel` cancels them; left out, they stand in the way.",
        examples=["cancel"],
    )
    reason: Prose | None = Field(
        None, description="With `cancel`: what the patients are told.", examples=["The practice is closed that day"]
    )

    def dealing(self, visits: Fate | None = None, *, is_dry_run: bool = False) -> Dealing:
        """`visits` is what the query said, for clients that send no body with DELETE."""
        return Dealing(self.visits or visits, self.reason, is_dry_run)


class HoursChange(HoursUpdate, Withdrawal):
    """Hours, and what becomes of the visits that stood on what is no longer open."""


class AffectedVisit(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    starts_at: datetime


class AffectedRead(BaseModel):
    affected: list[AffectedVisit] = Field(
        description="Visits that lost their ground, by start: marked, or cancelled. In a dry run those that would."
    )

    @classmethod
    def of_visits(cls, affected: Sequence[Affected]) -> "AffectedRead":
        return AffectedRead(affected=[AffectedVisit.model_validate(each) for each in affected])


class ChangedHoursRead(HoursRead, AffectedRead):
    """Hours, and whom they hit."""

    @classmethod
    def with_affected(cls, schedule: Schedule, affected: Sequence[Affected]) -> Self:
        return cls(**HoursRead.of(schedule).model_dump(), affected=AffectedRead.of_visits(affected).affected)


class ChangedTimeOffRead(TimeOffRead, AffectedRead):
    """Time off, and whom it hits."""

    @classmethod
    def with_affected(cls, row: TimeOff, affected: Sequence[Affected]) -> Self:
        return cls(**TimeOffRead.of(row).model_dump(), affected=AffectedRead.of_visits(affected).affected)


class OfferChange(OfferTerms, Withdrawal):
    """How the visit type differs with the doctor, and what becomes of others' visits if they offered it so far."""

    def terms(self) -> dict[str, int | None]:
        return self.model_dump(include=set(OVERRIDES))


class ChangedOfferRead(OfferRead, AffectedRead):
    """An offer, and whom it hits."""

    @classmethod
    def with_affected(cls, offer: Offer, affected: Sequence[Affected]) -> Self:
        plain = OfferRead.model_validate(offer).model_dump()
        return cls(**plain, affected=AffectedRead.of_visits(affected).affected)


class ChangedLocationRead(LocationRead, AffectedRead):
    """A location, and whom its change hits."""

    @classmethod
    def with_affected(cls, location: Location, affected: Sequence[Affected]) -> Self:
        plain = LocationRead.model_validate(location).model_dump()
        return cls(**plain, affected=AffectedRead.of_visits(affected).affected)


class ChangedDayRead(HolidayRead, AffectedRead):
    """A day of a location, and whom it hits."""

    @classmethod
    def with_affected(cls, day: holidays.Day, affected: Sequence[Affected]) -> Self:
        return cls(**day._asdict(), affected=AffectedRead.of_visits(affected).affected)


class ChangedTravelRead(TravelRead, AffectedRead):
    """The way to a location, and whom it hits."""


class WeekCopy(BaseModel):
    """Weeks by their Mondays."""

    model_config = ConfigDict(extra="forbid")

    doctor_id: UUID | None = Field(None, description="By the desk; a doctor's own week needs none.")
    from_week: Day
    to_weeks: set[Day] = Field(min_length=1, max_length=52, examples=[["2031-03-10", "2031-03-17"]])


class CopiedRead(AffectedRead):
    """What was added, and whom it hits."""

    hours: list[HoursRead]
    time_off: list[TimeOffRead]

    @classmethod
    def of(cls, copied: Copied) -> Self:
        return cls(
            hours=[HoursRead.of(row) for row in copied.hours],
            time_off=[TimeOffRead.of(row) for row in copied.time_off],
            affected=AffectedRead.of_visits(copied.affected).affected,
        )


class Keeping(BaseModel):
    """How a visit that needed attention was dealt with."""

    model_config = ConfigDict(extra="forbid")

    note: Prose | None = Field(None, examples=["The patient knows, another doctor sees them"])
