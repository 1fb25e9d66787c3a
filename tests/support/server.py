"""The real server in processes of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from appointed.core.settings import Settings

HOST = "127.0.0.1"
START_SECONDS = 30
STOP_SECONDS = 20
COMMAND = (sys.executable, "-m", "appointed", "serve")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """`process` is the parent of the workers; `log` is everything that they printed."""

    url: str
    process: asyncio.subprocess.Process
    log: Path


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """The environment that gives another process the same settings, and nothing of the developer's own."""
    given = {name: getattr(settings, name) for name in Settings.model_fields}
    ours = {name.upper(): _plain(value) for name, value in given.items() if value is not None}
    inherited = {
        name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR"}
    }
    return inherited | ours | more


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@asynccontextmanager
async def serving(
    environment: Mapping[str, str],
    folder: Path,
    *,
    workers: int = 1,
    port: int | None = None,
    command: Sequence[str | Path] = COMMAND,
) -> AsyncIterator[RunningServer]:
    """A server on a free port of the loopback address, ready to answer; it is gone when the block ends."""
    port = port or free_port()
    log = folder / f"server-{port}.log"
    arguments = ("--host", HOST, "--port", str(port), "--workers", str(workers))
    with log.open("wb") as output:
        # A session of its own, so that workers whose parent was killed can be ended with it.
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, cwd=folder, env=dict(environment), stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    server = RunningServer(f"http://{HOST}:{port}", process, log)
    try:
        await _until_ready(server)
        yield server
    finally:
        await _stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_ready(server: RunningServer) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
        while not await _is_ready(client, server.url):
            if server.process.returncode is not None:
                raise RuntimeError(f"the server ended with {server.process.returncode}:\n{server.log.read_text()}")
            await asyncio.sleep(0.05)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health/ready")).is_success
    except httpx.TransportError:
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and end it and its workers if it does not."""
    try:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
