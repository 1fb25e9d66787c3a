"""The whole application inside the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from appointed.app import create_app, state_with
from appointed.core.db import Database
from appointed.core.settings import Settings

from .clock import FixedClock
from .fixtures import settings_of


@pytest.fixture(scope="session")
async def _built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """Made once: building all routes takes FastAPI longer than most tests take."""
    made = create_app(settings_of(tmp_path_factory.mktemp("app")), hint=lambda _ids: None)
    async with running(made):
        yield made


@pytest.fixture
def app(_built: FastAPI, settings: Settings, clock: FixedClock, database: Database) -> FastAPI:
    """The running application on the test's database, at the time of the test's clock."""
    _built.state.appointed = state_with(settings, database, clock, lambda _ids: None)
    return _built


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as made:
        yield made


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client without a login. What the application fails to handle is a 500, as it would be for anybody."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://appointed.test"
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Start the application and stop it in one task of its own: fixtures are set up and torn down in different ones."""
    ready, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            ready.set()
            await stop.wait()

    life, started = asyncio.create_task(live()), asyncio.create_task(ready.wait())
    await asyncio.wait({life, started}, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        started.cancel()
        await life
    try:
        yield
    finally:
        stop.set()
        await life
