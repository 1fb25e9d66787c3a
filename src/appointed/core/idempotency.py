"""Idempotency keys: a repeated request gets the first one's answer (draft-ietf-httpapi-idempotency-key-header-07)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, SmallInteger, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from . import batch
from .db import Base, vault_of
from .errors import AppError, Kind
from .ids import new_id
from .types import Digest, MachineString, SealedBytes

KEPT = timedelta(hours=24)


class StoredAnswer(Base):
    """What an actor was answered for a key on a route; sealed, for it holds what the answer held."""

    __tablename__ = "idempotency_keys"

    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str] = mapped_column(MachineString(100), primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(Digest(), primary_key=True)
    id: Mapped[UUID]
    body_hash: Mapped[bytes] = mapped_column(Digest())
    status: Mapped[int] = mapped_column(SmallInteger)
    answer_sealed: Mapped[bytes] = mapped_column(SealedBytes())
    expires_at: Mapped[datetime]


class Replayed(Exception):
    """The request was answered before; nothing is to be done again."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        super().__init__()


class KeyReused(AppError):
    code = "idempotency_key_reused"
    kind = Kind.INVALID
    at = "Idempotency-Key"
    detail = "This Idempotency-Key was used with another body. Use a new key for a new request."


@dataclass(slots=True)
class Once:
    """A request that is to be carried out once, by whom, where, under which key and with what body."""

    actor_id: UUID
    route: str
    key_hash: bytes
    body_hash: bytes
    _has_expired: bool = field(default=False, init=False)

    async def check(self, session: AsyncSession, now: datetime) -> None:
        """`Replayed` if the answer is known, `KeyReused` if it is the answer to another body. Any session will do."""
        stored = await session.scalar(select(StoredAnswer).where(*self._mine()))
        if stored is None:
            return
        if stored.expires_at <= now:
            self._has_expired = True
            return
        if stored.body_hash != self.body_hash:
            raise KeyReused
        answer = vault_of(session).open("idempotency_keys", "answer", stored.id, stored.answer_sealed)
        raise Replayed(stored.status, answer.encode())

    async def keep(self, session: AsyncSession, status: int, body: bytes, now: datetime) -> None:
        """Store the answer with what it answers for; of two equal keys the database lets one through."""
        if self._has_expired:
            await session.execute(delete(StoredAnswer).where(*self._mine(), StoredAnswer.expires_at <= now))
        row_id = new_id()
        answer = vault_of(session).seal("idempotency_keys", "answer", row_id, body.decode())
        row = {"actor_id": self.actor_id, "route": self.route, "key_hash": self.key_hash, "id": row_id,
               "body_hash": self.body_hash, "status": status, "expires_at": now + KEPT,
               "answer_sealed": answer}  # fmt: skip
        batch.put(session, StoredAnswer.__table__, [row])

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (StoredAnswer.actor_id == self.actor_id, StoredAnswer.route == self.route,
                StoredAnswer.key_hash == self.key_hash)  # fmt: skip


async def forget(session: AsyncSession, words: Collection[str]) -> int:
    """Delete every answer that has one of these in it, whoever was given it. How many there were."""
    vault, found = vault_of(session), 0
    rows = await session.execute(select(StoredAnswer.id, StoredAnswer.answer_sealed))
    for row_id, sealed in rows.all():
        answer = vault.open("idempotency_keys", "answer", row_id, sealed)
        if any(word in answer for word in words):
            await session.execute(delete(StoredAnswer).where(StoredAnswer.id == row_id))
            found += 1
    return found
