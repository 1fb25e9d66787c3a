"""Sealing anew, by the current key, what older ones sealed: in small transactions, beside whoever reads and writes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    Table,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from .crypto import KEY_ID_BYTES, Vault
from .db import Database, changed, transaction, vault_of
from .errors import AppError
from .retry import run_again
from .sealing import SealedColumn, sealed_columns

BATCH = 100
PAUSE_SECONDS = 0.01
MOST_PASSES = 3
_FIRST: ColumnElement[int] = literal_column("1")
_LENGTH: ColumnElement[int] = literal_column(str(KEY_ID_BYTES))


class KeysMissing(AppError):
    code = "keys_missing"


@dataclass(frozen=True, slots=True)
class Held:
    """How many values of a column are sealed by a key."""

    path: str
    key_id: bytes
    count: int


@dataclass(slots=True)
class Outcome:
    """What was sealed anew, what could not be opened (and was left as it is), and what is left under older keys."""

    resealed: int = 0
    unreadable: list[tuple[str, UUID]] = field(default_factory=list)
    left: int = 0


async def held(session: AsyncSession) -> list[Held]:
    """How many values each key has sealed, column by column."""
    found = []
    for each in sealed_columns():
        query = select(key_id_in(each), func.count()).where(each.column.is_not(None)).group_by(key_id_in(each))
        rows = (await session.execute(query)).all()
        found += sorted((Held(each.path, bytes(key_id), count) for key_id, count in rows), key=lambda held: held.key_id)
    return found


async def rotate(
    database: Database,
    *,
    batch: int = BATCH,
    pause: float = PAUSE_SECONDS,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Outcome:
    """Seal by the current key all that older ones sealed, and index it; `on_progress` is told how much of how much.

    Nothing is kept but what the key ids in the rows say, so it can be killed and run again. `KeysMissing` before
    anything is done if there is something that no key at hand has sealed.
    """
    stale = await _stale(database)
    outcome, total = Outcome(), stale
    on_progress(0, total)
    for _ in range(MOST_PASSES):
        outcome.unreadable.clear()
        for _, columns in groupby(sealed_columns(), key=lambda each: each.table.name):
            async for done in _batches(database, list(columns), batch, outcome):
                outcome.resealed += done
                on_progress(outcome.resealed, max(total, outcome.resealed))
                # On SQLite whoever waits to write gets no turn while we take one after the other.
                await asyncio.sleep(pause)
        # Values that were written by an older key meanwhile, by a process that still runs with it.
        stale = await _stale(database)
        if stale <= len(outcome.unreadable):
            break
    outcome.left = stale
    return outcome


async def _stale(database: Database) -> int:
    """How many values older keys have sealed."""
    async with database.reads() as session:
        vault, all_ = vault_of(session), await held(session)
    if unknown := sorted({each.key_id.hex() for each in all_} - {key_id.hex() for key_id in vault.key_ids}):
        count = sum(each.count for each in all_ if each.key_id.hex() in unknown)
        raise KeysMissing(f"{count:,} values were sealed by keys that are not at hand ({', '.join(unknown)}). "
                          "Name them in OLD_DATA_KEYS.")  # fmt: skip
    return sum(each.count for each in all_ if each.key_id != vault.key_id)


async def _batches(database: Database, columns: Sequence[SealedColumn], batch: int, outcome: Outcome) -> Any:
    """Yields how many values each batch of a table's rows has sealed anew."""
    last: Row[Any] | None = None
    while True:
        async with database.reads() as session:
            vault = vault_of(session)
            rows = (await session.execute(_page(columns, vault, last, batch))).all()
        changes = [change for row in rows if (change := _change_of(row, columns, vault, outcome))]
        yield await run_again(lambda changes=changes: _write(database, columns, changes))  # type: ignore[misc]
        if len(rows) < batch:
            return
        last = rows[-1]


def _page(columns: Sequence[SealedColumn], vault: Vault, last: Row[Any] | None, batch: int) -> Any:
    """The next rows that hold something by an older key, in the order of the primary key."""
    table = columns[0].table
    keys = list(table.primary_key)
    is_stale = or_(*(key_id_in(each) != literal(vault.key_id, LargeBinary()) for each in columns))
    wanted = dict.fromkeys([*keys, table.c.id, *(each.column for each in columns)])
    query = select(*wanted).where(is_stale).order_by(*keys).limit(batch)
    if last is not None:
        after = [literal(getattr(last, key.name), key.type) for key in keys]
        # The first condition says nothing new, but MySQL finds no range in a comparison of tuples.
        query = query.where(keys[0] >= after[0], tuple_(*keys) > tuple_(*after))
    return query


@dataclass(frozen=True, slots=True)
class _Change:
    """The row with this key gets these values, if it still has the ones that were read."""

    key: Mapping[str, Any]
    read: Mapping[str, bytes]
    new: Mapping[str, bytes | None]


def _change_of(row: Row[Any], columns: Sequence[SealedColumn], vault: Vault, outcome: Outcome) -> _Change | None:
    read: dict[str, bytes] = {}
    new: dict[str, bytes | None] = {}
    for each in columns:
        sealed = getattr(row, each.column.name)
        if sealed is None or vault.is_current(sealed):
            continue
        try:
            text = vault.open(each.table.name, each.name, row.id, sealed)
        except InvalidTag:
            outcome.unreadable.append((each.path, row.id))
            continue
        read[each.column.name] = sealed
        new[each.column.name] = vault.seal(each.table.name, each.name, row.id, text)
        new |= each.index_values(vault.current, text)
    keys = columns[0].table.primary_key
    return _Change({key.name: getattr(row, key.name) for key in keys}, read, new) if new else None


async def _write(database: Database, columns: Sequence[SealedColumn], changes: Sequence[_Change]) -> int:
    """Each unless somebody was quicker: what they wrote is newer. How many values were written."""
    if not changes:
        return 0
    table, written = columns[0].table, 0
    async with transaction(database.writes) as session:
        for change in changes:
            as_read = _equal(table, {**change.key, **change.read})
            done = await session.execute(update(table).where(*as_read).values(change.new))
            written += len(change.read) if changed(done) else 0
    return written


def _equal(table: Table, values: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values.items()]


def key_id_in(each: SealedColumn) -> ColumnElement[bytes]:
    """The key id in front of a sealed value."""
    # Written out: PostgreSQL takes a grouping by parameters for another than the one selected.
    return func.substr(each.column, _FIRST, _LENGTH, type_=LargeBinary())
