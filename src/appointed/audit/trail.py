"""Recording: in the transaction of what was done, or in one of its own for what was only looked at or refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core import batch, logs
from appointed.core.crypto import Vault
from appointed.core.db import Sessions, is_reading, note, transaction, vault_of
from appointed.core.ids import new_id

from .models import AuditEvent

DONE = "done"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SIGNED = (
    "id",
    "recorded_at",
    "actor_id",
    "action",
    "outcome",
    "entity",
    "entity_id",
    "patient_id",
    "request_id",
    "detail",
)


def record(
    session: AsyncSession,
    now: datetime,
    actor_id: UUID | None,
    action: str,
    entity: str,
    entity_id: UUID | None = None,
    *,
    patient_id: UUID | None = None,
    outcome: str = DONE,
    **detail: str | None,
) -> None:
    """Leave a row in the trail. `action` reads `appointment.book`; `detail` holds codes and ids, never personal data.

    In a session that cannot write, the row waits for `write_looks`. What an app or a machine does says which one it is.
    """
    detail.setdefault("client_id", logs.client_id())
    row: dict[str, Any] = {
        "id": new_id(), "recorded_at": now, "actor_id": actor_id, "action": action, "outcome": outcome,
        "entity": entity, "entity_id": entity_id, "patient_id": patient_id, "request_id": logs.request_id(),
        "detail": {name: text for name, text in detail.items() if text is not None},
    }  # fmt: skip
    row["signature"] = signature(vault_of(session), row)
    if is_reading(session):
        session.info.setdefault("looks", []).append(row)
    else:
        _put(session, [row])


async def write_looks(session: AsyncSession, writes: Sessions) -> None:
    """Write what was recorded while reading. Until it is committed, nothing that was read may leave."""
    looks = session.info.pop("looks", None)
    if looks:
        async with transaction(writes) as writing:
            _put(writing, looks)


def _put(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    batch.put(session, AuditEvent.__table__, rows)
    for row in rows:
        note(session, row["action"], row["outcome"])


def signature(vault: Vault, row: Mapping[str, Any]) -> bytes:
    """The HMAC over all other columns, as canonical JSON."""
    return vault.sign(_said(row))


def is_as_signed(vault: Vault, row: Mapping[str, Any]) -> bool:
    """Whether the row's signature is of what the row says, by a key of ours."""
    return vault.has_signed(_said(row), row["signature"], row["recorded_at"])


def _said(row: Mapping[str, Any]) -> bytes:
    plain = {name: _plain(row[name]) for name in SIGNED}
    return _canonical(plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return str(value) if isinstance(value, UUID) else value
