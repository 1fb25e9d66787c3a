"""Opening hours of doctors (FHIR Schedule)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appointed.core.db import Base
from appointed.core.sealing import Sealed
from appointed.core.types import MachineString, SealedBytes


class Schedule(Base):
    """Weekly hours of a doctor at a location, as wall time of that location. Minutes count from midnight of the weekday
    (Monday is 0); an end beyond 1,440 lies on the next day.

    `kind` is one of `rules.HoursKind`: a break and what is closed take time away from the hours at that location.
    Exceptions by date are rows that are valid on that one day. Hours with `release_minutes` are kept back until that
    long before a visit's start.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        Index("ix_schedules_doctor_id", "doctor_id", "weekday"),
        # For those who look for any doctor: what has ended stays in the table.
        Index("ix_schedules_weekday_valid_until", "weekday", "valid_until"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"))
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"), index=True)
    kind: Mapped[str] = mapped_column(MachineString(10))
    weekday: Mapped[int] = mapped_column(SmallInteger)
    start_minute: Mapped[int] = mapped_column(Integer)
    end_minute: Mapped[int] = mapped_column(Integer)
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    release_minutes: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime]

    visit_type_rows: Mapped[list["ScheduleVisitType"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def visit_type_ids(self) -> list[UUID]:
        return sorted(row.visit_type_id for row in self.visit_type_rows)


class ScheduleVisitType(Base):
    """Hours with such rows are for these visit types only."""

    __tablename__ = "schedule_visit_types"

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True)
    visit_type_id: Mapped[UUID] = mapped_column(ForeignKey("visit_types.id"), primary_key=True)


class TimeOff(Base):
    """Time in which a doctor sees nobody: leave, or a block such as a meeting or call-backs (`rules.TimeOffKind`)."""

    __tablename__ = "time_off"
    __table_args__ = (Index("ix_time_off_doctor_id_ends_at", "doctor_id", "ends_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"))
    kind: Mapped[str] = mapped_column(MachineString(10))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason_code: Mapped[str] = mapped_column(MachineString(40))
    note_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]

    note = Sealed()


class Offer(Base):
    """That a doctor offers a visit type, at one location or at all, and how it differs there; null is as the type says.

    A visit type without any such row is offered by every doctor everywhere; one with rows by those doctors only.
    """

    __tablename__ = "doctor_offers"
    __table_args__ = (
        Index("ix_doctor_offers_doctor_id_visit_type_id", "doctor_id", "visit_type_id"),
        Index("ix_doctor_offers_visit_type_id", "visit_type_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("doctors.id"))
    visit_type_id: Mapped[UUID] = mapped_column(ForeignKey("visit_types.id"))
    location_id: Mapped[UUID | None] = mapped_column(ForeignKey("locations.id"))
    length_minutes: Mapped[int | None] = mapped_column(Integer)
    buffer_before_minutes: Mapped[int | None] = mapped_column(Integer)
    buffer_after_minutes: Mapped[int | None] = mapped_column(Integer)
    notice_minutes: Mapped[int | None] = mapped_column(Integer)
    window_days: Mapped[int | None] = mapped_column(Integer)
    daily_limit: Mapped[int | None] = mapped_column(Integer)
    weekly_limit: Mapped[int | None] = mapped_column(Integer)
