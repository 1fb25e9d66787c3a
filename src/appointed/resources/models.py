"""Resources and the ticks at which they are busy."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import MachineString


class Resource(Base):
    """Anything whose time can be taken; shares its id with the doctor, room, device or patient that it is."""

    __tablename__ = "resources"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(MachineString(20))


class BusyTick(Base):
    """Five minutes of a resource's time. The primary key is what makes a double booking impossible."""

    __tablename__ = "busy_ticks"
    __table_args__ = (Index("ix_busy_ticks_owner_id", "owner_id"),)

    resource_id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    tick: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    owner_id: Mapped[UUID]
    owner_kind: Mapped[str] = mapped_column(MachineString(20))
    is_buffer: Mapped[bool]
    expires_at: Mapped[datetime | None]
