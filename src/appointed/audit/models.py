"""The audit trail's rows, of which nothing in the application changes or deletes one, and the keys that signed them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from appointed.core.db import Base
from appointed.core.types import Digest, MachineString, SealedBytes


class AuditEvent(Base):
    """Who did what to which thing of which patient, and how it ended. `signature` is the row's HMAC."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_patient_id_recorded_at", "patient_id", "recorded_at"),
        Index("ix_audit_events_actor_id_recorded_at", "actor_id", "recorded_at"),
        Index("ix_audit_events_recorded_at_id", "recorded_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(MachineString(100))
    outcome: Mapped[str] = mapped_column(MachineString(60))
    entity: Mapped[str] = mapped_column(MachineString(60))
    entity_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(MachineString(64))
    detail: Mapped[dict[str, str]] = mapped_column(JSON)
    signature: Mapped[bytes] = mapped_column(Digest())


class AuditSeal(Base):
    """That a row of the trail is the one in this place: `hash` hangs on the seal before it (`audit.chain`)."""

    __tablename__ = "audit_seals"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    hash: Mapped[bytes] = mapped_column(Digest())


class TrailKey(Base):
    """What verifies the signatures of a data key that is not in use any more, and can do nothing else. Sealed by the
    current one, and sealed anew by the next."""

    __tablename__ = "trail_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(MachineString(8), unique=True)
    secret_sealed: Mapped[bytes] = mapped_column(SealedBytes())
    retired_at: Mapped[datetime]
