"""Visit types on the wire."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from appointed.core.text import Name, check_text
from appointed.locations.schemas import Kind

from .rules import Audience

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), Field(examples=["#3a7bd5"])]
Instructions = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), BeforeValidator(
        lambda value: check_text(value) if isinstance(value, str) else value
    ), Field(description="Shown to the patient.", examples=["Please come with an empty stomach."]),
]  # fmt: skip
Minutes = Annotated[int, Field(ge=0, le=1_000_000)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]


class PractitionerRoleSpec(BaseModel):
    """Somebody who takes part besides the doctor: any doctor of the specialization who is free."""

    model_config = ConfigDict(extra="forbid")

    role: Kind = Field(examples=["anaesthetist"])
    specialization: Name = Field(examples=["Anaesthesia"])


class VisitTypeRules(BaseModel):
    """What is said of a visit type; checked further by `rules.check`."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field("", examples=["Check-up"])
    length_minutes: Number = Field(30, description="The usual length, a multiple of five.")
    allowed_lengths: list[Number] = Field([], max_length=50, description="Other lengths that patients may choose.")
    buffer_before_minutes: Minutes = 0
    buffer_after_minutes: Minutes = 0
    grid_minutes: Number = Field(30, description="From one start to the next.")
    grid_offset_minutes: Minutes = Field(0, description="From the start of the hours to the first start.")
    notice_minutes: Minutes = Field(0, description="How long before its start a visit must be booked.")
    window_days: Number = Field(365, description="How far ahead a visit can be booked.")
    daily_limit: Number | None = Field(None, description="A doctor's visits of this type in a day.")
    weekly_limit: Number | None = Field(None, description="A doctor's visits of this type in a week.")
    patient_limit: Number | None = Field(None, description="A patient's visits of this type that are to come.")
    revisit_days: Number | None = Field(None, description="Days between two visits of a patient.")
    is_virtual: bool = False
    audience: Audience = Audience.ALL
    instructions: Instructions | None = None
    colour: Colour | None = None
    room_kind: Kind | None = Field(None, description="A room of this kind is taken too.")
    device_kinds: list[Kind] = Field([], max_length=5, description="A device of each kind is taken too.")
    practitioner_roles: list[PractitionerRoleSpec] = Field([], max_length=5)
    cancel_notice_minutes: Minutes = Field(0, description="A visit that is cancelled later is cancelled late.")
    no_show_limit: Number | None = Field(None, description="No-shows after which the patient books by phone only.")
    no_show_months: Number | None = Field(None, description="The months in which they are counted.")

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class VisitTypeCreate(VisitTypeRules):
    """Fields left out are as in the default visit type."""

    name: Name = Field(examples=["Check-up"])


class VisitTypeUpdate(VisitTypeRules):
    """Fields left out stay as they are; null clears. Visits that are booked are not changed by it."""

    is_active: bool = Field(True, description="Makes active again. DELETE deactivates.")


class VisitTypeRead(BaseModel):
    """What everybody may see."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    length_minutes: int
    allowed_lengths: list[int]
    buffer_before_minutes: int
    buffer_after_minutes: int
    grid_minutes: int
    grid_offset_minutes: int
    notice_minutes: int
    window_days: int
    daily_limit: int | None
    weekly_limit: int | None
    patient_limit: int | None
    revisit_days: int | None
    is_virtual: bool
    audience: Audience
    instructions: str | None
    colour: str | None
    room_kind: str | None
    device_kinds: list[str]
    practitioner_roles: list[PractitionerRoleSpec]
    cancel_notice_minutes: int
    no_show_limit: int | None
    no_show_months: int | None
    is_default: Annotated[bool, BeforeValidator(bool)]
    is_active: bool
