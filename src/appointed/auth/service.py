"""Logging in: the password is checked before any transaction begins to write."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.errors import InvalidCredentials
from appointed.accounts.passwords import Hasher
from appointed.accounts.tokens import Tokens
from appointed.core.db import Sessions


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, how many seconds it lasts, and the refresh token that gets the next one."""

    access_token: str
    expires_in: int
    refresh_token: str


async def log_in(
    reads: Sessions, session: AsyncSession, hasher: Hasher, tokens: Tokens, *,
    email: str, password: str, lasting: timedelta, now: datetime,
) -> TokenPair:  # fmt: skip
    """`InvalidCredentials` for an unknown address, a wrong password and a disabled account alike."""
    async with reads() as reading:
        user = await queries.find_by_email(reading, email)
    fits = await hasher.verify(password, user.password_hash if user else None)
    if user is None or not fits or not user.is_active:
        raise InvalidCredentials(user.id if user else None)
    session_id, secret = await accounts.open_session(session, user.id, lasting, now)
    return TokenPair(tokens.issue(user.id, session_id, now), int(tokens.lifetime.total_seconds()), secret)


async def refresh(session: AsyncSession, tokens: Tokens, refresh_token: str, now: datetime) -> TokenPair:
    """The next pair; the refresh token that was given is worth nothing any more."""
    user_id, session_id, secret = await accounts.rotate(session, refresh_token, now)
    return TokenPair(tokens.issue(user_id, session_id, now), int(tokens.lifetime.total_seconds()), secret)
