"""Keys of authenticator apps, recovery codes, passkeys, and the challenges that they answer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.sealing import Sealed
from appointed.core.types import Digest, HumanString, MachineString, SealedBytes


class TotpKey(Base):
    """What a user's authenticator app makes codes of, once it is confirmed. `last_step` is that of the last code."""

    __tablename__ = "totp_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    key_sealed: Mapped[bytes] = mapped_column(SealedBytes())
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(BigInteger)

    key = Sealed()


class RecoveryCode(Base):
    """Stands in for a lost second factor, once. Of the code its hash is kept."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_user_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes] = mapped_column(Digest(), unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A credential of WebAuthn: its id and its COSE key, in base64url, and how often it says that it was used."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("ix_passkeys_user_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(HumanString(100))
    credential_id: Mapped[str] = mapped_column(MachineString(1364))
    credential_hash: Mapped[bytes] = mapped_column(Digest(), unique=True)
    public_key: Mapped[str] = mapped_column(MachineString(1400))
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class FactorChallenge(Base):
    """Something random that is answered once. It is kept as a hash; to nobody in particular, `user_id` is missing.

    `password_digest` is of the password's hash that was right: another password ends what hangs on this one.
    """

    __tablename__ = "factor_challenges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    aim: Mapped[str] = mapped_column(MachineString(20))
    challenge_hash: Mapped[bytes] = mapped_column(Digest(), unique=True)
    password_digest: Mapped[bytes | None] = mapped_column(Digest())
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
