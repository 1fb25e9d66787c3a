"""Errors that a database says itself, at a chosen moment and a chosen number of times."""

import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from appointed.core.crypto import Vault
from appointed.core.db import Database, connect, is_retryable, metadata

from .databases import Backend
from .interference import heard

DEADLOCK, FULL = "deadlock", "disk full"
TICKS = re.compile(r"\bINSERT INTO busy_ticks\b")
LOCKING = re.compile(r"\bFOR (NO KEY )?UPDATE\b|\bBEGIN IMMEDIATE\b")
_SAY = {
    ("postgresql", DEADLOCK): "DO $$BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END$$",
    ("postgresql", FULL): "DO $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END$$",
    ("mysql", DEADLOCK): "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'",
    ("mysql", FULL): "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'",
}
_OWN_ID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
_SQLITE = {DEADLOCK: sqlite3.SQLITE_BUSY, FULL: sqlite3.SQLITE_FULL}


@dataclass(slots=True)
class Fault:
    """How often the error is still to be said, and how often it was."""

    left: int
    said: int = 0

    def is_due(self) -> bool:
        if not self.left:
            return False
        self.left, self.said = self.left - 1, self.said + 1
        return True


@contextmanager
def failing_after(backend: Backend, statement: re.Pattern[str], error: str, times: int) -> Iterator[Fault]:
    """The error follows a statement that was carried out."""
    fault = Fault(times)

    def fail(connection: Connection, _cursor: object, sent: str, *_more: object) -> None:
        if statement.search(sent) and fault.is_due():
            _say(connection, error)

    with _able_to_say(backend), heard(backend.database.engines[-1], "after_cursor_execute", fail):
        yield fault


@contextmanager
def failing_at_commit(backend: Backend, error: str, times: int) -> Iterator[Fault]:
    """The error takes the place of the commit."""
    fault = Fault(times)

    def fail(connection: Connection) -> None:
        if fault.is_due():
            _say(connection, error)

    with _able_to_say(backend), heard(backend.database.engines[-1], "commit", fail):
        yield fault


@contextmanager
def cut_off_at_commit(backend: Backend) -> Iterator[None]:
    """The server ends the connection that is about to commit."""

    def fail(connection: Connection) -> None:
        await_(_end(connection.exec_driver_sql(_OWN_ID[backend.name]).scalar_one(), backend))

    with heard(backend.database.engines[-1], "commit", fail):
        yield


async def cut_off(engine: AsyncEngine, backend: Backend) -> None:
    """The server ends the connection that the engine would use next."""
    async with engine.connect() as connection:
        connection_id = await connection.scalar(text(_OWN_ID[backend.name]))
    await _end(connection_id, backend)


async def _end(connection_id: int, backend: Backend) -> None:
    order = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}[backend.name]
    async with backend.database.reads() as killer:
        await killer.execute(text(order.format(connection_id)))


def _say(connection: Connection, error: str) -> None:
    connection.exec_driver_sql(_SAY.get((connection.dialect.name, error), error))


@contextmanager
def _able_to_say(backend: Backend) -> Iterator[None]:
    """SQLite has no statement that says such an error, so the driver says it when it is asked to."""
    if backend.name != "sqlite":
        yield
        return

    def execute(_cursor: object, statement: str, *_more: object) -> None:
        if statement in _SQLITE:
            raised = sqlite3.OperationalError(statement)
            raised.sqlite_errorcode = _SQLITE[statement]
            raise raised

    with heard(backend.database.engines[-1], "do_execute", execute):
        yield


@dataclass(slots=True)
class Watch:
    """What happened on the connections that write."""

    begun: int = 0
    retryable: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def watched(database: Database) -> Iterator[Watch]:
    watch = Watch()

    def begin(_connection: Connection) -> None:
        watch.begun += 1

    def execute(_connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        watch.statements.append(statement)

    def fail(context: ExceptionContext) -> None:
        watch.retryable += bool(context.sqlalchemy_exception and is_retryable(context.sqlalchemy_exception))

    engine = database.engines[-1]
    with (
        heard(engine, "begin", begin),
        heard(engine, "before_cursor_execute", execute),
        heard(engine, "handle_error", fail),
    ):
        yield watch


@asynccontextmanager
async def another_process(backend: Backend, vault: Vault, *, impatient: bool = False) -> AsyncIterator[Database]:
    """The same database over connections of its own; impatient ones hardly wait for a lock."""
    database = connect(backend.url, vault, pool_size=5)
    if impatient:
        event.listen(database.engines[-1].sync_engine, "connect", _impatience(backend.name))
    try:
        yield database
    finally:
        await database.dispose()


def _impatience(name: str) -> Callable[[Any, object], None]:
    order = {"postgresql": "SET lock_timeout = '50ms'", "mysql": "SET innodb_lock_wait_timeout = 1",
             "sqlite": "PRAGMA busy_timeout = 50"}[name]  # fmt: skip

    def apply(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(order)
        cursor.close()
        connection.commit()

    return apply


async def counts(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    async with database.reads() as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
