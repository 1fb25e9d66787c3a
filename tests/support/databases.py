"""A fresh database for a run of the tests: made, migrated, emptied after every test and dropped in the end."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

from appointed.audit import triggers
from appointed.core.crypto import Vault
from appointed.core.db import Database, connect, metadata
from appointed.migrations import upgrade

from .servers import Server, driver_url

POOL_SIZE = 16
# Of PostgreSQL's hundred connections others need some too, so what only a race needed is given back.
KEPT = 3
PREFIX = "appointed_test_"
# A test's data need not outlive a power cut. On a server alike for those of other processes too; SQLite is told by
# each connection (see `_hurry`), and MariaDB where it is started (see `.ci/run`).
HASTY = {"postgresql": "ALTER DATABASE {} SET synchronous_commit TO off"}
DROP = {"postgresql": "DROP DATABASE IF EXISTS {} WITH (FORCE)", "mysql": "DROP DATABASE IF EXISTS {}"}


@dataclass(frozen=True, slots=True)
class Backend:
    """A database that belongs to the tests. `url` is for further processes; they share what the test sees."""

    server: Server
    url: URL
    database: Database
    _broom: AsyncEngine

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def address(self) -> str:
        return self.url.render_as_string(hide_password=False)

    async def tidy(self) -> None:
        """Leave neither rows nor more than a few connections."""
        await self._empty()
        for engine in self.database.engines:
            if isinstance(engine.pool, QueuePool) and engine.pool.checkedin() > KEPT:
                await engine.dispose()

    async def _empty(self) -> None:
        """Delete every row of every table, in one transaction."""
        deletes = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]  # noqa: S608 - our tables
        if self.name == "postgresql":
            async with self._broom.connect() as connection:
                raw = await connection.get_raw_connection()
                await raw.driver_connection.execute(";".join(deletes))  # type: ignore[union-attr]
            return
        # Rows may name rows of their own table, so one by one they cannot all go.
        keys_off = "PRAGMA foreign_keys=OFF" if self.name == "sqlite" else "SET foreign_key_checks=0"
        async with self._broom.connect() as connection:
            await connection.exec_driver_sql(keys_off)
            await connection.commit()
            for delete in deletes:
                await connection.exec_driver_sql(delete)
            await connection.commit()


@asynccontextmanager
async def fresh(server: Server, folder: Path, vault: Vault, *, is_migrated: bool = True) -> AsyncIterator[Backend]:
    """A database of its own on `server` (SQLite: in `folder`) for as long as the block lasts."""
    name = PREFIX + secrets.token_hex(4)
    if server.name == "sqlite":
        url = URL.create("sqlite+aiosqlite", database=str(folder / f"{name}.sqlite3"))
    else:
        url = driver_url(server.url).set(database=name)
        await _order(server, f"CREATE DATABASE {name}")
    try:
        if server.name in HASTY:
            await _order(server, HASTY[server.name].format(name))
        database = connect(url, vault, pool_size=POOL_SIZE)
        broom = create_async_engine(url, pool_size=1, max_overflow=0)
        if server.name == "sqlite":
            for engine in (database.engines[-1], broom):
                event.listen(engine.sync_engine, "connect", _hurry)
        try:
            if is_migrated:
                await upgrade(database.engines[-1])
                await _let_trail_go(database.engines[-1])
            yield Backend(server, url, database, broom)
        finally:
            await broom.dispose()
            await database.dispose()
    finally:
        if server.name in DROP:
            await _order(server, DROP[server.name].format(name))


async def _let_trail_go(engine: AsyncEngine) -> None:
    """A test's rows are deleted after it, those of the trail too."""
    async with engine.begin() as connection:
        for statement in triggers.remove(engine.dialect.name):
            await connection.exec_driver_sql(statement)


def _hurry(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


async def _order(server: Server, order: str) -> None:
    engine = create_async_engine(driver_url(server.url), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(order))
    finally:
        await engine.dispose()
