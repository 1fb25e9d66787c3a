"""Doctors (FHIR Practitioner)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import HumanString, MachineString


class Doctor(Base):
    """Somebody who sees patients. Is a resource under the same id; always has a login."""

    __tablename__ = "doctors"
    __table_args__ = (
        Index("ix_doctors_last_name_key", "last_name_key", "id"),
        Index("ix_doctors_specialization", "specialization_key"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), unique=True)
    title: Mapped[str | None] = mapped_column(HumanString(50))
    first_name: Mapped[str] = mapped_column(HumanString(100))
    last_name: Mapped[str] = mapped_column(HumanString(100))
    last_name_key: Mapped[str] = mapped_column(MachineString(200))
    specialization: Mapped[str] = mapped_column(HumanString(100))
    specialization_key: Mapped[str] = mapped_column(MachineString(200))
    bio: Mapped[str | None] = mapped_column(HumanString(5_000))
    languages: Mapped[list[str]] = mapped_column(JSON)
    is_active: Mapped[bool]
    created_at: Mapped[datetime]

    @property
    def name(self) -> str:
        return " ".join(filter(None, [self.title, self.first_name, self.last_name]))
