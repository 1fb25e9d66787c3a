"""Restoring a backup into an empty database, of whatever engine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import migrations
from appointed.core.crypto import Vault
from appointed.core.db import Database, transaction

from .checking import Checked, check
from .container import BackupRefused, inspect, lines_of
from .rows import decoder

ROWS_AT_ONCE = 500
Row = Mapping[str, Any]


async def restore(
    database: Database, vault: Vault, path: Path, heads: Path, *, on_progress: Callable[[str], None]
) -> Checked:
    """All of the backup or nothing; then what is there is checked. The schema is made where there is none."""
    on_progress("Reading the backup")
    header, summary = inspect(path, vault)
    if header.schema != migrations.head():
        raise BackupRefused(f"The backup has the schema {header.schema}, and this version {migrations.head()}: "
                            "restore it with the version that took it, then migrate.")  # fmt: skip
    await _make_ready(database, heads)
    restored = heads.with_name(f"{heads.name}.restoring")
    try:
        async with transaction(database.writes) as session:
            # On the disk before the commit, so that whatever fails leaves nothing half done.
            _write(restored, await _insert(session, lines_of(path, vault), on_progress) or "")
        restored.rename(heads)
    finally:
        restored.unlink(missing_ok=True)
    async with database.reads() as session:
        return await check(session, heads, expected=summary.rows, on_progress=on_progress)


async def _make_ready(database: Database, heads: Path) -> None:
    """Nothing may be there that would be mixed with what comes."""
    current = await migrations.current(database.engines[-1])
    if current is None:
        await migrations.upgrade(database.engines[-1])
    elif current != migrations.head():
        raise BackupRefused("The database has an older schema. Restore into a new one.")
    async with database.reads() as session:
        for table in migrations.target_metadata.sorted_tables:
            if await session.scalar(select(func.count()).select_from(table)):
                raise BackupRefused(f"The database is not empty: there are rows in {table.name}. Restore into a new "
                                    "one. `appointed migrate` need not be run before: it makes rows.")  # fmt: skip
    if _has_lines(heads):
        raise BackupRefused(f"{heads} is of another database's trail. Move it away.")


def _has_lines(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)


async def _insert(session: AsyncSession, lines: Iterator[Any], on_progress: Callable[[str], None]) -> str | None:
    """Insert all rows in the order in which they come, parents first; the text of the heads."""
    inserting: _Table | None = None
    for line in lines:
        if isinstance(line, list):
            assert inserting is not None  # noqa: S101 - what was inspected begins with a table
            await inserting.add(session, line)
            continue
        if inserting:
            await inserting.finish(session)
        if "heads" in line:
            heads: str | None = line["heads"]
            return heads
        on_progress(f"Restoring {line['table']}")
        inserting = _Table(migrations.target_metadata.tables[line["table"]], line["columns"])
    return None


class _Table:
    """A table that is filled, some rows at a time."""

    def __init__(self, table: Table, columns: Iterable[str]) -> None:
        self._table, self._decode = table, decoder(table, list(columns))
        # A row may name one that comes after it, so that is said when all are there.
        self._own = [key.parent.name for key in table.foreign_keys if key.column.table is table]
        self._rows: list[dict[str, Any]] = []
        self._later: list[tuple[Row, Row]] = []

    async def add(self, session: AsyncSession, values: list[Any]) -> None:
        row = dict(self._decode(values))
        named = {name: row[name] for name in self._own if row[name] is not None}
        if named:
            self._later.append(({key.name: row[key.name] for key in self._table.primary_key}, named))
        self._rows.append(row | dict.fromkeys(named))
        if len(self._rows) >= ROWS_AT_ONCE:
            await self._flush(session)

    async def finish(self, session: AsyncSession) -> None:
        await self._flush(session)
        for key, named in self._later:
            ours = (self._table.c[name] == value for name, value in key.items())
            await session.execute(update(self._table).where(*ours).values(named))

    async def _flush(self, session: AsyncSession) -> None:
        if self._rows:
            await session.execute(insert(self._table), self._rows)
            self._rows = []
