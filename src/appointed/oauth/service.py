"""Giving out tokens for what proves a right to them. What is found out to be used twice ends what came of it."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit
from appointed.accounts import queries as users
from appointed.accounts.client_models import AuthorizationCode, OAuthClient
from appointed.accounts.errors import InvalidToken
from appointed.accounts.scopes import granted
from appointed.accounts.tokens import Tokens
from appointed.core.clock import Clock
from appointed.core.db import Database, transaction
from appointed.core.retry import run_again

from . import assertions, queries
from .errors import InvalidClient, InvalidGrant, InvalidScope, OAuthError
from .rules import LONGEST_TOKEN, ClientKind, fits

# What a machine shows instead of a password is not less than a second factor.
ASSERTION = "assertion"


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token, how many seconds it lasts and for what, and for an app what gets the next one."""

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What tokens are given out with. `audiences` are the names by which a machine may call us."""

    database: Database
    tokens: Tokens
    clock: Clock
    audiences: Collection[str]

    def issue(
        self, user_id: UUID, session_id: UUID, client_id: UUID, scope: str, now: datetime,
        refresh_token: str | None = None,
    ) -> Issued:  # fmt: skip
        lasts = min(self.tokens.lifetime, LONGEST_TOKEN)
        token = self.tokens.issue(user_id, session_id, now, client_id=client_id, scope=scope, lifetime=lasts)
        return Issued(token, int(lasts.total_seconds()), scope, refresh_token)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a machine has shown, checked against the keys that it had then; None if it does not prove anything."""

    client_id: UUID
    keys: list[dict[str, Any]]
    assertion: assertions.Assertion | None


async def shown_by(desk: Desk, text: str) -> Shown:
    """Looked at outside of the transaction that uses it up; `InvalidClient` if it is not even a machine's."""
    async with desk.database.reads() as reading:
        client = await queries.find(reading, assertions.issuer_of(text), ClientKind.MACHINE)
    if client is None:
        raise InvalidClient
    assertion = assertions.read(text, client.keys, client.id, desk.audiences, desk.clock.now())
    return Shown(client.id, client.keys, assertion)


async def use(session: AsyncSession, shown: Shown, now: datetime) -> OAuthClient | None:
    """The machine, if this was the first time that it showed this. What failed is to be committed too."""
    client = await queries.find(session, shown.client_id, ClientKind.MACHINE, for_update=True)
    assertion = shown.assertion if client and client.keys == shown.keys else None
    if client and assertion and await queries.use_up(session, client.id, assertion):
        return client
    audit.record(session, now, None, "session.open", "client", shown.client_id, outcome=InvalidClient.code)
    return None


async def by_assertion(desk: Desk, text: str, scope: str) -> Issued:
    """A token for a machine that proves who it is (RFC 6749 section 4.4); `InvalidClient`, `InvalidScope`."""
    shown = await shown_by(desk, text)

    async def settle() -> Issued | OAuthError:
        async with transaction(desk.database.writes) as session:
            now = desk.clock.now()
            client = await use(session, shown, now)
            if client is None or client.user_id is None:
                return InvalidClient()
            given = granted(scope, client.scope.split())
            if given is None:
                return InvalidScope()
            session_id, _ = await accounts.open_session(
                session,
                client.user_id,
                LONGEST_TOKEN,
                now,
                device=client.name,
                second_factor=ASSERTION,
                client_id=client.id,
                scope=given,
            )
        return desk.issue(client.user_id, session_id, client.id, given, now)

    return await _settled(settle)


