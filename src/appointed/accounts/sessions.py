"""Sessions: a login on one device, opened by a password, kept alive by refresh tokens, ended by many things."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.db import changed
from appointed.core.errors import NotFound
from appointed.core.ids import new_id

from . import queries
from .client_models import AuthorizationCode
from .errors import InvalidToken
from .models import LoginSession, User
from .refresh import GRACE, Chain, Place, first_token, hash_of, place_of


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A session that lives on, and the token that refreshes it the next time."""

    user_id: UUID
    session_id: UUID
    token: str
    scope: str = ""


async def open_session(
    session: AsyncSession, user_id: UUID, lasting: timedelta, now: datetime, *, device: str | None = None,
    second_factor: str | None = None, client_id: UUID | None = None, scope: str | None = None,
) -> tuple[UUID, str]:  # fmt: skip
    """A new session's id and its refresh token. It lasts so long and no longer, however often it is refreshed."""
    session_id = new_id()
    token = first_token(session_id)
    session.add(LoginSession(id=session_id, user_id=user_id, refresh_hash=hash_of(token), generation=0, device=device,
                             second_factor=second_factor, created_at=now, expires_at=now + lasting,
                             client_id=client_id, scope=scope))  # fmt: skip
    audit.record(session, now, user_id, "session.open", "session", session_id, method=second_factor or "password",
                 client_id=_named(client_id))  # fmt: skip
    return session_id, token


async def rotate(
    session: AsyncSession, chain: Chain, token: str, *, idle: timedelta | None, now: datetime,
    client_id: UUID | None = None,
) -> Refreshed | None:  # fmt: skip
    """The session with its next token; None for a token that is no good, also one of another app or of none.

    The token before the last is answered with the last for a moment: it may be that its answer was lost. Any older one
    is in two hands, and ends the session; so what is None is to be committed too.
    """
    place = place_of(token)
    login = await _locked(session, token, place, now, client_id)
    if login is None or (idle is not None and (login.refreshed_at or login.created_at) + idle <= now):
        return None
    if hmac.compare_digest(login.refresh_hash, hash_of(token)):
        following = chain.following(token, Place(login.id, login.generation + 1))
        login.refresh_hash, login.generation, login.refreshed_at = hash_of(following), login.generation + 1, now
        audit.record(session, now, login.user_id, "session.refresh", "session", login.id, client_id=_named(client_id))
        return Refreshed(login.user_id, login.id, following, login.scope or "")
    last = _last_after(chain, token, place, login)
    if place is None or last is None:
        return None
    if place.number == login.generation - 1 and login.refreshed_at and now < login.refreshed_at + GRACE:
        audit.record(session, now, login.user_id, "session.refresh", "session", login.id, is_repeated=str(True),
                     client_id=_named(client_id))  # fmt: skip
        return Refreshed(login.user_id, login.id, last, login.scope or "")
    login.ended_at = now
    audit.record(session, now, login.user_id, "session.reuse", "session", login.id, outcome=InvalidToken.code,
                 client_id=_named(client_id))  # fmt: skip
    return None


def _last_after(chain: Chain, token: str, place: Place | None, login: LoginSession) -> str | None:
    """The session's last token, if this is an older one of it."""
    last = chain.last(token, place, login.generation) if place else None
    return last if last and hmac.compare_digest(login.refresh_hash, hash_of(last)) else None


def _named(client_id: UUID | None) -> str | None:
    return str(client_id) if client_id else None


async def _locked(
    session: AsyncSession, token: str, place: Place | None, now: datetime, client_id: UUID | None
) -> LoginSession | None:
    """The living session of an active user, with this app or none, that a token is for."""
    is_it = LoginSession.id == place.session_id if place else LoginSession.refresh_hash == hash_of(token)
    login: LoginSession | None = await session.scalar(
        select(LoginSession)
        .join(User, User.id == LoginSession.user_id)
        .where(
            is_it,
            LoginSession.is_cookie.is_(False),
            LoginSession.ended_at.is_(None),
            LoginSession.expires_at > now,
            User.is_active,
            LoginSession.client_id.is_(None) if client_id is None else LoginSession.client_id == client_id,
        )
        .with_for_update(of=LoginSession)
        .execution_options(populate_existing=True)
    )
    return login


async def give_up(session: AsyncSession, chain: Chain, token: str, *, client_id: UUID, now: datetime) -> None:
    """End the app's session that a refresh token is of, however old it is (RFC 7009); else nothing."""
    place = place_of(token)
    login = await _locked(session, token, place, now, client_id)
    if login is None:
        return
    if hmac.compare_digest(login.refresh_hash, hash_of(token)) or _last_after(chain, token, place, login):
        login.ended_at = now
        audit.record(session, now, login.user_id, "session.end", "session", login.id, client_id=_named(client_id))


async def end_of_client(session: AsyncSession, client_id: UUID, now: datetime, *, only: UUID | None = None) -> bool:
    """End the living sessions of an app or a machine, or only one of them; whether there was any."""
    living = [LoginSession.client_id == client_id, LoginSession.ended_at.is_(None)]
    if only:
        living.append(LoginSession.id == only)
    ended = await session.execute(update(LoginSession).where(*living).values(ended_at=now))
    if not only:
        await _void_codes(session, AuthorizationCode.client_id == client_id, now)
    return changed(ended) > 0


async def living(session: AsyncSession, session_id: UUID, now: datetime) -> LoginSession:
    """The session, behind the lock of its user: `InvalidToken` if it was ended since somebody asked with it, for what
    they asked for would outlive it."""
    login: LoginSession | None = await session.scalar(
        select(LoginSession)
        .where(LoginSession.id == session_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now)
        .execution_options(populate_existing=True)
    )
    if login is None:
        raise InvalidToken
    return login


async def end_session(session: AsyncSession, session_id: UUID, *, by: UUID, now: datetime) -> None:
    await session.execute(update(LoginSession).where(LoginSession.id == session_id).values(ended_at=now))
    audit.record(session, now, by, "session.end", "session", session_id)


async def end_own(session: AsyncSession, user_id: UUID, session_id: UUID, now: datetime) -> None:
    """End one of the user's sessions; `NotFound` if it is none of theirs, or has ended."""
    living = (LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now)
    ended = await session.execute(
        update(LoginSession).where(LoginSession.id == session_id, *living).values(ended_at=now)
    )
    if not changed(ended):
        raise NotFound
    audit.record(session, now, user_id, "session.end", "session", session_id)


async def end_all(session: AsyncSession, user_id: UUID, *, by: UUID, now: datetime) -> None:
    """Log somebody out everywhere; their password stays good."""
    await queries.get(session, user_id, for_update=True)
    await end_sessions(session, user_id, now)
    audit.record(session, now, by, "session.end-all", "user", user_id)


async def end_sessions(session: AsyncSession, user_id: UUID, now: datetime, *, keep: UUID | None = None) -> None:
    """Log the user out everywhere, or everywhere else."""
    living = [LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)]
    if keep:
        living.append(LoginSession.id != keep)
    await session.execute(update(LoginSession).where(*living).values(ended_at=now))
    await _void_codes(session, AuthorizationCode.user_id == user_id, now)


async def _void_codes(session: AsyncSession, whose: ColumnElement[bool], now: datetime) -> None:
    """What was allowed a moment ago and has not become a session yet becomes none."""
    await session.execute(
        update(AuthorizationCode).where(whose, AuthorizationCode.used_at.is_(None)).values(used_at=now)
    )
