"""What the clock does with visits, every minute: each chore whatever becomes of the others, and as often as it may."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from appointed.appointments import queries
from appointed.appointments import service as appointments
from appointed.core.db import transaction
from appointed.core.errors import Unavailable
from appointed.core.retry import run_again
from appointed.erasure import service as erasure
from appointed.notifications.context import Context

from .delivery import named, where

MOST = 200
log = structlog.get_logger()

Chore = Callable[[Context], Awaitable[int]]


async def do_chores(context: Context) -> None:
    """Do them all once."""
    for chore in CHORES:
        try:
            if count := await chore(context):
                log.info("chore_done", chore=chore.__name__, count=count)
        except Exception as error:
            # Its message may hold what nobody is to read in a log.
            log.error("chore_failed", chore=chore.__name__, error=named(error), where=where(error))  # noqa: TRY400


async def close_missed(context: Context) -> int:
    """Mark as no-shows the visits that nobody came to, if the clinic wants that; how many, up to 200 at a time."""
    if context.settings.auto_no_show_minutes is None:
        return 0
    after = timedelta(minutes=context.settings.auto_no_show_minutes)
    async with context.database.reads() as session:
        ids = await queries.missed_ids(session, context.clock.now() - after, MOST)
    return await _each(ids, partial(_miss, context, after))


async def _miss(context: Context, after: timedelta, appointment_id: UUID) -> bool:
    async with transaction(context.database.writes) as session:
        return await appointments.miss_if_due(session, appointment_id, after, clock=context.clock)


async def end_holds(context: Context) -> int:
    """End the holds that are over; how many, up to 200 at a time. Until then they stand in nobody's way."""
    async with context.database.reads() as session:
        ids = await queries.expired_ids(session, context.clock.now(), MOST)
    return await _each(ids, partial(_expire, context))


async def _expire(context: Context, appointment_id: UUID) -> bool:
    async with transaction(context.database.writes) as session:
        return await appointments.expire_if_due(session, appointment_id, clock=context.clock)


async def purge_erased(context: Context) -> int:
    """Delete the records of patients who were erased, where they have been kept long enough; of how many, up to 200 at
    a time."""
    async with context.database.reads() as session:
        ids = await erasure.due_for_purge(session, context.settings, context.clock.now(), MOST)
    return await _each(ids, partial(_purge, context))


async def _purge(context: Context, patient_id: UUID) -> bool:
    async with transaction(context.database.writes) as session:
        return await erasure.purge(session, patient_id, context.settings, clock=context.clock)


async def _each(ids: Sequence[UUID], work: Callable[[UUID], Awaitable[bool]]) -> int:
    """Work on each in a transaction of its own; one that others keep locked waits for the next time."""
    done = 0
    for each in ids:
        try:
            done += await run_again(partial(work, each))
        except Unavailable:
            log.warning("chore_put_off", entity_id=str(each))
    return done


CHORES: Sequence[Chore] = (end_holds, close_missed)
