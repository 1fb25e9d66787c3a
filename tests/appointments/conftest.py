"""Servers that a module's tests share, and a clinic that lives by the servers' clock."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from appointed.core.clock import SystemClock
from appointed.core.db import Database
from appointed.core.settings import Settings
from tests.support.databases import POOL_SIZE, Backend
from tests.support.factories import Clinic
from tests.support.fixtures import Databases, settings_of
from tests.support.server import RunningServer, environment_of, serving


class Servers:
    """Server processes on a test's database, started when they are first asked for."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._running: dict[tuple[str, int], RunningServer] = {}

    async def on(self, backend: Backend, number: int = 0) -> str:
        """The address of one of the backend's servers; each number is a process of its own."""
        key = (backend.name, number)
        if key not in self._running:
            settings = settings_of(self._folder / backend.name, database_url=SecretStr(backend.address),
                                   database_pool_size=POOL_SIZE // 2)  # fmt: skip
            server = serving(environment_of(settings), self._folder)
            self._running[key] = await self._stack.enter_async_context(server)
        return self._running[key].url

    async def two(self, backend: Backend) -> list[str]:
        """The addresses of two processes on one database."""
        return [await self.on(backend, number) for number in (0, 1)]


# No longer than a module: their dispatchers would go on with what later tests write into the same database.
@pytest.fixture(scope="module")
async def servers(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(stack, tmp_path_factory.mktemp("servers"))


@pytest.fixture
async def todays_clinic(database: Database, settings: Settings) -> Clinic:
    """A clinic whose clock is the servers'."""
    made = Clinic(database, settings, SystemClock())
    await made.open()
    return made
