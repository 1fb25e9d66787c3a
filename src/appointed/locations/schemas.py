"""Locations, rooms and devices on the wire."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from appointed.core.text import Day, Line, Name, check_text

from .service import NewRoom, Place

Country = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166-1 alpha-2", examples=["DE"])
]
Region = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10), AfterValidator(check_text),
    Field(description="ISO 3166-2, without the country", examples=["BY"]),
]  # fmt: skip
Zone = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(check_text), Field(examples=["Europe/Berlin"])
]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", max_length=40)]
MOST_TRAVEL_MINUTES = 24 * 60


class LocationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["North Street"])
    timezone: Zone
    address: Line | None = Field(None, examples=["1 North Street, Sampletown"])
    country: Country | None = None
    region: Region | None = None

    def place(self) -> Place:
        return Place(**self.model_dump())


class LocationUpdate(BaseModel):
    """Fields left out stay as they are; null clears."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field("", examples=["North Street"])
    timezone: Zone = ""
    address: Line | None = None
    country: Country | None = None
    region: Region | None = None
    is_active: bool = Field(True, description="Makes active again. DELETE deactivates.")

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class LocationRead(BaseModel):
    """What everybody may see."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    timezone: str
    address: str | None
    country: str | None
    region: str | None
    is_default: Annotated[bool, BeforeValidator(bool)]
    is_active: bool


class DayChange(BaseModel):
    """A day on which the location differs from its calendar."""

    model_config = ConfigDict(extra="forbid")

    is_open: bool = Field(description="True: open although it is a public holiday.", examples=[False])
    name: Name | None = Field(None, examples=["Works outing"])


class HolidayRead(BaseModel):
    """A public holiday, or a day on which the location is closed for a reason of its own."""

    date: date
    name: str | None
    is_public: bool
    is_open: bool = Field(description="That the location is open all the same.")


class TravelChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(ge=5, le=MOST_TRAVEL_MINUTES, description="Multiples of five.", examples=[20])


class TravelRead(BaseModel):
    location_id: UUID
    minutes: int


class RoomCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    location_id: UUID = Field(examples=["019b2f4e-7c1a-7000-8000-000000000004"])
    name: Name = Field(examples=["Room 2"])
    kind: Kind = Field(examples=["treatment"])
    is_device: bool = False

    def new(self) -> NewRoom:
        return NewRoom(**self.model_dump())


class RoomUpdate(BaseModel):
    """Fields left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field("", examples=["Room 2"])
    kind: Kind = Field("", examples=["treatment"], description="Visits that have the room keep it.")
    is_active: bool = Field(True, description="Makes active again. DELETE deactivates.")


class RoomRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    location_id: UUID
    name: str
    kind: str
    is_device: bool
    is_active: bool


Year = Annotated[int, Field(ge=1900, le=2200, examples=[2031])]
PathDay = Annotated[Day, Field(examples=["2031-12-24"])]
