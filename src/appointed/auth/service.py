"""Logging in: passwords are checked outside of transactions, and whether they fit is settled in one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts
from appointed.accounts import attempts, cookies, links, queries
from appointed.accounts.actor import Actor
from appointed.accounts.errors import InvalidCredentials, InvalidToken, LinkSpent, LockedOut, WrongPassword
from appointed.accounts.factors import showing
from appointed.accounts.factors.errors import SecondFactorRequired
from appointed.accounts.models import User
from appointed.accounts.passwords import Hasher
from appointed.accounts.rules import Purpose
from appointed.accounts.tokens import Tokens
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import Database, Sessions, transaction
from appointed.core.retry import run_again

Hint = Callable[[Sequence[UUID]], None]
Check = Callable[[User], None]
T = TypeVar("T")
LetIn = Callable[[AsyncSession, UUID, datetime], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, how many seconds it lasts, and the refresh token that gets the next one."""

    access_token: str
    expires_in: int
    refresh_token: str


@dataclass(frozen=True, slots=True)
class PageDoor:
    """How a session of the pages is to be opened: for how long, on what, and in the place of which one."""

    lasting: timedelta
    device: str | None
    instead_of: UUID | None
    second_factor: str | None = None

    async def open(self, session: AsyncSession, user_id: UUID, now: datetime) -> str:
        return await cookies.open_session(
            session, user_id, self.lasting, now, device=self.device, second_factor=self.second_factor,
            instead_of=self.instead_of,
        )  # fmt: skip


async def log_in(
    database: Database, hasher: Hasher, tokens: Tokens, *, email: str, password: str, lasting: timedelta,
    device: str | None, clock: Clock,
) -> TokenPair:  # fmt: skip
    """`InvalidCredentials` for an unknown address, a wrong password and a disabled account alike, and `LockedOut` after
    too many of them; `SecondFactorRequired` where the right password is not all. Opens its own transactions: a failure
    is counted, not rolled back."""

    async def let_in(session: AsyncSession, user_id: UUID, now: datetime) -> TokenPair:
        session_id, token = await accounts.open_session(session, user_id, lasting, now, device=device)
        return pair_of(tokens, user_id, session_id, token, now)

    return await _log_in(database, hasher, let_in, email=email, password=password, clock=clock)


async def log_in_page(
    database: Database, hasher: Hasher, door: PageDoor, *, email: str, password: str, clock: Clock
) -> str:  # fmt: skip
    """The cookie of a new session of the pages; refused as `log_in` is."""
    return await _log_in(database, hasher, door.open, email=email, password=password, clock=clock)


async def _log_in(
    database: Database, hasher: Hasher, let_in: LetIn[T], *, email: str, password: str, clock: Clock
) -> T:  # fmt: skip
    """What `let_in` makes of a user who showed their password, in the transaction that settles the try."""
    async with database.reads() as reading:
        user = await queries.find_by_email(reading, email)
    fits = await hasher.verify(password, user.password_hash if user else None)
    is_outdated = user is not None and fits and hasher.is_outdated(user.password_hash)
    new_hash = await hasher.hash(password) if is_outdated else None

    async def settle() -> T | LockedOut | InvalidCredentials | SecondFactorRequired:
        async with transaction(database.writes) as session:
            known = await as_it_was(session, user) if user and fits else None
            wait = await attempts.settle(session, email, clock, is_right=known is not None)
            if wait is not None:
                return LockedOut(user.id if user else None, wait=wait)
            if known is None:
                return InvalidCredentials(user.id if user else None)
            known.password_hash = new_hash or known.password_hash
            now = clock.now()
            if owed := await showing.owed(session, known, now):
                return owed
            return await let_in(session, known.id, now)

    settled = await run_again(settle)
    if isinstance(settled, LockedOut | InvalidCredentials | SecondFactorRequired):
        raise settled
    return settled


async def as_it_was(session: AsyncSession, user: User) -> User | None:
    """The account, locked, if it still has the hash that was checked: hashing takes long enough for it to change."""
    now = await queries.get(session, user.id, for_update=True)
    return now if now.is_active and now.password_hash == user.password_hash else None


