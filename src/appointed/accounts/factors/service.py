"""Adding and removing second factors. Who calls has locked the user first, as everywhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts import attempts
from appointed.accounts import queries as users
from appointed.accounts.models import LoginSession, User
from appointed.accounts.sessions import end_sessions
from appointed.core import outbox
from appointed.core.db import changed, constraint_of, vault_of
from appointed.core.errors import NotFound
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values

from . import challenges, passkeys, queries, recovery, showing, totp
from .errors import NoSecondFactor, NothingBegun, PasskeyKnown, TooManyPasskeys, TotpActive
from .events import FactorsChanged
from .models import Passkey, RecoveryCode, TotpKey
from .passkeys import Made, Site
from .rules import ENROLMENT_LASTS, MOST_PASSKEYS, RECOVERY_CODES, Aim, Change, Method


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose factors change, in which session: it is the one that stays."""

    user: User
    session_id: UUID
    now: datetime


async def begin_totp(session: AsyncSession, owner: Owner) -> tuple[str, str]:
    """The key of an authenticator app, in base32, and whose it is. It is good for nothing until it is confirmed."""
    known = await queries.find_totp(session, owner.user.id)
    if known and known.confirmed_at:
        raise TotpActive
    await session.execute(delete(TotpKey).where(TotpKey.user_id == owner.user.id))
    key, row_id = totp.new_key(), new_id()
    sealed = sealed_values(vault_of(session), TotpKey.__tablename__, row_id, key=key)
    session.add(TotpKey(id=row_id, user_id=owner.user.id, created_at=owner.now, **sealed))
    _record(session, owner, "factor.begin", Method.TOTP)
    return key, owner.user.email


async def confirm_totp(session: AsyncSession, owner: Owner, code: str) -> list[str] | None:
    """From now on codes of the app are asked for: the new recovery codes, if there were none. None for a wrong code."""
    begun = await queries.find_totp(session, owner.user.id)
    if begun is None or begun.confirmed_at or begun.created_at + ENROLMENT_LASTS <= owner.now:
        raise NothingBegun
    assert begun.key is not None  # noqa: S101 - the column is never empty
    step = totp.step_of(begun.key, code, owner.now)
    if step is None:
        return None
    begun.confirmed_at, begun.last_step = owner.now, step
    return await _added(session, owner, Method.TOTP, Change.TOTP_ADDED)


async def remove_totp(session: AsyncSession, owner: Owner) -> None:
    """`NotFound` if there is none."""
    is_it = (TotpKey.user_id == owner.user.id, TotpKey.confirmed_at.is_not(None))
    removed = await session.execute(delete(TotpKey).where(*is_it))
    if not changed(removed):
        raise NotFound
    await _removed(session, owner, Method.TOTP, Change.TOTP_REMOVED)


async def begin_passkey(session: AsyncSession, owner: Owner, site: Site) -> Any:
    """What the browser is to be asked, so that it makes a passkey."""
    known = await queries.passkeys_of(session, owner.user.id)
    if len(known) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    challenge = challenges.put(session, Aim.PASSKEY_ADDING, owner.user, owner.now)
    _record(session, owner, "factor.begin", Method.PASSKEY)
    return passkeys.to_make(site, challenges.bytes_of(challenge), owner.user.id, owner.user.email,
                            owner.user.display_name, [each.credential_id for each in known])  # fmt: skip


async def add_passkey(session: AsyncSession, owner: Owner, made: Made, name: str) -> tuple[Passkey, list[str]]:
    """The passkey, and new recovery codes if there were none."""
    if len(await queries.passkeys_of(session, owner.user.id)) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    passkey = Passkey(
        id=new_id(), user_id=owner.user.id, name=name, credential_id=made.credential_id,
        credential_hash=passkeys.hash_of(made.credential_id), public_key=made.public_key, sign_count=made.sign_count,
        created_at=owner.now,
    )  # fmt: skip
    session.add(passkey)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_passkeys_credential_hash":
            raise PasskeyKnown from None
        raise
    return passkey, await _added(session, owner, Method.PASSKEY, Change.PASSKEY_ADDED, passkey_id=str(passkey.id))


