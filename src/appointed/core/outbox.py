"""The outbox: what is to happen after a commit, kept in the same transaction as what it follows from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, Index, Integer, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from . import batch
from .db import Base, changed
from .ids import new_id
from .types import HumanString, MachineString

_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, told by ids and times only: an event passes through logs and brokers."""

    name: ClassVar[str]


class OutboxMessage(Base):
    """An event on its way to its handlers. Done when `done_at` is set, given up when `dead_at` is."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_pending", "done_at", "dead_at", "due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(MachineString(60))
    payload: Mapped[dict[str, str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(HumanString(300))


def publish(session: AsyncSession, event: Event, now: datetime, *, due_at: datetime | None = None) -> UUID:
    """Have the event's handlers run after the commit, at least once each, and not before `due_at`."""
    message_id = new_id()
    row = {"id": message_id, "name": event.name, "payload": payload_of(event), "created_at": now,
           "due_at": due_at or now, "attempts": 0}  # fmt: skip
    batch.put(session, OutboxMessage.__table__, [row])
    session.info.setdefault("published", []).append(message_id)
    return message_id


def published(session: AsyncSession) -> list[UUID]:
    """The messages that this session's transaction leaves behind."""
    ids: list[UUID] = session.info.get("published", [])
    return ids


def payload_of(event: Event) -> dict[str, str]:
    return {key: value.isoformat() if isinstance(value, datetime) else str(value) for key, value in _fields(event)}


def _fields(event: Event) -> list[tuple[str, Any]]:
    values = ((field.name, getattr(event, field.name)) for field in fields(event))
    return [(name, value) for name, value in values if value is not None]


async def count(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """How many messages are due and not done, and how many were given up."""
    waiting = select(func.count()).where(
        OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None), OutboxMessage.due_at <= now
    )
    dead = select(func.count()).where(OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_not(None))
    return (await session.scalar(waiting)) or 0, (await session.scalar(dead)) or 0


async def oldest_due(session: AsyncSession, now: datetime) -> datetime | None:
    """Since when the message that waits longest could have been done."""
    oldest: datetime | None = await session.scalar(
        select(func.min(OutboxMessage.due_at)).where(
            OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None), OutboxMessage.due_at <= now
        )
    )
    return oldest


async def unfinished(session: AsyncSession, *, only_dead: bool, limit: int) -> Sequence[OutboxMessage]:
    """Messages that are waiting or were given up, oldest first."""
    query = select(OutboxMessage).where(OutboxMessage.done_at.is_(None))
    if only_dead:
        query = query.where(OutboxMessage.dead_at.is_not(None))
    return (await session.scalars(query.order_by(OutboxMessage.id).limit(limit))).all()


async def withdraw(session: AsyncSession, ids: Collection[UUID]) -> int:
    """Delete what has not been handled and names one of these. How much there was."""
    wanted = set(map(str, ids))
    query = select(OutboxMessage.id, OutboxMessage.payload).where(OutboxMessage.done_at.is_(None))
    found = [row.id for row in await session.execute(query) if wanted.intersection(row.payload.values())]
    for start in range(0, len(found), _MOST_AT_ONCE):
        some = found[start : start + _MOST_AT_ONCE]
        await session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(some)))
    return len(found)


async def retry(session: AsyncSession, ids: Collection[UUID], now: datetime) -> int:
    """Give messages that were given up their attempts back; without ids, all of them. How many there were."""
    dead = [OutboxMessage.dead_at.is_not(None), OutboxMessage.done_at.is_(None)]
    if ids:
        dead.append(OutboxMessage.id.in_(ids))
    revived = await session.execute(
        update(OutboxMessage).where(*dead).values(dead_at=None, attempts=0, due_at=now, leased_until=None)
    )
    return changed(revived)
