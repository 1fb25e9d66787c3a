"""Messages in the outbox, and what becomes of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from appointed.core import outbox
from appointed.core.db import Database, transaction
from appointed.core.outbox import Event, OutboxMessage


async def published(database: Database, now: datetime, *events: Event) -> list[UUID]:
    """The messages of these events, left behind by one transaction."""
    async with transaction(database.writes) as session:
        return [outbox.publish(session, event, now) for event in events]


async def message(database: Database, message_id: UUID) -> OutboxMessage:
    """As it is in the database now."""
    async with database.reads() as session:
        return await session.get_one(OutboxMessage, message_id)


async def messages(database: Database) -> Sequence[OutboxMessage]:
    async with database.reads() as session:
        return (await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))).all()


async def undone(database: Database) -> int:
    """How many messages have not reached their end."""
    async with database.reads() as session:
        query = select(func.count()).where(OutboxMessage.done_at.is_(None))
        return await session.scalar(query) or 0