async def rename_passkey(session: AsyncSession, user_id: UUID, passkey_id: UUID, name: str, now: datetime) -> Passkey:
    await users.get(session, user_id, for_update=True)
    passkey = await _own(session, user_id, passkey_id)
    passkey.name = name
    audit.record(session, now, user_id, "passkey.rename", "passkey", passkey_id)
    return passkey


async def remove_passkey(session: AsyncSession, owner: Owner, passkey_id: UUID) -> None:
    """`NotFound` if it is none of the user's."""
    await session.delete(await _own(session, owner.user.id, passkey_id))
    await session.flush()
    await _removed(session, owner, Method.PASSKEY, Change.PASSKEY_REMOVED, passkey_id=str(passkey_id))


async def renew_codes(session: AsyncSession, owner: Owner) -> list[str]:
    """Ten new recovery codes; the old ones are void."""
    if not (await queries.of_user(session, owner.user.id)).methods:
        raise NoSecondFactor
    codes = await _new_codes(session, owner)
    _record(session, owner, "factor.renew-codes", Method.RECOVERY_CODE)
    await _tell(session, owner, Change.CODES_RENEWED)
    return codes


async def reset(session: AsyncSession, user_id: UUID, *, by: UUID | None, now: datetime) -> None:
    """Take all second factors away from somebody who has lost them, and log them out everywhere."""
    user = await users.get(session, user_id, for_update=True)
    for table in (TotpKey, Passkey, RecoveryCode):
        await session.execute(delete(table).where(table.user_id == user.id))
    await attempts.forget_subject(session, showing.subject_of(session, user.id))
    await end_sessions(session, user.id, now)
    audit.record(session, now, by, "factor.reset", "user", user.id)
    outbox.publish(session, FactorsChanged(user.id, Change.RESET), now)


async def _own(session: AsyncSession, user_id: UUID, passkey_id: UUID) -> Passkey:
    passkey = await session.get(Passkey, passkey_id)
    if passkey is None or passkey.user_id != user_id:
        raise NotFound
    return passkey


async def _added(session: AsyncSession, owner: Owner, method: Method, change: Change, **detail: str) -> list[str]:
    """This session has shown the factor; the user's other sessions end. Recovery codes that are left stay good."""
    has_codes = (await queries.of_user(session, owner.user.id)).codes_left
    codes = [] if has_codes else await _new_codes(session, owner)
    await session.execute(update(LoginSession).where(LoginSession.id == owner.session_id).values(second_factor=method))
    _record(session, owner, "factor.add", method, **detail)
    await _tell(session, owner, change)
    return codes


async def _removed(session: AsyncSession, owner: Owner, method: Method, change: Change, **detail: str) -> None:
    """With the last factor the recovery codes go too: they stand in for nothing any more."""
    if not (await queries.of_user(session, owner.user.id)).methods:
        await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == owner.user.id))
    _record(session, owner, "factor.remove", method, **detail)
    await _tell(session, owner, change)


async def _new_codes(session: AsyncSession, owner: Owner) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == owner.user.id))
    codes = [recovery.new_code() for _ in range(RECOVERY_CODES)]
    session.add_all(
        RecoveryCode(id=new_id(), user_id=owner.user.id, code_hash=recovery.hash_of(owner.user.id, code),
                     created_at=owner.now)
        for code in codes
    )  # fmt: skip
    return codes


def _record(session: AsyncSession, owner: Owner, action: str, method: Method, **detail: str) -> None:
    audit.record(
        session, owner.now, owner.user.id, action, "user", owner.user.id, patient_id=None, method=method, **detail
    )


async def _tell(session: AsyncSession, owner: Owner, change: Change) -> None:
    """Whoever else is logged in as the user is not any more, and the user is told by mail."""
    await end_sessions(session, owner.user.id, owner.now, keep=owner.session_id)
    outbox.publish(session, FactorsChanged(owner.user.id, change), owner.now)
