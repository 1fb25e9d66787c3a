"""The fixtures that every test may ask for. Whoever asks for `database` runs on each database that is there."""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from appointed.core.crypto import Vault
from appointed.core.db import Database
from appointed.core.settings import Settings

from . import redis
from .clock import FixedClock
from .databases import Backend, fresh
from .report import found_of
from .servers import BACKENDS, Missing, Server

SECRET_KEY = "only the tests sign their tokens with this"
DATA_KEY = base64.b64encode(bytes(range(32))).decode()


def pytest_configure(config: pytest.Config) -> None:
    """What a developer has set for their own server is not what the tests are about."""
    for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
        del os.environ[name]
    config.addinivalue_line("markers", "backends(*names): the databases a test runs on, when it is not all of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`database` means every database, `@pytest.mark.backends(…)` some, `sqlite_database` SQLite alone."""
    if "backend" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("backends")
        names = marker.args if marker else BACKENDS
        if "sqlite_database" in metafunc.fixturenames:
            names = ("sqlite",)
        metafunc.parametrize("backend", names, indirect=True)


class Databases:
    """One fresh database a server, made when it is first asked for."""

    def __init__(self, stack: AsyncExitStack, folder: Path, vault: Vault) -> None:
        self._stack, self._folder, self._vault = stack, folder, vault
        self._made: dict[str, Backend] = {}

    async def on(self, server: Server) -> Backend:
        if server.name not in self._made:
            self._made[server.name] = await self._stack.enter_async_context(fresh(server, self._folder, self._vault))
        return self._made[server.name]


@pytest.fixture(scope="session")
async def databases(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> AsyncIterator[Databases]:
    async with AsyncExitStack() as stack:
        yield Databases(stack, tmp_path_factory.mktemp("databases"), vault)


@pytest.fixture
async def backend(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[Backend]:
    """A migrated database without rows, on each server in turn; its tables are emptied after the test."""
    made = await databases.on(_there(request, request.param))
    yield made
    await made.tidy()


@pytest.fixture
def database(backend: Backend) -> Database:
    return backend.database


@pytest.fixture
def sqlite_database(database: Database) -> Database:
    """For what is the same on every database."""
    return database


@pytest.fixture(scope="session")
async def _redis(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async with redis.claimed(_there(request, "redis")) as url:
        yield url


@pytest.fixture
async def redis_url(_redis: str) -> AsyncIterator[str]:
    """The address of an empty Redis database."""
    yield _redis
    await redis.empty(_redis)


@pytest.fixture
def clock() -> FixedClock:
    """Stands at Monday, 3 March 2031, 08:00 UTC until it is moved."""
    return FixedClock()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault.of(base64.b64decode(DATA_KEY))


@pytest.fixture
def settings(backend: Backend, tmp_path: Path) -> Settings:
    """Settings of an application on the test's database, with cheap password hashes and a folder of its own."""
    return settings_of(tmp_path, database_url=SecretStr(backend.address))


def settings_of(var_dir: Path, **changes: Any) -> Settings:
    """Settings that owe nothing to the environment."""
    given: dict[str, Any] = {"var_dir": var_dir, "secret_key": SECRET_KEY, "data_key": DATA_KEY, "bcrypt_cost": 4}
    # A test may ask more often than anybody would.
    given |= {name: "1000000/minute" for name in Settings.model_fields if name.startswith("rate_limit")}
    return Settings(_env_file=None, **given | changes)


def _there(request: pytest.FixtureRequest, name: str) -> Server:
    """The server, or the test is skipped; `REQUIRE` has been looked at before the first test."""
    server = found_of(request.config)[name]
    if isinstance(server, Missing):
        pytest.skip(f"{name} was not found: {server.why}")
    return server
