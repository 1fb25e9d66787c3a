"""Places where visits take place, the rooms and devices in them, and who works there."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import HumanString, MachineString


class Location(Base):
    """A place with its own wall clock. `is_default` is true for one and null for the others.

    `country` (ISO 3166-1) and `region` (ISO 3166-2 without the country) name the public holidays that are kept; without
    a country none are.
    """

    __tablename__ = "locations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(HumanString(100))
    timezone: Mapped[str] = mapped_column(MachineString(64))
    address: Mapped[str | None] = mapped_column(HumanString(300))
    country: Mapped[str | None] = mapped_column(MachineString(2))
    region: Mapped[str | None] = mapped_column(MachineString(10))
    is_default: Mapped[bool | None] = mapped_column(unique=True)
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class LocationDay(Base):
    """A day on which the location differs from its calendar: closed, or open although it is a public holiday."""

    __tablename__ = "location_days"

    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    is_open: Mapped[bool]
    name: Mapped[str | None] = mapped_column(HumanString(100))


class TravelTime(Base):
    """Minutes between two locations, either way; `first_id` is the smaller id."""

    __tablename__ = "travel_times"

    first_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    second_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    minutes: Mapped[int] = mapped_column(Integer)


class StaffAssignment(Base):
    """That a member of staff works at a location; who has no such row works at all of them."""

    __tablename__ = "staff_assignments"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"), primary_key=True)


class Room(Base):
    """A room or a device at a location, chosen by its kind. Is a resource under the same id."""

    __tablename__ = "rooms"
    __table_args__ = (Index("ix_rooms_location_id_kind", "location_id", "kind"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"))
    name: Mapped[str] = mapped_column(HumanString(100))
    kind: Mapped[str] = mapped_column(MachineString(40))
    is_device: Mapped[bool]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class RoomKind(Base):
    """A kind of room or device at a location: the resource that is locked while one of that kind is chosen."""

    __tablename__ = "room_kinds"
    __table_args__ = (UniqueConstraint("location_id", "kind"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id"))
    kind: Mapped[str] = mapped_column(MachineString(40))
