"""Who does the background work of a server: the server itself, or Celery's workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import anyio.to_thread

from appointed import worker
from appointed.core.clock import Clock
from appointed.core.db import Database
from appointed.core.settings import Settings
from appointed.deps.state import Hint
from appointed.dispatch import Dispatcher
from appointed.notifications.context import Context
from appointed.notifications.mail import Mailer
from appointed.notifications.smtp import mailer_of


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """`hint` says that messages wait; `running` is entered while the server runs."""

    hint: Hint
    running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext


def background_work(settings: Settings, database: Database, clock: Clock) -> BackgroundWork:
    """With `REDIS_URL` the workers are told; without it the server sends the mails itself."""
    if settings.redis_url:
        hints = worker.hint(worker.celery_app(settings))
        return BackgroundWork(hints, lambda: _telling(hints))
    mailer = mailer_of(settings)
    dispatcher = Dispatcher(Context(database, clock, settings, mailer))
    return BackgroundWork(dispatcher.wake, lambda: _dispatching(dispatcher, mailer))


@asynccontextmanager
async def _telling(hints: worker.Hints) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(hints.close)


@asynccontextmanager
async def _dispatching(dispatcher: Dispatcher, mailer: Mailer) -> AsyncIterator[None]:
    try:
        async with dispatcher:
            yield
    finally:
        await mailer.close()
