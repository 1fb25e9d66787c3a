"""Records on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from appointed.core.text import Code, Line, Notes, Prose

from .rules import Status
from .service import Draft


class Diagnosis(BaseModel):
    """A Coding of FHIR R4."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    system: Code = Field(examples=["http://hl7.org/fhir/sid/icd-10"])
    code: Code = Field(examples=["J06.9"])
    display: Line | None = Field(None, examples=["Acute upper respiratory infection"])


Diagnoses = Annotated[list[Diagnosis], Field(max_length=50)]


class RecordCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    notes: Notes = Field(examples=["Cough for three days, lungs clear. Rest and fluids."])
    title: Line | None = Field(None, examples=["Cough"])
    diagnoses: Diagnoses = []
    appointment_id: UUID | None = Field(None, description="The visit that it is about.")
    status: Literal["preliminary", "final"] = Field(
        "final", description="`preliminary` is for the author alone until it is signed."
    )

    def draft(self) -> Draft:
        return Draft(
            notes=self.notes,
            title=self.title,
            diagnoses=[diagnosis.model_dump() for diagnosis in self.diagnoses],
            appointment_id=self.appointment_id,
            status=Status(self.status),
        )


class RecordAmend(BaseModel):
    """Fields left out stay as they are in the version that is amended; null clears."""

    model_config = ConfigDict(extra="forbid")

    notes: Notes = Field(examples=["Cough for five days, lungs clear. Rest and fluids."])
    title: Line | None = None
    diagnoses: Diagnoses = []

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Retraction(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Prose = Field(examples=["Written about the wrong patient"])


class RecordRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    patient_id: UUID
    author_id: UUID = Field(description="The doctor who wrote and signed it.")
    appointment_id: UUID | None
    status: Status
    version: int
    title: str | None
    notes: str
    diagnoses: list[Diagnosis]
    amends_id: UUID | None = Field(description="The version that it replaces.")
    amended_by_id: UUID | None = Field(description="The version that replaces it.")
    created_at: datetime
    signed_at: datetime | None
    retracted_at: datetime | None
    retract_reason: str | None
    released_to_guardians_at: datetime | None = Field(
        description="Set, the parents of a minor read it from whom the clinic keeps such records."
    )
