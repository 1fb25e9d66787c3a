"""Reading second factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .models import Passkey, RecoveryCode, TotpKey
from .rules import Method


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has beside its password. `totp` is the confirmed app, `codes_left` the recovery codes left."""

    totp: TotpKey | None
    passkeys: Sequence[Passkey]
    codes_left: int

    @property
    def methods(self) -> list[Method]:
        """What can be shown after the password. Recovery codes stand in for the others, and alone are nothing."""
        methods = [Method.TOTP] if self.totp else []
        methods += [Method.PASSKEY] if self.passkeys else []
        return [*methods, Method.RECOVERY_CODE] if methods and self.codes_left else methods


async def of_user(session: AsyncSession, user_id: UUID) -> Factors:
    totp = await find_totp(session, user_id)
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return Factors(totp if totp and totp.confirmed_at else None, await passkeys_of(session, user_id),
                   await session.scalar(unused) or 0)  # fmt: skip


async def find_totp(session: AsyncSession, user_id: UUID) -> TotpKey | None:
    """The user's authenticator app, confirmed or not."""
    found: TotpKey | None = await session.scalar(
        select(TotpKey).where(TotpKey.user_id == user_id).execution_options(populate_existing=True)
    )
    return found


async def passkeys_of(session: AsyncSession, user_id: UUID) -> Sequence[Passkey]:
    query = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def find_passkey(session: AsyncSession, credential_hash: bytes) -> Passkey | None:
    found: Passkey | None = await session.scalar(
        select(Passkey).where(Passkey.credential_hash == credential_hash).execution_options(populate_existing=True)
    )
    return found
