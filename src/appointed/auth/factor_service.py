"""Logging in with more than a password, and changing with what. Refusals are settled, not rolled back: they count."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts
from appointed.accounts import attempts, queries
from appointed.accounts.actor import Actor
from appointed.accounts.errors import FailedLogin, LockedOut, WrongPassword
from appointed.accounts.factors import challenges, passkeys, showing
from appointed.accounts.factors import queries as factor_queries
from appointed.accounts.factors import service as factors
from appointed.accounts.factors.errors import (
    FACTOR,
    ChallengeSpent,
    CodesLockedOut,
    InvalidCode,
    PasskeyCopied,
    PasskeyInvalid,
    PasskeyRefused,
    WrongCode,
)
from appointed.accounts.factors.models import Passkey
from appointed.accounts.factors.passkeys import Credential, Site
from appointed.accounts.factors.rules import Aim, Method
from appointed.accounts.factors.service import Owner
from appointed.accounts.factors.showing import Proof
from appointed.accounts.models import User
from appointed.accounts.passwords import Hasher
from appointed.accounts.tokens import Tokens
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.db import Database, transaction
from appointed.core.errors import AppError
from appointed.core.retry import run_again

from .service import Hint, LetIn, PageDoor, TokenPair, pair_of, still_there

T = TypeVar("T")
Deed = Callable[[AsyncSession, Owner], Awaitable[T]]


async def pass_second_factor(
    database: Database, tokens: Tokens, site: Site, *, challenge: str, proof: Proof, lasting: timedelta,
    device: str | None, hint: Hint, clock: Clock,
) -> TokenPair:  # fmt: skip
    """The second half of a login. `ChallengeSpent` after five minutes, a login or a new password; `InvalidCode`, and
    `CodesLockedOut` after too many of them, however often the password was right meanwhile."""

    async def let_in(session: AsyncSession, user_id: UUID, now: datetime) -> TokenPair:
        session_id, token = await accounts.open_session(session, user_id, lasting, now, device=device,
                                                        second_factor=proof.method)  # fmt: skip
        return pair_of(tokens, user_id, session_id, token, now)

    return await _pass(database, site, let_in, challenge=challenge, proof=proof, hint=hint, clock=clock)


async def pass_second_factor_page(
    database: Database, site: Site, door: PageDoor, *, challenge: str, proof: Proof, hint: Hint, clock: Clock
) -> str:  # fmt: skip
    """The cookie of a new session of the pages; refused as `pass_second_factor` is."""
    let_in = replace(door, second_factor=proof.method).open
    return await _pass(database, site, let_in, challenge=challenge, proof=proof, hint=hint, clock=clock)


async def _pass(
    database: Database, site: Site, let_in: LetIn[T], *, challenge: str, proof: Proof, hint: Hint, clock: Clock
) -> T:  # fmt: skip
    """What `let_in` makes of a user who showed their second factor, in the transaction that settles the try."""
    raw = challenges.bytes_of(challenge)

    async def settle() -> T | AppError:
        async with transaction(database.writes) as session:
            user = await _user_of(session, raw, clock.now())
            if user is None:
                return ChallengeSpent()
            if refused := await _judge(session, site, user, proof, raw, clock):
                return refused
            now = clock.now()
            await challenges.spend(session, Aim.SECOND_FACTOR, raw, now)
            let = await let_in(session, user.id, now)
        hint(outbox.published(session))
        return let

    return _or_raise(await run_again(settle))


def options_to_log_in(session: AsyncSession, site: Site, now: datetime) -> Any:
    """What the browser is to be asked, so that any passkey for this site is shown."""
    return passkeys.to_show(site, challenges.bytes_of(showing.ask(session, Aim.PASSKEY_LOGIN, None, now)))


async def options_to_pass(database: Database, site: Site, challenge: str, now: datetime) -> Any:
    """What the browser is to be asked, so that one of the user's passkeys is shown after their password."""
    raw = challenges.bytes_of(challenge)
    async with database.reads() as session:
        user_id = await challenges.user_id_of(session, Aim.SECOND_FACTOR, raw, now)
        known = await factor_queries.passkeys_of(session, user_id) if user_id else []
    if not known:
        raise ChallengeSpent
    return passkeys.to_show(site, raw, [each.credential_id for each in known])


async def log_in_with_passkey(
    database: Database, tokens: Tokens, site: Site, *, credential: Credential, lasting: timedelta,
    device: str | None, clock: Clock,
) -> TokenPair:  # fmt: skip
    """A login by a passkey alone, to which its user has proven themselves: both factors in one."""

    async def let_in(session: AsyncSession, user_id: UUID, now: datetime) -> TokenPair:
        session_id, token = await accounts.open_session(session, user_id, lasting, now, device=device,
                                                        second_factor=Method.PASSKEY)  # fmt: skip
        return pair_of(tokens, user_id, session_id, token, now)

    return await _by_passkey(database, site, let_in, credential=credential, clock=clock)


async def log_in_page_with_passkey(
    database: Database, site: Site, door: PageDoor, *, credential: Credential, clock: Clock
) -> str:  # fmt: skip
    """The cookie of a new session of the pages; refused as `log_in_with_passkey` is."""
    let_in = replace(door, second_factor=Method.PASSKEY).open
    return await _by_passkey(database, site, let_in, credential=credential, clock=clock)


