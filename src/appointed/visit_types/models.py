"""Visit types: what can be booked (FHIR HealthcareService)."""

from typing import TypedDict
from uuid import UUID

from sqlalchemy import JSON, Integer
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import HumanString, MachineString


class PractitionerRole(TypedDict):
    """Somebody who takes part besides the doctor: any doctor of the specialization who is free."""

    role: str
    specialization: str


class VisitType(Base):
    """How long a visit is, when it may start and what it takes. `is_default` is true for one and null for the others.

    A limit that is null does not limit. `daily_limit` and `weekly_limit` count a doctor's visits of this type in the
    location's days and weeks, `patient_limit` a patient's visits of this type that are to come, `revisit_days` the days
    between two visits of a patient. After `no_show_limit` no-shows in `no_show_months` a patient cannot book online.
    """

    __tablename__ = "visit_types"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(HumanString(100))
    length_minutes: Mapped[int] = mapped_column(Integer)
    allowed_lengths: Mapped[list[int]] = mapped_column(JSON)
    buffer_before_minutes: Mapped[int] = mapped_column(Integer)
    buffer_after_minutes: Mapped[int] = mapped_column(Integer)
    grid_minutes: Mapped[int] = mapped_column(Integer)
    grid_offset_minutes: Mapped[int] = mapped_column(Integer)
    notice_minutes: Mapped[int] = mapped_column(Integer)
    window_days: Mapped[int] = mapped_column(Integer)
    daily_limit: Mapped[int | None] = mapped_column(Integer)
    weekly_limit: Mapped[int | None] = mapped_column(Integer)
    patient_limit: Mapped[int | None] = mapped_column(Integer)
    revisit_days: Mapped[int | None] = mapped_column(Integer)
    is_virtual: Mapped[bool]
    audience: Mapped[str] = mapped_column(MachineString(10))
    instructions: Mapped[str | None] = mapped_column(HumanString(2000))
    colour: Mapped[str | None] = mapped_column(MachineString(7))
    room_kind: Mapped[str | None] = mapped_column(MachineString(40))
    device_kinds: Mapped[list[str]] = mapped_column(JSON)
    practitioner_roles: Mapped[list[PractitionerRole]] = mapped_column(JSON)
    cancel_notice_minutes: Mapped[int] = mapped_column(Integer)
    no_show_limit: Mapped[int | None] = mapped_column(Integer)
    no_show_months: Mapped[int | None] = mapped_column(Integer)
    is_default: Mapped[bool | None] = mapped_column(unique=True)
    is_active: Mapped[bool]