async def by_code(
    desk: Desk, code: str, *, client_id: UUID, redirect_uri: str, verifier: str, lasting: timedelta
) -> Issued:
    """Tokens for an app that its user has let in (RFC 6749 section 4.1.3); `InvalidClient`, `InvalidGrant`."""

    async def settle() -> Issued | OAuthError:
        async with transaction(desk.database.writes) as session:
            now = desk.clock.now()
            known = await _locked_code(session, code, client_id)
            if isinstance(known, OAuthError):
                return known
            row, client = known
            if row.used_at:
                await _end_what_came_of(session, row, now)
                return InvalidGrant()
            is_its_own = row.client_id == client.id and row.redirect_uri == redirect_uri and now < row.expires_at
            if not is_its_own or not fits(verifier, row.challenge):
                audit.record(session, now, None, "session.open", "user", row.user_id, outcome=InvalidGrant.code,
                             client_id=str(client.id))  # fmt: skip
                return InvalidGrant()
            session_id, token = await accounts.open_session(
                session,
                row.user_id,
                lasting,
                now,
                device=client.name,
                second_factor=row.second_factor,
                client_id=client.id,
                scope=row.scope,
            )
            row.used_at, row.session_id = now, session_id
        return desk.issue(row.user_id, session_id, client.id, row.scope, now, token)

    return await _settled(settle)


async def _locked_code(
    session: AsyncSession, code: str, client_id: UUID
) -> tuple[AuthorizationCode, OAuthClient] | OAuthError:
    """The code and who wants to use it, locked: its user first, as everywhere, whose other sessions may be ending."""
    seen = await queries.find_code(session, code)
    user = await users.get(session, seen.user_id, for_update=True) if seen else None
    client = await queries.find(session, client_id, ClientKind.APP, for_update=True)
    if client is None:
        return InvalidClient()
    row = await queries.find_code(session, code, for_update=True)
    return (row, client) if row and user and user.is_active else InvalidGrant()


async def _end_what_came_of(session: AsyncSession, row: AuthorizationCode, now: datetime) -> None:
    """RFC 6749 section 4.1.2: a code that comes back is in two hands."""
    if row.session_id:
        await accounts.end_of_client(session, row.client_id, now, only=row.session_id)
    audit.record(session, now, row.user_id, "session.reuse", "session", row.session_id, outcome=InvalidGrant.code,
                 client_id=str(row.client_id))  # fmt: skip


async def by_refresh_token(
    desk: Desk, refresh_token: str, scope: str, *, client_id: UUID, idle: timedelta | None
) -> Issued:
    """The next pair for an app, of no more than it was given (RFC 6749 section 6); `InvalidClient`, `InvalidGrant`,
    `InvalidScope`. An old token ends the session, as everywhere."""

    async def settle() -> Issued | OAuthError:
        async with transaction(desk.database.writes) as session:
            now = desk.clock.now()
            if await queries.find(session, client_id, ClientKind.APP) is None:
                return InvalidClient()
            lives_on = await accounts.rotate(session, desk.tokens.chain, refresh_token, idle=idle, now=now,
                                             client_id=client_id)  # fmt: skip
            if lives_on is None:
                return InvalidGrant()
            given = granted(scope, lives_on.scope.split())
            if given is None:
                # Not returned but raised: nothing was given, so the token stays good.
                raise InvalidScope
        return desk.issue(lives_on.user_id, lives_on.session_id, client_id, given, now, lives_on.token)

    return await _settled(settle)


async def give_up(desk: Desk, token: str, *, client_id: UUID | None, assertion: str | None) -> None:
    """End the session that a token of the client is of (RFC 7009); `InvalidClient`. What is no such token is none."""
    shown = await shown_by(desk, assertion) if assertion else None

    async def settle() -> OAuthError | None:
        async with transaction(desk.database.writes) as session:
            now = desk.clock.now()
            client = await (use(session, shown, now) if shown else queries.find(session, client_id, ClientKind.APP))
            if client is None:
                return InvalidClient()
            try:
                said = desk.tokens.read(token, now)
            except InvalidToken:
                await accounts.give_up(session, desk.tokens.chain, token, client_id=client.id, now=now)
                return None
            if await accounts.end_of_client(session, client.id, now, only=said.session_id):
                audit.record(session, now, said.user_id, "session.end", "session", said.session_id,
                             client_id=str(client.id))  # fmt: skip
        return None

    if refused := await run_again(settle):
        raise refused


async def _settled(settle: Callable[[], Awaitable[Issued | OAuthError]]) -> Issued:
    """What was settled, now that it is committed."""
    settled = await run_again(settle)
    if isinstance(settled, OAuthError):
        raise settled
    return settled
