"""Users, their roles, the sessions they are logged in with, logins that failed, and links that were mailed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column, relationship

from appointed.core.db import Base
from appointed.core.types import Digest, HumanString, MachineString


class User(Base):
    """Somebody who can log in. `email` is normalised and unique."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(MachineString(254), unique=True)
    password_hash: Mapped[str] = mapped_column(MachineString(200))
    display_name: Mapped[str] = mapped_column(HumanString(210))
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    email_verified_at: Mapped[datetime | None]

    role_rows: Mapped[list["UserRole"]] = relationship(lazy="raise", cascade="all, delete-orphan", passive_deletes=True)

    @property
    def roles(self) -> list[str]:
        return sorted(row.role for row in self.role_rows)


class UserRole(Base):
    __tablename__ = "user_roles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(MachineString(20), primary_key=True)


class LoginSession(Base):
    """A login on one device, kept alive by refresh tokens. Of them the last one's hash and number are stored.

    `second_factor` is what was shown beside the password, or instead of it; None for the password alone.
    """

    __tablename__ = "login_sessions"
    __table_args__ = (Index("ix_login_sessions_user_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    refresh_hash: Mapped[bytes] = mapped_column(Digest(), unique=True)
    generation: Mapped[int] = mapped_column(Integer, default=0)
    refreshed_at: Mapped[datetime | None]
    device: Mapped[str | None] = mapped_column(MachineString(40))
    second_factor: Mapped[str | None] = mapped_column(MachineString(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class LoginFailure(Base):
    """Failed logins in a row for one address. `subject` is a keyed hash of it, whether anybody has it or not."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_last_failed_at", "last_failed_at"),)

    subject: Mapped[bytes] = mapped_column(Digest(), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_failed_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class AccountLink(Base):
    """A one-time link that was mailed to an address; to nobody's, `user_id` is missing. It is derived from the id, so
    nothing secret is stored."""

    __tablename__ = "account_links"
    __table_args__ = (Index("ix_account_links_subject", "subject", "purpose"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    subject: Mapped[bytes] = mapped_column(Digest())
    purpose: Mapped[str] = mapped_column(MachineString(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
