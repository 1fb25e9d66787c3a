"""Apps and machines that act for somebody by OAuth 2, and what they have used up. No secret of theirs is stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import Digest, MachineString


class OAuthClient(Base):
    """An app, which acts for whoever lets it, or a machine, which has a user of its own and proves who it is by one of
    its keys. Of the keys only the public halves are known."""

    __tablename__ = "oauth_clients"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(MachineString(10))
    name: Mapped[str] = mapped_column(MachineString(40))
    scope: Mapped[str] = mapped_column(MachineString(300))
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    keys: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class AuthorizationCode(Base):
    """What an app trades for tokens, once. It is kept for a while afterwards, to know it again: `session_id` is the
    session that was made from it, `second_factor` what its user had shown when they let the app in."""

    __tablename__ = "oauth_codes"

    code_hash: Mapped[bytes] = mapped_column(Digest(), primary_key=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(MachineString(300))
    challenge: Mapped[str] = mapped_column(MachineString(43))
    scope: Mapped[str] = mapped_column(MachineString(300))
    second_factor: Mapped[str | None] = mapped_column(MachineString(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    session_id: Mapped[UUID | None]


class UsedAssertion(Base):
    """That a machine has used an assertion (RFC 7523), known by its `jti`, as long as it would be good."""

    __tablename__ = "oauth_assertions"

    client_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True)
    jti_hash: Mapped[bytes] = mapped_column(Digest(), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
