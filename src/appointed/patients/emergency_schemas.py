"""Emergency access on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appointed.core.text import Code, Day, Name, Prose

from .emergencies import Sought

Why = Annotated[Prose, Field(min_length=10, examples=["Unconscious in the waiting room, allergies unknown"])]


class EmergencyAccessCreate(BaseModel):
    """Who is meant, by one of three ways, and why."""

    model_config = ConfigDict(extra="forbid")

    patient_id: UUID | None = None
    record_number: Code | None = Field(None, examples=["P-7Q2K9XHM"])
    first_name: Name | None = None
    last_name: Name | None = None
    birth_date: Day | None = None
    reason: Why

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        by_name = (self.first_name, self.last_name, self.birth_date)
        ways = [self.patient_id is not None, self.record_number is not None, any(by_name)]
        if sum(ways) != 1 or (any(by_name) and None in by_name):
            raise ValueError("name the patient by patient_id, by record_number, or by both names and birth_date")
        return self

    def sought(self) -> Sought:
        return Sought(self.patient_id, self.record_number, self.first_name, self.last_name, self.birth_date)


class EmergencyAccessRead(BaseModel):
    """Open from one instant to the other, for this user alone."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    patient_id: UUID
    opened_at: datetime
    closes_at: datetime


class EmergencyAccessReview(EmergencyAccessRead):
    """As auditors see it."""

    reason: str
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    note: str | None


class Review(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Prose = Field(examples=["Justified: the patient was brought in by ambulance"])
