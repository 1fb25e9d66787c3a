"""Servers in processes of their own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from tests.support.server import free_port

from appointed import audit
from appointed.app import served

from .load import HOST, drive, request

OURS = "bench.serving:api"
TRAILLESS = "bench.serving:trailless"
BARE = "bench.bare:create_app"
WORKERS = 2
START_SECONDS = 30


def api() -> FastAPI:
    """The real application as it runs beside workers that do the background work."""
    return served(hint=lambda _ids: None)


def trailless() -> FastAPI:
    """The real application, but what is done in it leaves no row in the trail."""
    audit.record = lambda *_args, **_kwargs: None
    return api()


@asynccontextmanager
async def serving(factory: str, environment: Mapping[str, str], folder: Path) -> AsyncIterator[Sequence[int]]:
    """The ports of the workers, each ready. Sharing a port, chance would often give one of them all connections."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_worker(factory, environment, folder)) for _ in range(WORKERS)]


@asynccontextmanager
async def _worker(factory: str, environment: Mapping[str, str], folder: Path) -> AsyncIterator[int]:
    """The port of a server that is ready; it is gone when the block ends. Its log lines go to a file, as they would."""
    port = free_port()
    log = folder / f"server-{port}.log"
    arguments = ("--factory", factory, "--host", HOST, "--port", str(port), "--no-access-log", "--loop", "uvloop",
                 "--http", "httptools", "--log-level", "warning")  # fmt: skip
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "uvicorn", *arguments, env=dict(environment), stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _is_ready(port):
                if process.returncode is not None:
                    raise RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text()}")
                await asyncio.sleep(0.1)
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _is_ready(port: int) -> bool:
    try:
        run = await drive([port], [request("GET", "/health/ready")], 1)
    except OSError:
        return False
    return run.answers[0].status == 200
