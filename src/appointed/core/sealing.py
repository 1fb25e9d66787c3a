"""Attributes that are text in Python and sealed in their column."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import object_session

from .crypto import KEY_ID_BYTES, Vault
from .db import metadata, vault_of
from .types import SealedBytes


class Sealed:
    """Reads the column `<name>_sealed` of a row that belongs to a session. Written by `seal`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type) -> Any:
        if row is None:
            return self
        return open_of(row, self.name)


def open_of(row: Any, name: str) -> str | None:
    session = object_session(row)
    if session is None:
        raise RuntimeError("a sealed attribute is read while its row belongs to a session")
    vault: Vault = session.info["vault"]
    return vault.open_maybe(row.__tablename__, name, row.id, getattr(row, f"{name}_sealed"))


def sealed_values(vault: Vault, table: str, row_id: UUID, **texts: str | None) -> dict[str, bytes | None]:
    """`phone="1"` as `{"phone_sealed": b"…"}`: the columns of a row that is about to be written."""
    return {f"{name}_sealed": vault.seal_maybe(table, name, row_id, text) for name, text in texts.items()}


async def is_sealed_by_another_key(session: AsyncSession) -> bool:
    """Whether the database holds what the vault cannot open, going by the key id in front of one value a column."""
    columns = [column for table in metadata.sorted_tables for column in table.c if isinstance(column.type, SealedBytes)]
    for column in columns:
        sealed = await session.scalar(select(column).where(column.is_not(None)).limit(1))
        if sealed is not None and sealed[:KEY_ID_BYTES] != vault_of(session).key_id:
            return True
    return False
