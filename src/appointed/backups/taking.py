"""Taking a backup: every table as it was at one moment, while others read and write."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from alembic.migration import MigrationContext
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointed.core.crypto import Vault
from appointed.core.db import Database
from appointed.migrations import target_metadata

from .container import BackupRefused, Header, Summary, Writer, inspect
from .rows import encoders

ROWS_AT_ONCE = 1_000
Progress = Callable[[str, int], None]


async def take(
    database: Database, vault: Vault, path: Path, heads: Path, now: datetime, *, on_progress: Progress
) -> Summary:
    """Write a backup to `path`, where nothing may be yet, and read it again. `on_progress` is told of a table how many
    of its rows were written."""
    _check_free(path)
    # Before the snapshot: a head that it has not reached would look like a trail that was cut.
    known_heads = _text_of(heads)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with _made(partial) as file:
            async with _snapshot(database) as connection:
                schema = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
                writer = Writer(file, vault, Header.of(vault, schema or "", now))
                summary = await _write(connection, writer, known_heads, on_progress)
            file.flush()
            os.fsync(file.fileno())
        if inspect(partial, vault)[1] != summary:
            raise BackupRefused("What was written cannot be read again.")
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return summary


async def _write(connection: AsyncConnection, writer: Writer, heads: str | None, on_progress: Progress) -> Summary:
    rows: Counter[str] = Counter()
    for table in target_metadata.sorted_tables:
        writer.write({"table": table.name, "columns": [column.name for column in table.c]})
        async for part in _parts(connection, table):
            for row in part:
                writer.write(row)
            rows[table.name] += len(part)
            on_progress(table.name, rows[table.name])
    writer.write({"heads": heads})
    return writer.finish(rows)


async def _parts(connection: AsyncConnection, table: Table) -> AsyncIterator[list[list[Any]]]:
    encode = encoders(table)
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS_AT_ONCE)
    result = await connection.stream(query)
    async for part in result.partitions():
        yield [[encode_one(value) for encode_one, value in zip(encode, row, strict=True)] for row in part]


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees what was committed when it began, and nothing that comes after; SQLite's always do."""
    async with database.engines[0].connect() as connection:
        if database.dialect != "sqlite":
            await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            yield connection


def _check_free(path: Path) -> None:
    if path.exists():
        raise BackupRefused(f"{path} is there already.")


def _text_of(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


def _made(path: Path) -> BinaryIO:
    """A new file that its owner alone can read."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as error:
        raise BackupRefused(f"{path.parent} cannot be written to: {error.strerror}") from None
