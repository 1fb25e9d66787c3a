"""Showing a second factor: which one is asked for, and whether what is shown is one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.models import User
from appointed.core import outbox
from appointed.core.db import changed, vault_of

from . import challenges, passkeys, queries, recovery, totp
from .errors import PasskeyCopied, SecondFactorRequired
from .events import FactorsChanged
from .models import Passkey, RecoveryCode, TotpKey
from .passkeys import Credential, Site
from .rules import Aim, Change, Method, goes_forwards


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows as their second factor: a code, or what a passkey answered to the challenge."""

    method: Method
    code: str = ""
    credential: Credential | None = None


async def owed(session: AsyncSession, user: User, now: datetime) -> SecondFactorRequired | None:
    """What is to follow the right password, if the account has a second factor."""
    methods = (await queries.of_user(session, user.id)).methods
    return SecondFactorRequired(ask(session, Aim.SECOND_FACTOR, user, now), methods) if methods else None


def ask(session: AsyncSession, aim: Aim, user: User | None, now: datetime) -> str:
    """A challenge to log in with, the user's or whoever's."""
    user_id = user.id if user else None
    audit.record(session, now, user_id, "session.challenge", "user", user_id, aim=aim)
    return challenges.put(session, aim, user, now)


def subject_of(session: AsyncSession, user_id: UUID) -> bytes:
    """What wrong second factors are counted under: apart from wrong passwords, for a right password or a new one must
    not let codes be guessed on."""
    return vault_of(session).blind("second-factor", str(user_id))


async def fits(session: AsyncSession, site: Site, user: User, proof: Proof, challenge: bytes, now: datetime) -> bool:
    """Whether it is one of the user's second factors. A code that fits is used up; `PasskeyCopied` as `use_passkey`."""
    match proof.method:
        case Method.TOTP:
            return await _use_totp(session, user.id, proof.code, now)
        case Method.RECOVERY_CODE:
            return await _use_recovery_code(session, user.id, proof.code, now)
        case Method.PASSKEY:
            credential = proof.credential or {}
            passkey = await find_passkey(session, credential, user.id)
            return passkey is not None and use_passkey(site, passkey, credential, challenge, now, by_itself=False)


async def find_passkey(session: AsyncSession, credential: Credential, user_id: UUID | None = None) -> Passkey | None:
    """The passkey that a browser names: the user's, or with none given, of whoever has it."""
    passkey = await queries.find_passkey(session, passkeys.hash_of(str(credential.get("id"))))
    if passkey is None or user_id not in (None, passkey.user_id):
        return None
    return passkey if passkeys.is_owner(credential, passkey.user_id) else None


def use_passkey(
    site: Site, passkey: Passkey, credential: Credential, challenge: bytes, now: datetime, *, by_itself: bool
) -> bool:
    """Whether it has signed the challenge. `PasskeyCopied` if it has, and has counted backwards."""
    count = passkeys.counted(site, credential, challenge, passkey.public_key, by_itself=by_itself)
    if count is None:
        return False
    if not goes_forwards(passkey.sign_count, count):
        raise PasskeyCopied(passkey.user_id)
    passkey.sign_count, passkey.last_used_at = count, now
    return True


async def _use_totp(session: AsyncSession, user_id: UUID, code: str, now: datetime) -> bool:
    known = await queries.find_totp(session, user_id)
    if known is None or known.confirmed_at is None:
        return False
    step = totp.step_of(str(known.key), code, now)
    if step is None:
        return False
    is_newer = (TotpKey.id == known.id, TotpKey.last_step < step)
    used = await session.execute(update(TotpKey).where(*is_newer).values(last_step=step))
    return changed(used) > 0


async def _use_recovery_code(session: AsyncSession, user_id: UUID, code: str, now: datetime) -> bool:
    is_it = (RecoveryCode.user_id == user_id, RecoveryCode.code_hash == recovery.hash_of(user_id, code))
    used = await session.execute(update(RecoveryCode).where(*is_it, RecoveryCode.used_at.is_(None)).values(used_at=now))
    if not changed(used):
        return False
    left = (await queries.of_user(session, user_id)).codes_left
    audit.record(session, now, user_id, "factor.use-code", "user", user_id, left=str(left))
    outbox.publish(session, FactorsChanged(user_id, Change.CODE_USED), now)
    return True
