"""The dispatcher inside the server: does the background work where there is no broker."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import structlog

from appointed.core import leases
from appointed.core.ids import new_id
from appointed.notifications.context import Context

from .chores import do_chores
from .delivery import USUAL, carry_out, due_ids, lease, named, where
from .housekeeping import seal_trail, tidy_if_due
from .timing import Timing

LEADER = "dispatcher"
PARALLEL = 8
CHORES_SECONDS = 60.0
log = structlog.get_logger()


@dataclass(slots=True)
class _Beside:
    """Work that is done every so many seconds beside the sending, which is not to wait for it."""

    work: Callable[[], Coroutine[Any, Any, object]]
    every: float
    again_at: float = 0.0
    task: asyncio.Task[None] | None = None

    def start_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self.again_at and (self.task is None or self.task.done()):
            self.task = asyncio.create_task(_logged(self.work()))
            self.again_at = now + self.every


class Dispatcher:
    """Works while it is entered. Of all processes on one database the leader works, and the others wait to become it.

    Looks for due messages when it is woken, when it has sent one, and at every `timing.poll`.
    """

    def __init__(self, context: Context, timing: Timing = USUAL, *, parallel: int = PARALLEL) -> None:
        self._context, self._timing, self._parallel = context, timing, parallel
        self._holder = new_id()
        self._is_leading = self._is_stopping = False
        self._woken = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()
        self._beside = [
            _Beside(self._chores, CHORES_SECONDS),
            _Beside(partial(seal_trail, context), timing.seal.total_seconds()),
        ]

    def wake(self, _ids: Sequence[UUID] = ()) -> None:
        """Messages wait. For the thread of the event loop; never fails and never waits."""
        self._woken.set()

    async def __aenter__(self) -> Self:
        now = asyncio.get_running_loop().time()
        self._lead_again_at = now
        for each in self._beside:
            each.again_at = now + each.every
        self._work = asyncio.create_task(self._run(), name="dispatcher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes no new message, and gives those at hand `timing.grace` to leave. The rest waits for the next leader."""
        self._is_stopping = True
        self.wake()
        # Not cancelled but asked to end: a cancelled statement costs its connection.
        await _end({self._work}, self._timing.grace)
        await _end(self._sends | {each.task for each in self._beside if each.task}, self._timing.grace)
        if self._is_leading:
            with suppress(Exception):
                await self._take(lasting=timedelta())

    async def _run(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            await _logged(self._look())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.poll.total_seconds()):
                    await self._woken.wait()

    async def _look(self) -> None:
        """Take as many due messages as can be sent at once."""
        await self._lead()
        free = self._parallel - len(self._sends)
        if not self._is_leading or not free:
            return
        for each in self._beside:
            each.start_if_due()
        # Asked while reading: an idle dispatcher would otherwise take the only writer's place every second.
        if await due_ids(self._context, 1):
            for leased in await lease(self._context, free, self._timing):
                send = asyncio.create_task(_logged(carry_out(self._context, leased, self._timing)))
                self._sends.add(send)
                send.add_done_callback(self._sent)

    def _sent(self, send: asyncio.Task[None]) -> None:
        self._sends.discard(send)
        self.wake()

    async def _lead(self) -> None:
        """Become the leader or stay it. Asked three times in the life of a lease."""
        now = asyncio.get_running_loop().time()
        if now >= self._lead_again_at:
            self._is_leading = False
            self._is_leading = await self._take(self._timing.leader)
            self._lead_again_at = now + self._timing.leader.total_seconds() / 3

    async def _take(self, lasting: timedelta) -> bool:
        now = self._context.clock.now()
        return await leases.take(self._context.database.writes, LEADER, self._holder, lasting, now)

    async def _chores(self) -> None:
        await do_chores(self._context)
        await tidy_if_due(self._context)


async def _logged(work: Coroutine[Any, Any, object]) -> None:
    """Whatever it meets, the dispatcher goes on: one that is dead sends nothing ever after."""
    try:
        await work
    except Exception as error:
        # Its message may hold what nobody is to read in a log.
        log.error("dispatcher_failed", error=named(error), where=where(error))  # noqa: TRY400


async def _end(tasks: set[asyncio.Task[None]], grace: timedelta) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=grace.total_seconds())
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