async def _by_passkey(
    database: Database, site: Site, let_in: LetIn[T], *, credential: Credential, clock: Clock
) -> T:  # fmt: skip
    """What `let_in` makes of a user whose passkey it is."""
    raw = passkeys.challenge_in(credential)

    async def settle() -> T | AppError:
        async with transaction(database.writes) as session:
            now = clock.now()
            if not await challenges.spend(session, Aim.PASSKEY_LOGIN, raw, now):
                return ChallengeSpent()
            user = await _owner_of(session, credential)
            passkey = await showing.find_passkey(session, credential)
            if user is None or passkey is None or not user.is_active:
                return PasskeyRefused(user.id if user else None)
            try:
                is_shown = showing.use_passkey(site, passkey, credential, raw, now, by_itself=True)
            except PasskeyCopied as copied:
                return copied
            return await let_in(session, user.id, now) if is_shown else PasskeyRefused(user.id)

    return _or_raise(await run_again(settle))


async def with_password(
    database: Database, hasher: Hasher, actor: Actor, deed: Deed[T], *,
    current: str, action: str, hint: Hint, clock: Clock,
) -> T:  # fmt: skip
    """Do it for somebody who shows that it is still them. Wrong tries count as failed logins do, as `action`."""
    async with database.reads() as reading:
        user = await queries.get(reading, actor.user_id)
    is_right = await hasher.verify(current, user.password_hash)

    async def settle() -> T | FailedLogin:
        async with transaction(database.writes) as session:
            known = await still_there(session, user, actor, clock.now()) if is_right else None
            wait = await attempts.settle(session, user.email, clock, is_right=known is not None)
            if wait is not None:
                return LockedOut(user.id, wait=wait, action=action)
            if known is None:
                return WrongPassword(user.id, action=action)
            done = await deed(session, Owner(known, actor.session_id, clock.now()))
        hint(outbox.published(session))
        return done

    return _or_raise(await run_again(settle))


async def confirm_totp(database: Database, actor: Actor, code: str, *, hint: Hint, clock: Clock) -> list[str]:
    """Add the app whose code it is: new recovery codes, if there were none. Wrong codes count."""

    async def settle() -> list[str] | FailedLogin:
        async with transaction(database.writes) as session:
            user = await queries.get(session, actor.user_id, for_update=True)
            await accounts.living(session, actor.session_id, clock.now())
            subject = showing.subject_of(session, user.id)
            codes = None
            if await attempts.wait_of(session, subject, clock) is None:
                codes = await factors.confirm_totp(session, Owner(user, actor.session_id, clock.now()), code)
            wait = await attempts.settle_subject(session, subject, clock, is_right=codes is not None)
            if wait is not None:
                return CodesLockedOut(user.id, wait=wait, action=WrongCode.action)
            if codes is None:
                return WrongCode(user.id)
        hint(outbox.published(session))
        return codes

    return _or_raise(await run_again(settle))


async def add_passkey(
    database: Database, site: Site, actor: Actor, credential: Credential, name: str, *, hint: Hint, clock: Clock
) -> tuple[Passkey, list[str]]:
    """Add what the browser has made for a challenge of ours. Whatever it is, the challenge is used up."""
    raw = passkeys.challenge_in(credential)
    made = passkeys.made(site, credential, raw)

    async def settle() -> tuple[Passkey, list[str]] | AppError:
        async with transaction(database.writes) as session:
            user, now = await queries.get(session, actor.user_id, for_update=True), clock.now()
            await accounts.living(session, actor.session_id, now)
            if not await challenges.is_good_for(session, Aim.PASSKEY_ADDING, raw, user, now):
                return ChallengeSpent()
            await challenges.spend(session, Aim.PASSKEY_ADDING, raw, now)
            if made is None:
                return PasskeyInvalid(user.id)
            added = await factors.add_passkey(session, Owner(user, actor.session_id, now), made, name)
        hint(outbox.published(session))
        return added

    return _or_raise(await run_again(settle))


async def _user_of(session: AsyncSession, challenge: bytes, now: datetime) -> User | None:
    """Who may answer the challenge, locked; it is looked at again behind the lock."""
    user_id = await challenges.user_id_of(session, Aim.SECOND_FACTOR, challenge, now)
    user = await queries.get(session, user_id, for_update=True) if user_id else None
    is_good = user and await challenges.is_good_for(session, Aim.SECOND_FACTOR, challenge, user, now)
    return user if is_good else None


async def _owner_of(session: AsyncSession, credential: Credential) -> User | None:
    """Whose passkey it is, locked."""
    passkey = await showing.find_passkey(session, credential)
    return await queries.get(session, passkey.user_id, for_update=True) if passkey else None


async def _judge(
    session: AsyncSession, site: Site, user: User, proof: Proof, challenge: bytes, clock: Clock
) -> FailedLogin | None:
    """What is wrong with it. One that comes too early is not even looked at, and counts."""
    subject = showing.subject_of(session, user.id)
    refused: FailedLogin | None = InvalidCode(user.id)
    if await attempts.wait_of(session, subject, clock) is None:
        try:
            if await showing.fits(session, site, user, proof, challenge, clock.now()):
                refused = None
        except PasskeyCopied:
            refused = PasskeyCopied(user.id, action=FACTOR)
    wait = await attempts.settle_subject(session, subject, clock, is_right=refused is None)
    return refused if wait is None else CodesLockedOut(user.id, wait=wait, action=FACTOR)


def _or_raise(settled: T | AppError) -> T:
    if isinstance(settled, AppError):
        raise settled
    return settled
