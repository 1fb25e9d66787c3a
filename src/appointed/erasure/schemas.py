"""Erasing on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .rules import Ground


class Erasure(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Ground = Field(description="Kept in the trail, which holds no text.", examples=[Ground.CONSENT_WITHDRAWN])


class ErasureAskedRead(BaseModel):
    """That a patient asked to be erased; a month is what GDPR article 12 (3) gives for an answer."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="The patient's.")
    erasure_asked_at: datetime


class ErasedRead(BaseModel):
    """Under the record number is found what must be kept."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    record_number: str = Field(examples=["P-7K3M9Q2A"])
    erased_at: datetime
