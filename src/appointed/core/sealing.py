"""Attributes that are text in Python and sealed in their column, and the blind indexes that find them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import object_session

from .crypto import KEY_ID_BYTES, Key, Vault, blind_by
from .db import metadata, vault_of
from .types import SealedBytes

_SUFFIX = "_sealed"
_INDEX_SUFFIX = "_index"


class Sealed:
    """Reads the column `<name>_sealed` of a row that belongs to a session. Written by `seal`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type) -> Any:
        if row is None:
            return self
        return open_of(row, self.name)


@dataclass(frozen=True, slots=True)
class BlindIndex:
    """What a column `<purpose>_index` is a keyed hash of: the sealed text `of`, in the `form` in which it is looked up,
    or nothing where that is None."""

    of: str
    form: Callable[[str], str | None]


def index_of(name: str, form: Callable[[str], str | None]) -> dict[Any, Any]:
    """For the `info` of a blind index's column."""
    return {"blind_index": BlindIndex(name, form)}


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with sealed values, `name` without its ending, and the columns that index it."""

    table: Table
    column: Column[bytes]
    name: str
    indexes: tuple[Column[bytes], ...]

    @property
    def path(self) -> str:
        return f"{self.table.name}.{self.name}"

    def index_values(self, key: Key, text: str | None) -> dict[str, bytes | None]:
        """What the columns that index it hold for the text."""
        return {index.name: _hash_of(index, key, text) for index in self.indexes}


def sealed_columns() -> Iterator[SealedColumn]:
    """Every column that holds sealed values, table by table."""
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, SealedBytes):
                name = column.name.removesuffix(_SUFFIX)
                yield SealedColumn(table, column, name, _indexes(table, name))


@cache
def _indexes(table: Table, name: str) -> tuple[Column[bytes], ...]:
    return tuple(each for each in table.c if "blind_index" in each.info and each.info["blind_index"].of == name)


def _hash_of(column: Column[bytes], key: Key, text: str | None) -> bytes | None:
    index: BlindIndex = column.info["blind_index"]
    form = None if text is None else index.form(text)
    return blind_by(key, column.name.removesuffix(_INDEX_SUFFIX), form) if form else None


def open_of(row: Any, name: str) -> str | None:
    session = object_session(row)
    if session is None:
        raise RuntimeError("a sealed attribute is read while its row belongs to a session")
    vault: Vault = session.info["vault"]
    return vault.open_maybe(row.__tablename__, name, row.id, getattr(row, f"{name}{_SUFFIX}"))


def sealed_values(vault: Vault, table: str, row_id: UUID, **texts: str | None) -> dict[str, bytes | None]:
    """`phone="1"` as `{"phone_sealed": b"…", "phone_index": b"…"}`: columns of a row that is about to be written."""
    values: dict[str, bytes | None] = {}
    for name, text in texts.items():
        values[f"{name}{_SUFFIX}"] = vault.seal_maybe(table, name, row_id, text)
        values |= {index.name: _hash_of(index, vault.current, text) for index in _indexes(metadata.tables[table], name)}
    return values


async def is_sealed_by_another_key(session: AsyncSession) -> bool:
    """Whether the database holds what the vault cannot open, going by the key ids in front of two values a column: the
    oldest and the newest."""
    known = vault_of(session).key_ids
    for each in sealed_columns():
        query = select(each.column).where(each.column.is_not(None)).limit(1)
        for order in (each.table.c.id.asc(), each.table.c.id.desc()):
            sealed = await session.scalar(query.order_by(order))
            if sealed is not None and sealed[:KEY_ID_BYTES] not in known:
                return True
    return False
