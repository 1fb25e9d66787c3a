"""Sealing the trail, and sweeping up what nobody needs any more: in small batches, and as often as anybody likes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, or_, select, tuple_

from appointed import audit
from appointed.accounts.client_models import AuthorizationCode, UsedAssertion
from appointed.accounts.factors.models import FactorChallenge, TotpKey
from appointed.accounts.factors.rules import ENROLMENT_LASTS
from appointed.accounts.models import AccountLink, LoginFailure, LoginSession
from appointed.accounts.rules import FORGOTTEN_AFTER
from appointed.availability.rules import tick_of
from appointed.core import leases
from appointed.core.db import Database, changed, transaction
from appointed.core.idempotency import StoredAnswer
from appointed.core.ids import new_id
from appointed.core.outbox import OutboxMessage
from appointed.core.retry import run_again
from appointed.notifications.context import Context
from appointed.resources.models import BusyTick

from .chores import purge_erased

EVERY = timedelta(hours=1)
PURGED_EVERY = timedelta(days=1)
DONE_KEPT = timedelta(days=30)
SESSIONS_KEPT = timedelta(days=30)
LINKS_KEPT = timedelta(days=1)
CODES_KEPT = timedelta(days=1)
TICKS_KEPT = timedelta(days=2)
BATCH = 500
MOST_BATCHES = 40
log = structlog.get_logger()


async def tidy_if_due(context: Context) -> None:
    """Tidy, unless somebody did so within the hour; and once a day delete records that need not be kept any more."""
    if await leases.take(context.database.writes, "tidy", new_id(), EVERY, context.clock.now()):
        await tidy(context)
        if await leases.take(context.database.writes, "purge", new_id(), PURGED_EVERY, context.clock.now()):
            log.info("purged", count=await purge_erased(context))


async def seal_trail(context: Context) -> None:
    """Seal what the audit trail got since the last time."""
    await audit.seal_if_due(context.database, audit.heads_in(context.settings.var_dir), context.clock.now())


async def tidy(context: Context) -> Mapping[str, int]:
    """Delete what is stale, up to 20,000 rows of each table; the next time deletes more. How many went, by table."""
    gone = {
        table.__tablename__: await _sweep(context.database, table.__table__, is_stale)
        for table, is_stale in _stale(context.clock.now())
    }
    # Rows whose transaction was open for very long, or whose machine's clock is slow, are found here.
    await audit.seal(context.database, audit.heads_in(context.settings.var_dir), context.clock.now(), is_thorough=True)
    log.info("tidied", rows=" ".join(f"{table}={count}" for table, count in gone.items()))
    return gone


def _stale(now: datetime) -> list[tuple[Any, ColumnElement[bool]]]:
    sessions_end = now - SESSIONS_KEPT
    # A machine opens one every few minutes.
    is_a_clients = and_(LoginSession.client_id.is_not(None), LoginSession.expires_at < now - CODES_KEPT)
    return [
        (OutboxMessage, OutboxMessage.done_at < now - DONE_KEPT),
        (BusyTick, BusyTick.tick < tick_of(now - TICKS_KEPT)),
        (StoredAnswer, StoredAnswer.expires_at <= now),
        (AccountLink, AccountLink.expires_at <= now - LINKS_KEPT),
        (AuthorizationCode, AuthorizationCode.expires_at <= now - CODES_KEPT),
        (UsedAssertion, UsedAssertion.expires_at <= now),
        (FactorChallenge, FactorChallenge.expires_at <= now),
        (TotpKey, and_(TotpKey.confirmed_at.is_(None), TotpKey.created_at <= now - ENROLMENT_LASTS)),
        (LoginFailure, LoginFailure.last_failed_at <= now - FORGOTTEN_AFTER),
        (LoginSession, or_(LoginSession.ended_at < sessions_end, LoginSession.expires_at < sessions_end, is_a_clients)),
    ]


async def _sweep(database: Database, table: Any, is_stale: ColumnElement[bool]) -> int:
    """Looked for while reading, so that no writer waits for the search."""
    keys = list(table.primary_key.columns)
    gone = 0
    for _ in range(MOST_BATCHES):
        async with database.reads() as session:
            found = [tuple(row) for row in await session.execute(select(*keys).where(is_stale).limit(BATCH))]
        if found:
            delete_found = partial(_delete, database, table, tuple_(*keys).in_(found), is_stale)
            gone += await run_again(delete_found)
        if len(found) < BATCH:
            break
    return gone


async def _delete(database: Database, table: Any, *which: ColumnElement[bool]) -> int:
    async with transaction(database.writes) as session:
        deleted = await session.execute(delete(table).where(*which))
        return changed(deleted)
