"""Failed logins, counted in the database: alike on every process, and for an address that nobody has."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Insert, delete, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.clock import Clock
from appointed.core.crypto import Vault
from appointed.core.db import vault_of

from .models import LoginFailure
from .rules import failures_after, wait_after


def subject_of(vault: Vault, email: str) -> bytes:
    """What failures for an address are counted under. Hashed first: a blind index would take `ß` for `ss`."""
    return vault.blind("login", sha256(email.encode("utf-8", "surrogatepass")).hexdigest())


async def settle(session: AsyncSession, email: str, clock: Clock, *, is_right: bool) -> timedelta | None:
    """Count a try that failed and forget the failures before one that did not. How long to wait if it came too early.

    A try that came too early counts whatever its password was: else the next wait would tell which one was right.
    """
    return await settle_subject(session, subject_of(vault_of(session), email), clock, is_right=is_right)


async def wait_of(session: AsyncSession, subject: bytes, clock: Clock) -> timedelta | None:
    """How long to wait before the next try. Until the transaction ends, nobody else counts one."""
    return _wait_of(await _locked(session, subject), clock.now())


async def settle_subject(session: AsyncSession, subject: bytes, clock: Clock, *, is_right: bool) -> timedelta | None:
    """`settle`, of what is counted under something else than an address."""
    row = await _locked(session, subject)
    now = clock.now()
    wait = _wait_of(row, now)
    if is_right and wait is None:
        if row:
            await session.execute(delete(LoginFailure).where(LoginFailure.subject == subject))
        return None
    if row is None:
        await session.execute(_insert(session, subject, now))
        row = await _locked(session, subject)
        assert row is not None  # noqa: S101 - it was inserted, by us or by who was quicker
        wait = _wait_of(row, now)
    row.count = failures_after(row.count, row.last_failed_at, now)
    row.last_failed_at = now
    if wait is None and wait_after(row.count):
        row.locked_until = now + wait_after(row.count)
    return wait


async def forget(session: AsyncSession, email: str) -> None:
    """Let the address be tried again at once."""
    await forget_subject(session, subject_of(vault_of(session), email))


async def forget_subject(session: AsyncSession, subject: bytes) -> None:
    await session.execute(delete(LoginFailure).where(LoginFailure.subject == subject))


async def _locked(session: AsyncSession, subject: bytes) -> LoginFailure | None:
    row: LoginFailure | None = await session.scalar(
        select(LoginFailure)
        .where(LoginFailure.subject == subject)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return row


def _wait_of(row: LoginFailure | None, now: datetime) -> timedelta | None:
    until = row.locked_until if row else None
    return until - now if until and until > now else None


def _insert(session: AsyncSession, subject: bytes, now: datetime) -> Insert:
    """A row without failures, unless there is one: of many who insert it at once, each goes on and none fails."""
    row: dict[str, Any] = {"subject": subject, "count": 0, "last_failed_at": now}
    match session.get_bind().dialect.name:
        case "postgresql":
            return postgresql.insert(LoginFailure).values(row).on_conflict_do_nothing()
        case "sqlite":
            return sqlite.insert(LoginFailure).values(row).on_conflict_do_nothing()
        case _:
            # INSERT IGNORE would share the lock, and two who both want to change the row then wait for each other.
            return mysql.insert(LoginFailure).values(row).on_duplicate_key_update(subject=subject)
