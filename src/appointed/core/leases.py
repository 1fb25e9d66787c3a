"""Leases: who may do what only one process should do at a time."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Sessions, changed, transaction
from .types import MachineString


class Lease(Base):
    """The holder of a name until an instant; after it anybody may take it."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(MachineString(60), primary_key=True)
    holder: Mapped[UUID]
    expires_at: Mapped[datetime]


async def take(sessions: Sessions, name: str, holder: UUID, lasting: timedelta, now: datetime) -> bool:
    """Take or renew the lease; False while somebody else holds it."""
    free = or_(Lease.holder == holder, Lease.expires_at <= now)
    async with transaction(sessions) as session:
        renewed = await session.execute(
            update(Lease).where(Lease.name == name, free).values(holder=holder, expires_at=now + lasting)
        )
        if changed(renewed):
            return True
        if await session.get(Lease, name):
            return False
    try:
        async with transaction(sessions) as session:
            session.add(Lease(name=name, holder=holder, expires_at=now + lasting))
    except IntegrityError:
        return False
    return True
