"""Doctors on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from appointed.accounts.passwords import Password
from appointed.core.text import Day, Email, Name, Prose

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
Title = Annotated[Name, Field(max_length=50)]


class DoctorCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["dana.demo@example.org"])
    password: Password = Field(examples=["a long sentence is best"])
    first_name: Name = Field(examples=["Dana"])
    last_name: Name = Field(examples=["Demo"])
    specialization: Name = Field(examples=["General practice"])
    title: Title | None = Field(None, examples=["Dr."])
    bio: Prose | None = None
    languages: list[Language] = Field([], max_length=20, description="BCP 47", examples=[["en", "de"]])


class DoctorUpdate(BaseModel):
    """Fields left out stay as they are; null clears."""

    model_config = ConfigDict(extra="forbid")

    first_name: Name = ""
    last_name: Name = ""
    specialization: Name = Field("", examples=["General practice"])
    title: Title | None = Field(None, examples=["Dr."])
    bio: Prose | None = None
    languages: list[Language] = Field([], max_length=20)
    is_active: bool = Field(True, description="By administrators: makes active again. DELETE deactivates.")


class DoctorRead(BaseModel):
    """What everybody may see."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str | None
    first_name: str
    last_name: str
    specialization: str
    bio: str | None
    languages: list[str]
    is_active: bool


class CoverCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by_doctor_id: UUID = Field(examples=["019b2f4e-7c1a-7000-8000-000000000002"])
    valid_from: Day = Field(description="The first day.", examples=["2031-03-03"])
    valid_until: Day = Field(description="The last day.", examples=["2031-03-14"])


class CoverRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    doctor_id: UUID
    by_doctor_id: UUID
    valid_from: date
    valid_until: date
    created_at: datetime
    ended_at: datetime | None
