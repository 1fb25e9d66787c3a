"""What a test does to a database's connections to see the program fail: slow it down, take its locks away, count."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.util.concurrency import await_

from appointed.core.crypto import Vault
from appointed.core.db import Database

from .databases import POOL_SIZE, Backend

WRITING = re.compile(r"\bINSERT INTO appointments\b")
ROW_LOCK = re.compile(r" FOR (NO KEY )?UPDATE\b")
PLAIN_INDEX = "CREATE INDEX ix_busy_ticks_plain ON busy_ticks (resource_id, tick)"
KEY_OFF: dict[str, list[str]] = {
    "postgresql": ["ALTER TABLE busy_ticks DROP CONSTRAINT pk_busy_ticks", PLAIN_INDEX],
    # In one, because the foreign key needs an index at all times.
    "mysql": ["ALTER TABLE busy_ticks DROP PRIMARY KEY, ADD INDEX ix_busy_ticks_plain (resource_id, tick)"],
}


@contextmanager
def widened(database: Database, seconds: float = 0.3) -> Iterator[asyncio.Event]:
    """Every booking waits between its decision and its writing: whoever is not locked out decides meanwhile. The event
    is set when the first one waits."""
    paused = asyncio.Event()

    def pause(_connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if WRITING.search(statement):
            paused.set()
            await_(asyncio.sleep(seconds))

    with heard(database.engines[-1], "before_cursor_execute", pause, insert=True):
        yield paused


@asynccontextmanager
async def unlocked(backend: Backend, vault: Vault) -> AsyncIterator[Database]:
    """The database, with transactions that lock nothing before they write."""
    if backend.name == "sqlite":
        async with _late_to_lock(backend, vault) as database:
            yield database
        return

    def strip(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_more: object) -> Any:
        return ROW_LOCK.sub("", statement), parameters

    with heard(backend.database.engines[-1], "before_cursor_execute", strip, retval=True):
        yield backend.database


@asynccontextmanager
async def _late_to_lock(backend: Backend, vault: Vault) -> AsyncIterator[Database]:
    """SQLite with many writers, each of which begins its transaction with its first writing."""
    options = {"isolation_level": None, "timeout": 30}
    engine = create_async_engine(backend.url, pool_size=POOL_SIZE, max_overflow=0, connect_args=options)

    def begin(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        driver: Any = connection.connection.driver_connection
        if re.match("INSERT|UPDATE|DELETE", statement) and not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    info = {"vault": vault, "is_reading": False, "tally": Counter()}
    with heard(engine, "before_cursor_execute", begin):
        try:
            writes = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False, info=info)
            yield Database(backend.database.reads, writes, (backend.database.engines[0], engine))
        finally:
            await engine.dispose()


async def take_the_key_away(backend: Backend) -> None:
    """From here on two visits can have one tick. For a database that is thrown away."""
    async with backend.database.engines[-1].begin() as connection:
        for statement in KEY_OFF.get(backend.name, []) or await connection.run_sync(_without_key):
            await connection.exec_driver_sql(statement)


def _without_key(connection: Connection) -> list[str]:
    """SQLite cannot drop a key, so the empty table is made anew."""
    made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'busy_ticks'").scalar_one()
    keyless, count = re.subn(r",\s*CONSTRAINT pk_busy_ticks PRIMARY KEY \([^)]*\)", "", made)
    assert count == 1
    return ["DROP TABLE busy_ticks", keyless, PLAIN_INDEX]


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Every statement that is sent, with the beginning and the end of each transaction that can write."""
    sent: list[str] = []

    def execute(_connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    reading, writing = database.engines
    with (
        heard(reading, "before_cursor_execute", execute),
        heard(writing, "before_cursor_execute", execute),
        heard(writing, "begin", lambda _connection: sent.append("BEGIN")),
        heard(writing, "commit", lambda _connection: sent.append("COMMIT")),
    ):
        yield sent


@contextmanager
def heard(engine: AsyncEngine, name: str, hear: Any, **options: bool) -> Iterator[None]:
    """`hear` is called at each such event of the engine while the block lasts."""
    event.listen(engine.sync_engine, name, hear, **options)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, name, hear)
