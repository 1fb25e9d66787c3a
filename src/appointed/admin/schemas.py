"""Staff accounts on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.accounts.passwords import Password
from appointed.core.text import Email, Name

STAFF_ROLES = [Role.NURSE, Role.RECEPTIONIST, Role.ADMIN, Role.AUDITOR]


class UserCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["robin.desk@example.org"])
    password: Password = Field(examples=["a long sentence is best"])
    display_name: Name = Field(examples=["Robin Desk"])
    roles: set[Role] = Field(min_length=1, examples=[["receptionist"]])


class UserUpdate(BaseModel):
    """Fields left out stay as they are. A change of roles or of `is_active` logs the user out everywhere."""

    model_config = ConfigDict(extra="forbid")

    display_name: Name = Field("", examples=["Robin Desk"])
    roles: set[Role] = Field(set(), min_length=1, examples=[["receptionist", "auditor"]])
    is_active: bool = True


class Assignment(BaseModel):
    """Where a member of staff works, and nowhere else."""

    model_config = ConfigDict(extra="forbid")

    location_ids: set[UUID] = Field(
        max_length=200, description="None: at every location.", examples=[["019b2f4e-7c1a-7000-8000-000000000004"]]
    )


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    display_name: str
    roles: list[str]
    is_active: bool
    created_at: datetime


class UserDetail(UserRead):
    """An account, and where its user works."""

    location_ids: list[UUID] = Field(description="None: at every location.")

    @classmethod
    def of(cls, user: User, location_ids: list[UUID]) -> Self:
        return cls(**UserRead.model_validate(user).model_dump(), location_ids=location_ids)
