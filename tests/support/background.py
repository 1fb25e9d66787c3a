"""Workers, beats and dispatchers in processes of their own. As a program, it is one of them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from appointed.core.clock import SystemClock
from appointed.core.db import connect
from appointed.core.settings import Settings
from appointed.dispatch import Dispatcher, Timing
from appointed.notifications.context import Context
from appointed.notifications.smtp import mailer_of
from appointed.worker import run_beat, run_worker

from .server import environment_of

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30
# Everything that takes minutes in earnest takes seconds here.
QUICK = Timing(
    lease=timedelta(seconds=3),
    handlers=timedelta(seconds=2),
    backoff=(timedelta(seconds=0.5),) * 5,
    poll=timedelta(seconds=0.2),
    leader=timedelta(seconds=1),
    grace=timedelta(seconds=3),
)


@dataclass(slots=True)
class Background:
    """A process of its own session. `log` is everything that it and its children printed."""

    process: asyncio.subprocess.Process
    log: Path

    def children(self) -> list[int]:
        """The processes that it has started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    async def kill(self) -> None:
        """With -9, and nothing that it could do about it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


async def start(kind: str, settings: Settings, folder: Path, *arguments: str) -> Background:
    """A `worker`, a `beat` or a `dispatcher`."""
    log = folder / f"{kind}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.background", kind, *arguments, cwd=folder,
            env=environment_of(settings, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'src'}"),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    return Background(process, log)


@asynccontextmanager
async def running(kind: str, settings: Settings, folder: Path, *arguments: str) -> AsyncIterator[Background]:
    started = await start(kind, settings, folder, *arguments)
    try:
        yield started
    finally:
        await started.kill()


async def dispatch(settings: Settings) -> None:
    """The embedded dispatcher without the server around it, until SIGTERM."""
    database = connect(settings.database, settings.vault)
    mailer = mailer_of(settings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Dispatcher(Context(database, SystemClock(), settings, mailer), QUICK):
        await stop.wait()
    await mailer.close()
    await database.dispose()


def main(kind: str, arguments: Sequence[str]) -> None:
    if kind == "worker":
        run_worker(arguments, timing=QUICK)
    elif kind == "beat":
        run_beat(arguments)
    else:
        asyncio.run(dispatch(Settings()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
