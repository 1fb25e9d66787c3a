"""The database: two session factories, one way to commit, and what its errors mean."""

import errno
import logging
import re
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from sqlalchemy import URL, CursorResult, Index, MetaData, PrimaryKeyConstraint, Result, UniqueConstraint, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm.exc import StaleDataError

from . import batch
from .crypto import Vault
from .types import Guid, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock timeout
RETRYABLE_MYSQL_CODES = frozenset({1205, 1213, 1020})  # lock wait timeout, deadlock, record changed
UNREACHABLE_SQLSTATES = frozenset({"57P01", "57P03", "53300", "08006", "08001", "08003"})
UNREACHABLE_ERRNOS = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN})
UNREACHABLE_MYSQL_CODES = frozenset({2003, 2006, 2013, 1040, 1053})
LOCK_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 20

# It passes on every note of the server, such as that MySQL's primary keys have no names.
logging.getLogger("asyncmy").setLevel(logging.ERROR)

Sessions = async_sessionmaker[AsyncSession]
Tally = Counter[tuple[str, ...]]


class Base(DeclarativeBase):
    metadata = metadata
    type_annotation_map = {UUID: Guid, datetime: Instant}  # noqa: RUF012 - the name and shape are SQLAlchemy's


@dataclass(frozen=True, slots=True)
class Database:
    """`reads` cannot write, `writes` holds its locks until commit. Both at READ COMMITTED or stricter.

    `tally` is how often this process has committed what was noted.
    """

    reads: Sessions
    writes: Sessions
    engines: tuple[AsyncEngine, ...]
    tally: Tally = field(default_factory=Counter)

    @property
    def dialect(self) -> str:
        return self.engines[0].dialect.name

    async def dispose(self) -> None:
        for engine in self.engines:
            await engine.dispose()


def connect(url: URL, vault: Vault, *, pool_size: int = 10) -> Database:
    """A database at `url`: at most `pool_size` connections for writing and as many for reading (SQLite: one writer)."""
    make = _connect_sqlite if url.get_backend_name() == "sqlite" else _connect_server
    reading, writing = make(url, pool_size)
    tally: Tally = Counter()
    return Database(
        async_sessionmaker(reading, expire_on_commit=False, info={"vault": vault, "is_reading": True}),
        async_sessionmaker(writing, expire_on_commit=False, info={"vault": vault, "is_reading": False, "tally": tally}),
        (reading, writing),
        tally,
    )


def vault_of(session: AsyncSession) -> Vault:
    vault: Vault = session.info["vault"]
    return vault


def is_reading(session: AsyncSession) -> bool:
    """Whether the session cannot write."""
    return bool(session.info["is_reading"])


def _connect_server(url: URL, pool_size: int) -> tuple[AsyncEngine, AsyncEngine]:
    """One statement of a reader is its own transaction; a writer sees what was committed before each statement."""

    def engine(isolation: str, *, can_write: bool) -> AsyncEngine:
        made = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=POOL_TIMEOUT_SECONDS,
                                   pool_recycle=1800, isolation_level=isolation, hide_parameters=True,
                                   # A reader has nothing to roll back, and MySQL would be asked to each time.
                                   skip_autocommit_rollback=True,
                                   connect_args=_connect_args(url, can_write=can_write))  # fmt: skip
        if url.get_backend_name() != "postgresql":
            event.listen(made.sync_engine, "connect", partial(_prepare_mysql, can_write=can_write))
        return made

    return engine("AUTOCOMMIT", can_write=False), engine("READ COMMITTED", can_write=True)


def _connect_args(url: URL, *, can_write: bool) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        read_only = "off" if can_write else "on"
        return {"server_settings": {"lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s", "timezone": "UTC",
                                    "default_transaction_read_only": read_only}}  # fmt: skip
    return {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}


def _prepare_mysql(connection: Any, _record: object, *, can_write: bool) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET innodb_lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}")
    cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'")
    cursor.execute(f"SET SESSION TRANSACTION READ {'WRITE' if can_write else 'ONLY'}")
    cursor.close()