async def still_there(session: AsyncSession, user: User, actor: Actor, now: datetime) -> User | None:
    """`as_it_was`, of somebody who is logged in: `InvalidToken` if meanwhile they are not any more."""
    known = await as_it_was(session, user)
    if known:
        await accounts.living(session, actor.session_id, now)
    return known


async def change_password(
    database: Database, hasher: Hasher, actor: Actor, *, current: str, new: str, hint: Hint, clock: Clock
) -> None:
    """A new password, and an end to the user's other sessions. Wrong tries count as failed logins do."""
    async with database.reads() as reading:
        user = await queries.get(reading, actor.user_id)
    fits = await hasher.verify(current, user.password_hash)
    new_hash = await hasher.hash(new) if fits else None

    async def settle() -> LockedOut | WrongPassword | None:
        async with transaction(database.writes) as session:
            known = await still_there(session, user, actor, clock.now()) if new_hash else None
            wait = await attempts.settle(session, user.email, clock, is_right=known is not None)
            if wait is not None:
                return LockedOut(user.id, wait=wait)
            if known is None or new_hash is None:
                return WrongPassword(user.id)
            await accounts.set_password(session, user.id, new_hash, by=user.id, keep=actor.session_id, now=clock.now())
        hint(outbox.published(session))
        return None

    if refused := await run_again(settle):
        raise refused


async def ask_for_reset(session: AsyncSession, email: str, now: datetime) -> None:
    """Mail a link that gives an account a new password. What is said and done does not tell if there is one."""
    await links.ask(session, Purpose.PASSWORD_RESET, email, by=None, now=now)


async def reset_password(
    reads: Sessions, session: AsyncSession, hasher: Hasher, link_id: UUID | None, check: Check, *,
    password: str, clock: Clock,
) -> None:  # fmt: skip
    """What the link is for; `LinkSpent` if it is none or is spent. `check` is told whose password it is."""
    async with reads() as reading:
        user = await links.find_user(reading, Purpose.PASSWORD_RESET, link_id, clock.now()) if link_id else None
    if user is None or link_id is None:
        raise LinkSpent
    check(user)
    password_hash = await hasher.hash(password)
    user = await links.claim(session, Purpose.PASSWORD_RESET, link_id, clock.now())
    user.email_verified_at = user.email_verified_at or clock.now()
    await accounts.set_password(session, user.id, password_hash, by=user.id, now=clock.now())


async def ask_to_confirm_email(session: AsyncSession, actor: Actor, now: datetime) -> None:
    """Mail the link again, unless the address is known to be the user's."""
    user = await queries.get(session, actor.user_id)
    if user.email_verified_at is None:
        await links.ask(session, Purpose.EMAIL_CONFIRMATION, user.email, by=actor.user_id, now=now)


async def confirm_email(session: AsyncSession, link_id: UUID | None, now: datetime) -> None:
    if link_id is None:
        raise LinkSpent
    await links.confirm_email(session, link_id, now)


async def refresh(
    database: Database, tokens: Tokens, refresh_token: str, *, idle: timedelta | None, clock: Clock
) -> TokenPair:
    """The next pair. `InvalidToken` for a token that is no good; if it was good once, its session has ended by then."""

    async def rotate() -> TokenPair | None:
        async with transaction(database.writes) as session:
            now = clock.now()
            refreshed = await accounts.rotate(session, tokens.chain, refresh_token, idle=idle, now=now)
        return pair_of(tokens, refreshed.user_id, refreshed.session_id, refreshed.token, now) if refreshed else None

    pair = await run_again(rotate)
    if pair is None:
        raise InvalidToken
    return pair


def pair_of(tokens: Tokens, user_id: UUID, session_id: UUID, refresh_token: str, now: datetime) -> TokenPair:
    return TokenPair(tokens.issue(user_id, session_id, now), int(tokens.lifetime.total_seconds()), refresh_token)
