"""Taking messages out of the outbox and running their handlers: at least once each, never inside a transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.db import changed, transaction
from appointed.core.outbox import OutboxMessage
from appointed.core.retry import run_again
from appointed.notifications.context import Context, Handler, Message
from appointed.notifications.mail import Undeliverable

from .handlers import HANDLERS
from .timing import Timing

USUAL = Timing()
log = structlog.get_logger()


class UnknownEvent(Exception):
    """Nobody here handles it. A newer version may have published it, so it waits for one."""


class Interrupted(Exception):
    """Every attempt ended with the process that made it."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that is ours until its lease ends. `attempts` counts this one, and no other attempt has its number."""

    id: UUID
    name: str
    payload: Mapping[str, str]
    attempts: int


async def due_ids(context: Context, limit: int) -> Sequence[UUID]:
    """Messages that wait for somebody to take them, oldest first."""
    async with context.database.reads() as session:
        query = select(OutboxMessage.id).where(*_due(context.clock.now()))
        return (await session.scalars(query.order_by(OutboxMessage.due_at).limit(limit))).all()


async def deliver(context: Context, message_id: UUID, timing: Timing = USUAL) -> bool:
    """Run the message's handlers, unless it is not due or somebody else is at it. Whether they ran to their end."""
    leased = await lease(context, 1, timing, message_id)
    return bool(leased) and await carry_out(context, leased[0], timing)


async def deliver_due(context: Context, limit: int, timing: Timing = USUAL) -> int:
    """Run the handlers of up to `limit` due messages side by side. How many messages were taken."""
    leased = await lease(context, limit, timing)
    ended = await asyncio.gather(*(carry_out(context, each, timing) for each in leased), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error
    return len(leased)


async def lease(context: Context, limit: int, timing: Timing, message_id: UUID | None = None) -> Sequence[Leased]:
    """Take up to `limit` due messages, or the one that is named, in a transaction of its own.

    Attempts are counted before they are made: a crash must not make us write to a patient for ever.
    """
    return await run_again(lambda: _lease(context, limit, timing, message_id))


async def _lease(context: Context, limit: int, timing: Timing, message_id: UUID | None) -> Sequence[Leased]:
    now = context.clock.now()
    which = [*_due(now), OutboxMessage.id == message_id] if message_id else _due(now)
    query = (
        select(OutboxMessage.id, OutboxMessage.name, OutboxMessage.payload, OutboxMessage.attempts + 1)
        .where(*which)
        .order_by(OutboxMessage.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    async with transaction(context.database.writes) as session:
        leased = [Leased(*row) for row in await session.execute(query)]
        if leased:
            await session.execute(
                update(OutboxMessage)
                .where(OutboxMessage.id.in_([each.id for each in leased]))
                .values(leased_until=now + timing.lease, attempts=OutboxMessage.attempts + 1)
            )
    return leased


async def carry_out(context: Context, leased: Leased, timing: Timing) -> bool:
    """Run the handlers and write down how it ended. Whether all of them ran to their end."""
    try:
        async with asyncio.timeout(timing.handlers.total_seconds()):
            for handler in _handlers_of(leased, timing):
                await handler.run(context, _message(leased))
    except Exception as error:  # whatever a handler meets, the others go on
        await _put_off(context, leased, error, timing)
        return False
    await run_again(lambda: _finish(context, leased))
    return True


async def _finish(context: Context, leased: Leased) -> None:
    """Even when somebody took the message over meanwhile: there is nothing left to do."""
    unfinished = (OutboxMessage.id == leased.id, OutboxMessage.done_at.is_(None))
    done = {"done_at": context.clock.now(), "leased_until": None, "last_error": None}
    async with transaction(context.database.writes) as session:
        await session.execute(update(OutboxMessage).where(*unfinished).values(done))


async def _put_off(context: Context, leased: Leased, error: Exception, timing: Timing) -> None:
    """Try again later, or give up."""
    facts = {"message_id": str(leased.id), "name": leased.name, "attempts": leased.attempts, "error": named(error),
             "where": where(error)}  # fmt: skip
    pause = None if isinstance(error, Undeliverable) else timing.pause_after(leased.attempts)
    now = context.clock.now()
    if pause is None:
        log.error("outbox_given_up", **facts)
        await run_again(lambda: _mark(context, leased, dead_at=now, last_error=named(error)))
    else:
        log.warning("outbox_put_off", **facts)
        await run_again(lambda: _mark(context, leased, due_at=now + pause, last_error=named(error)))


async def _mark(context: Context, leased: Leased, **values: Any) -> None:
    """Let go of the message, unless it was finished or taken over meanwhile."""
    still_ours = (
        OutboxMessage.id == leased.id,
        OutboxMessage.attempts == leased.attempts,
        OutboxMessage.done_at.is_(None),
    )
    async with transaction(context.database.writes) as session:
        marked = await session.execute(update(OutboxMessage).where(*still_ours).values(leased_until=None, **values))
        if changed(marked) and "dead_at" in values:
            await _tell_handlers(session, leased)


async def _tell_handlers(session: AsyncSession, leased: Leased) -> None:
    for handler in HANDLERS.get(leased.name, ()):
        if handler.give_up:
            await handler.give_up(session, _message(leased))


def _handlers_of(leased: Leased, timing: Timing) -> tuple[Handler, ...]:
    if leased.attempts > len(timing.backoff) + 1:
        raise Interrupted
    if leased.name not in HANDLERS:
        raise UnknownEvent
    return HANDLERS[leased.name]


def _message(leased: Leased) -> Message:
    return Message(leased.id, leased.payload)


def _due(now: datetime) -> list[ColumnElement[bool]]:
    return [
        OutboxMessage.done_at.is_(None),
        OutboxMessage.dead_at.is_(None),
        OutboxMessage.due_at <= now,
        or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
    ]


def named(error: BaseException) -> str:
    """What went wrong, in words of ours: what an error says may hold an address."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) and code else type(error).__name__


def where(error: BaseException) -> str:
    """The file and line that it was raised from."""
    frames = extract_tb(error.__traceback__)
    return f"{'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else ""
