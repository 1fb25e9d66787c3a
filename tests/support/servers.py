"""The database servers and brokers that tests can use: where they are, what they are, and why one is missing."""

import os
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import redis.asyncio as redis
from redis.exceptions import RedisError
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from appointed.core.settings import DRIVERS

BACKENDS = ("sqlite", "postgresql", "mysql")
NAMES = (*BACKENDS, "redis")
SECONDS = 3
USUAL = {
    "postgresql": ("postgresql://postgres@127.0.0.1:5432/postgres", "postgresql://postgres:postgres@127.0.0.1:5432/postgres"),
    "mysql": ("mysql://root@127.0.0.1:3306", "mysql://root:root@127.0.0.1:3306"),
    "redis": ("redis://127.0.0.1:6379",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered. `version` is in its own words: `MariaDB 10.11.6`."""

    name: str
    url: str
    version: str

    @property
    def place(self) -> str:
        address = make_url(self.url)
        return f"at {address.host}:{address.port}" if address.host else "built in"


@dataclass(frozen=True, slots=True)
class Missing:
    """A server that did not answer, and what was said instead."""

    name: str
    why: str


Found = Mapping[str, Server | Missing]


async def find() -> Found:
    """Every kind of server, there or not. Looks where `TEST_…_URL` says, else in the usual places on this machine."""
    found: dict[str, Server | Missing] = {"sqlite": Server("sqlite", "sqlite://", f"SQLite {sqlite3.sqlite_version}")}
    for name, version_of in _VERSIONS.items():
        found[name] = await _find(name, version_of)
    return found


def required() -> list[str]:
    """The servers that `REQUIRE` names: without one of them the tests fail instead of being skipped."""
    names = os.environ.get("REQUIRE", "").split()
    if unknown := set(names) - set(NAMES):
        raise ValueError(f"REQUIRE names {', '.join(sorted(unknown))}; it knows {', '.join(NAMES)}")
    return names


async def _find(name: str, version_of: Callable[[str], Awaitable[str]]) -> Server | Missing:
    variable = f"TEST_{name.upper()}_URL"
    given = os.environ.get(variable)
    said = ""
    for url in [given] if given else USUAL[name]:
        try:
            return Server(name, url, await version_of(url))
        except (SQLAlchemyError, RedisError, OSError, TimeoutError, RuntimeError, ValueError) as error:
            # The first place is the likeliest one, so its answer explains most.
            said = said or f"{_in_short(error)}, at {make_url(url).host}:{make_url(url).port}"
    return Missing(name, f"{said} (set {variable})")


def _in_short(error: Exception) -> str:
    """The first line of what the driver said; the address, which may hold a password, is never in it."""
    said = str(getattr(error, "orig", error)).splitlines() or [""]
    return said[0][:100] or type(error).__name__


def driver_url(url: str) -> URL:
    """The address with the driver that the program uses."""
    made = make_url(url)
    return made.set(drivername=DRIVERS.get(made.drivername, made.drivername))


async def _postgresql_version(url: str) -> str:
    return "PostgreSQL " + (await _asked(url, "SHOW server_version", {"timeout": SECONDS})).split(" ")[0]


async def _mysql_version(url: str) -> str:
    version = await _asked(url, "SELECT VERSION()", {"connect_timeout": SECONDS})
    return ("MariaDB " if "MariaDB" in version else "MySQL ") + version.split("-")[0]


async def _redis_version(url: str) -> str:
    async with redis.from_url(url, socket_connect_timeout=SECONDS) as client:
        return "Redis " + str((await client.info("server"))["redis_version"])


async def _asked(url: str, question: str, connect_args: dict[str, int]) -> str:
    engine = create_async_engine(driver_url(url), poolclass=NullPool, connect_args=connect_args)
    try:
        async with engine.connect() as connection:
            return str(await connection.scalar(text(question)))
    finally:
        await engine.dispose()


_VERSIONS = {"postgresql": _postgresql_version, "mysql": _mysql_version, "redis": _redis_version}
