"""Logging in: passwords are checked outside of transactions, and whether they fit is settled in one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts
from appointed.accounts import attempts, queries
from appointed.accounts.errors import InvalidCredentials, InvalidToken, LockedOut
from appointed.accounts.models import User
from appointed.accounts.passwords import Hasher
from appointed.accounts.tokens import Tokens
from appointed.core.clock import Clock
from appointed.core.db import Database, transaction
from appointed.core.retry import run_again


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, how many seconds it lasts, and the refresh token that gets the next one."""

    access_token: str
    expires_in: int
    refresh_token: str


async def log_in(
    database: Database, hasher: Hasher, tokens: Tokens, *, email: str, password: str, lasting: timedelta, clock: Clock
) -> TokenPair:
    """`InvalidCredentials` for an unknown address, a wrong password and a disabled account alike, and `LockedOut` after
    too many of them. Opens its own transactions: a failure is counted, not rolled back."""
    async with database.reads() as reading:
        user = await queries.find_by_email(reading, email)
    fits = await hasher.verify(password, user.password_hash if user else None)

    async def settle() -> TokenPair | LockedOut | InvalidCredentials:
        async with transaction(database.writes) as session:
            known = user if user and fits and await _is_as_it_was(session, user) else None
            wait = await attempts.settle(session, email, clock, is_right=known is not None)
            if wait is not None:
                return LockedOut(user.id if user else None, wait=wait)
            if known is None:
                return InvalidCredentials(user.id if user else None)
            now = clock.now()
            session_id, token = await accounts.open_session(session, known.id, lasting, now)
        return _pair(tokens, known.id, session_id, token, now)

    settled = await run_again(settle)
    if isinstance(settled, TokenPair):
        return settled
    raise settled


async def _is_as_it_was(session: AsyncSession, user: User) -> bool:
    """Whether the account can log in with the hash that was checked: hashing takes long enough for it to change."""
    now = await queries.get(session, user.id, for_update=True)
    return now.is_active and now.password_hash == user.password_hash


async def refresh(
    database: Database, tokens: Tokens, refresh_token: str, *, idle: timedelta | None, clock: Clock
) -> TokenPair:
    """The next pair. `InvalidToken` for a token that is no good; if it was good once, its session has ended by then."""

    async def rotate() -> TokenPair | None:
        async with transaction(database.writes) as session:
            now = clock.now()
            refreshed = await accounts.rotate(session, tokens.chain, refresh_token, idle=idle, now=now)
        return _pair(tokens, refreshed.user_id, refreshed.session_id, refreshed.token, now) if refreshed else None

    pair = await run_again(rotate)
    if pair is None:
        raise InvalidToken
    return pair


def _pair(tokens: Tokens, user_id: UUID, session_id: UUID, refresh_token: str, now: datetime) -> TokenPair:
    return TokenPair(tokens.issue(user_id, session_id, now), int(tokens.lifetime.total_seconds()), refresh_token)
