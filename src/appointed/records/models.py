"""Medical records (FHIR DocumentReference)."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.sealing import Sealed, open_of
from appointed.core.types import MachineString, SealedBytes


class MedicalRecord(Base):
    """A clinical note. What was signed never changes: an amendment is a new row that names the one it replaces, which
    names it in turn. `version` grows with every change of state. What the parents of a minor may read who is old enough
    for privacy has `released_to_guardians_at`."""

    __tablename__ = "medical_records"
    __table_args__ = (Index("ix_medical_records_patient_id_id", "patient_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"), index=True)
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointments.id"), index=True)
    status: Mapped[str] = mapped_column(MachineString(20))
    version: Mapped[int] = mapped_column(Integer)
    title_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    notes_sealed: Mapped[bytes] = mapped_column(SealedBytes())
    diagnoses_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    amends_id: Mapped[UUID | None] = mapped_column(ForeignKey("medical_records.id"), unique=True)
    amended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("medical_records.id"), unique=True)
    created_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]
    retracted_at: Mapped[datetime | None]
    released_to_guardians_at: Mapped[datetime | None]
    retract_reason_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())

    title = Sealed()
    notes = Sealed()
    retract_reason = Sealed()

    @property
    def diagnoses(self) -> list[dict[str, Any]]:
        """Each with `system`, `code` and `display`."""
        text = open_of(self, "diagnoses")
        return json.loads(text) if text else []
