"""Free times on the wire: what is asked for, and what is listed."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from appointed.availability.schemas import DAYS, Weekday
from appointed.availability.wishes import PartOfDay
from appointed.core.paging import MOST
from appointed.core.text import SearchText
from appointed.doctors.schemas import Language

from . import offers
from .schemas import DayOrInstant

EXAMPLE_ID = "019b2f4e-7c1a-7000-8000-000000000001"
MOST_DOCTORS, MOST_MEMBERS = 50, 8
Count = Annotated[int, Field(ge=1, le=MOST)]


class SlotsFilter(BaseModel):
    """Which times are wanted, with whom and for whom."""

    doctor_id: list[UUID] = Field(
        [], max_length=MOST_DOCTORS, examples=[[EXAMPLE_ID]], description="Left out: any doctor who matches."
    )
    from_: DayOrInstant = Field(alias="from", examples=["2031-03-03"])
    to: DayOrInstant = Field(examples=["2031-03-07"], description="A day is included as a whole.")
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = None
    specialization: SearchText = Field("", examples=["General practice"])
    language: Language | None = Field(None, examples=["de"], description="BCP 47. `de` finds `de-CH` too.")
    part_of_day: PartOfDay | None = Field(
        None, description="By the location's clock: until noon, until five in the afternoon, or later."
    )
    weekday: list[Weekday] = Field([], max_length=len(DAYS), description="By the location's calendar.")
    patient_id: list[UUID] = Field(
        [],
        max_length=MOST_MEMBERS,
        description="What this patient can book: by the desk, or by who may book for them. Given twice and more:"
        " consecutive times, in this order.",
    )
    members: int | None = Field(
        None, ge=2, le=MOST_MEMBERS, description="Consecutive times for so many, whoever they are."
    )

    @model_validator(mode="after")
    def _names_all_members_or_none(self) -> Self:
        if len(set(self.patient_id)) < len(self.patient_id):
            raise ValueError("each member can come once")
        if self.members and self.patient_id and self.members != len(self.patient_id):
            raise ValueError("name every member by patient_id, or none")
        return self

    @property
    def search(self) -> offers.Search:
        return offers.Search(tuple(dict.fromkeys(self.doctor_id)), self.visit_type_id, self.specialization,
                             self.language or "")  # fmt: skip

    @property
    def wish(self) -> offers.Wish:
        return offers.Wish(self.part_of_day, frozenset(DAYS.index(each) for each in self.weekday))

    @property
    def family(self) -> tuple[UUID | None, ...]:
        """Those who come one after the other; empty for a single visit."""
        return tuple(self.patient_id) if len(self.patient_id) > 1 else (None,) * (self.members or 0)


class SlotsAsked(SlotsFilter):
    per_doctor: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="Of each doctor no more than the first ones: who is available next?"
    )
    limit: Count | None = Field(
        None, description=f"No more than the first ones. Left out: all of named doctors, {MOST} of others."
    )

    @property
    def most(self) -> int | None:
        return self.limit or (None if self.doctor_id else MOST)


class SlotRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    doctor_id: UUID
    location_id: UUID
    visit_type_id: UUID
    starts_at: datetime
    ends_at: datetime
    room_kind: str | None = Field(description="A room of this kind is taken too.")


class MemberRead(BaseModel):
    patient_id: UUID | None = Field(description="null: anybody")
    starts_at: datetime
    ends_at: datetime


class FamilySlotRead(SlotRead):
    """Consecutive times, from the first member's start to the last one's end."""

    members: list[MemberRead]


class SlotsRead(BaseModel):
    slots: list[SlotRead] | list[FamilySlotRead]


class DayRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    date: date
    free: int = Field(description="How many times are free; of a family, how many it can begin at.")


class DaysRead(BaseModel):
    """Days without free times are left out."""

    days: list[DayRead]


_single: TypeAdapter[Any] = TypeAdapter(dict[str, list[offers.Slot]])
_families: TypeAdapter[Any] = TypeAdapter(dict[str, list[offers.FamilySlot]])


def slots_json(found: Sequence[offers.Slot], *, are_families: bool) -> bytes:
    """What `SlotsRead` says, without a model of each slot in between: a month has hundreds."""
    return (_families if are_families else _single).dump_json({"slots": found})
