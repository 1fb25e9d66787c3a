"""Sessions of the pages: known by a cookie's hash, over when nobody used them for a while, and never renewed."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.ids import new_id

from .models import LoginSession, User, UserRole
from .queries import Standing

TOKEN_BYTES = 32
# Use is noted no more often: a session may end so much earlier than its last request would have it.
NOTED_EVERY = timedelta(minutes=1)

# Asked for every page, so put together once.
_LIVING = (
    select(LoginSession, UserRole.role)
    .join(User, User.id == LoginSession.user_id)
    .join(UserRole, UserRole.user_id == User.id, isouter=True)
    .where(
        LoginSession.refresh_hash == bindparam("hash"),
        LoginSession.is_cookie,
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > bindparam("now"),
        User.is_active,
    )
)


@dataclass(frozen=True, slots=True)
class CookieSession:
    """A living session of an active user."""

    id: UUID
    user_id: UUID
    used_at: datetime
    standing: Standing

    def is_to_be_noted(self, now: datetime) -> bool:
        return self.used_at + NOTED_EVERY <= now


def new_token() -> str:
    """256 bits that nobody can guess, as a cookie may hold them."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    """Not what a refresh token's would be: neither is ever taken for the other."""
    return sha256(b"appointed:cookie:" + token.encode()).digest()


async def open_session(
    session: AsyncSession, user_id: UUID, lasting: timedelta, now: datetime, *,
    device: str | None = None, second_factor: str | None = None, instead_of: UUID | None = None,
) -> str:  # fmt: skip
    """The cookie of a new session, which lasts so long and no longer; the one that it replaces ends."""
    token, session_id = new_token(), new_id()
    session.add(LoginSession(
        id=session_id, user_id=user_id, refresh_hash=hash_of(token), generation=0, device=device, is_cookie=True,
        second_factor=second_factor, created_at=now, expires_at=now + lasting,
    ))  # fmt: skip
    audit.record(session, now, user_id, "session.open", "session", session_id, method=second_factor or "password")
    if instead_of:
        await session.execute(
            update(LoginSession)
            .where(LoginSession.id == instead_of, LoginSession.ended_at.is_(None))
            .values(ended_at=now)
        )
        audit.record(session, now, user_id, "session.end", "session", instead_of)
    return token


async def find(session: AsyncSession, token: str, *, idle: timedelta, now: datetime) -> CookieSession | None:
    """Whose cookie it is, unless the session has ended or nobody used it for so long."""
    rows = (await session.execute(_LIVING, {"hash": hash_of(token), "now": now})).all()
    if not rows:
        return None
    login: LoginSession = rows[0][0]
    used_at = login.refreshed_at or login.created_at
    if used_at + idle <= now:
        return None
    standing = Standing([role for _, role in rows if role], login.second_factor)
    return CookieSession(login.id, login.user_id, used_at, standing)


async def note_use(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """That the session was used just now; of several requests at once one says so."""
    stale = or_(LoginSession.refreshed_at.is_(None), LoginSession.refreshed_at <= now - NOTED_EVERY)
    await session.execute(
        update(LoginSession)
        .where(LoginSession.id == session_id, LoginSession.ended_at.is_(None), stale)
        .values(refreshed_at=now)
    )