def _connect_sqlite(url: URL, pool_size: int) -> tuple[AsyncEngine, AsyncEngine]:
    """Readers see a snapshot and never block; the one writer takes the lock at BEGIN, so it never has to upgrade."""
    file = Path(url.database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Patients are nobody else's business on a machine with several users; SQLite's other files follow this one.
    file.touch(mode=0o600)

    def engine(size: int, begin: str, *pragmas: str) -> AsyncEngine:
        made = create_async_engine(url, pool_size=size, max_overflow=0, pool_timeout=POOL_TIMEOUT_SECONDS,
                                   hide_parameters=True, connect_args={"isolation_level": None})  # fmt: skip
        event.listen(made.sync_engine, "connect", _pragmas(*pragmas))
        event.listen(made.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return made

    return (
        engine(pool_size, "BEGIN", "query_only=ON"),
        engine(1, "BEGIN IMMEDIATE", "journal_mode=WAL", "synchronous=FULL"),
    )


def _pragmas(*pragmas: str) -> Callable[[Any, object], None]:
    def apply(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}", "foreign_keys=ON", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return apply


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Commit if the block succeeds, roll back if it raises. Nothing else commits."""
    async with sessions() as session:
        async with session.begin():
            yield session
            await batch.flush(session)
        session.info["tally"].update(session.info.get("noted", ()))


def note(session: AsyncSession, *names: str) -> None:
    """Count this once more when it is committed. The names are words of ours, and there are few of them."""
    session.info.setdefault("noted", []).append(names)


def changed(result: Result[*tuple[Any, ...]]) -> int:
    """How many rows a statement that changes some has changed."""
    return int(cast(CursorResult[*tuple[Any, ...]], result).rowcount)


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may succeed when run again: a deadlock, a lock not had in time, a busy file, a row
    that somebody deleted between its being read and its being changed."""
    if isinstance(error, StaleDataError):
        return True
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    cause = error.orig
    if getattr(cause, "sqlstate", None) in RETRYABLE_SQLSTATES:
        return True
    if isinstance(cause, sqlite3.OperationalError):
        return (cause.sqlite_errorcode & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return _first_argument(cause) in RETRYABLE_MYSQL_CODES


def is_unreachable(error: BaseException) -> bool:
    """Whether the database could not be had: no connection, a lost one, or none free in time."""
    if isinstance(error, PoolTimeout | ConnectionError | TimeoutError | socket.gaierror):
        return True
    if isinstance(error, OSError):
        # Of a name with several addresses that all failed, asyncio says so in words only.
        return error.errno in UNREACHABLE_ERRNOS or str(error).startswith("Multiple exceptions: ")
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) in UNREACHABLE_SQLSTATES
        or _first_argument(error.orig) in UNREACHABLE_MYSQL_CODES
    )


def _first_argument(cause: BaseException | None) -> object:
    """The code that MySQL's drivers put first."""
    return cause.args[0] if cause and cause.args else None


def constraint_of(error: IntegrityError) -> str | None:
    """The name of the unique constraint or primary key that refused the row."""
    cause: Any = error.orig
    named = getattr(getattr(cause, "__cause__", None), "constraint_name", None)
    if named:
        return str(named)
    text = str(cause)
    if columns := re.search(r"UNIQUE constraint failed: (.+)$", text):
        return _constraint_over(columns[1].split(", "))
    if key := re.search(r"Duplicate entry .* for key '([^']+)'", text, re.DOTALL):
        name = key[1].rpartition(".")[2]
        table = re.search(r"INSERT INTO `?(\w+)", error.statement or "")
        return f"pk_{table[1]}" if name == "PRIMARY" and table else name
    return None


def _constraint_over(columns: list[str]) -> str | None:
    """SQLite names the columns and not the constraint: `busy_ticks.resource_id, busy_ticks.tick`."""
    table = metadata.tables[columns[0].partition(".")[0]]
    names = {column.partition(".")[2] for column in columns}
    unique: list[PrimaryKeyConstraint | UniqueConstraint | Index] = [
        table.primary_key,
        *(constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)),
        *(index for index in table.indexes if index.unique),
    ]
    return next((str(each.name) for each in unique if {column.name for column in each.columns} == names), None)
