"""The drivers by themselves, for the yardstick: statements in one transaction, or one SELECT."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import aiosqlite
import asyncpg
from sqlalchemy import URL

POOL_SIZE = 10
Values = Sequence[Any]
Statement = tuple[str, Sequence[Values]]


class Store(Protocol):
    """Statements have a `?` for each value."""

    async def write(self, statements: Sequence[Statement]) -> None:
        """All of them in one transaction, committed; a statement with several rows is run for each."""

    async def select(self, statement: str, *values: Any) -> list[Values]: ...


@asynccontextmanager
async def connect(url: URL) -> AsyncIterator[Store]:
    make = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite}[url.get_backend_name()]
    async with make(url) as store:
        yield store


class _Postgresql:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def write(self, statements: Sequence[Statement]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for statement, rows in statements:
                if len(rows) == 1:
                    await connection.execute(_numbered(statement), *rows[0])
                else:
                    await connection.executemany(_numbered(statement), rows)

    async def select(self, statement: str, *values: Any) -> list[Values]:
        return list(await self._pool.fetch(_numbered(statement), *values))


@asynccontextmanager
async def _postgresql(url: URL) -> AsyncIterator[Store]:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with asyncpg.create_pool(address, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        yield _Postgresql(pool)


def _numbered(statement: str) -> str:
    """PostgreSQL counts its placeholders."""
    if statement not in _NUMBERED:
        first, *rest = statement.split("?")
        _NUMBERED[statement] = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    return _NUMBERED[statement]


_NUMBERED: dict[str, str] = {}


class _Mysql:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def write(self, statements: Sequence[Statement]) -> None:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await connection.begin()
            try:
                for statement, rows in statements:
                    await cursor.executemany(statement.replace("?", "%s"), [_plain(row) for row in rows])
                await connection.commit()
            except BaseException:
                await connection.rollback()
                raise

    async def select(self, statement: str, *values: Any) -> list[Values]:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(statement.replace("?", "%s"), _plain(values))
            return _readable(await cursor.fetchall())


@asynccontextmanager
async def _mysql(url: URL) -> AsyncIterator[Store]:
    import asyncmy  # an extra that only this yardstick needs

    pool = await asyncmy.create_pool(POOL_SIZE, POOL_SIZE, host=url.host, port=url.port or 3306, user=url.username,
                                     password=url.password or "", db=url.database, autocommit=True)  # fmt: skip
    try:
        yield _Mysql(pool)
    finally:
        pool.close()
        await pool.wait_closed()


class _Sqlite:
    """One connection for writing and one for reading, as in the application."""

    def __init__(self, writing: aiosqlite.Connection, reading: aiosqlite.Connection) -> None:
        self._writing, self._reading, self._turn = writing, reading, asyncio.Lock()

    async def write(self, statements: Sequence[Statement]) -> None:
        async with self._turn:
            await self._writing.execute("BEGIN IMMEDIATE")
            try:
                for statement, rows in statements:
                    await self._writing.executemany(statement, [_plain(row) for row in rows])
                await self._writing.commit()
            except BaseException:
                await self._writing.rollback()
                raise

    async def select(self, statement: str, *values: Any) -> list[Values]:
        return _readable(await self._reading.execute_fetchall(statement, _plain(values)))


@asynccontextmanager
async def _sqlite(url: URL) -> AsyncIterator[Store]:
    assert url.database
    async with (
        aiosqlite.connect(url.database, isolation_level=None) as writing,
        aiosqlite.connect(url.database, isolation_level=None) as reading,
    ):
        for connection in (writing, reading):
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
                await connection.execute(f"PRAGMA {pragma}")
        yield _Sqlite(writing, reading)


def _plain(row: Values) -> list[Any]:
    """UUIDs as bytes and instants as naive UTC, as the application's columns are on MySQL and SQLite."""
    return [_PLAIN[type(value)](value) if type(value) in _PLAIN else value for value in row]


def _readable(rows: Iterable[Values]) -> list[Values]:
    return [[UUID(bytes=value) if type(value) is bytes else value for value in row] for row in rows]


_PLAIN: dict[type, Any] = {
    UUID: lambda value: value.bytes,
    datetime: lambda value: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
}
