"""The Celery side: worker, beat, and the hint that a request leaves for them. Redis carries ids and nothing else."""

import asyncio
import os
import queue
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog
from celery import Celery, signals

from appointed import dispatch
from appointed.core import logs
from appointed.core.clock import SystemClock
from appointed.core.db import connect
from appointed.core.settings import Environment, Settings
from appointed.dispatch import Timing
from appointed.notifications.context import Context
from appointed.notifications.smtp import mailer_of

QUEUE = "appointed"
DELIVER, TICK, TIDY, CHORES = "appointed.deliver", "appointed.tick", "appointed.tidy", "appointed.chores"
SEAL = "appointed.seal"
TICK_SECONDS = 5.0
CHORES_SECONDS = 60.0
ASK_TO_TIDY_SECONDS = 600.0
MOST_WAITING, FEW_WAITING = 500, 20
DELIVER_SECONDS, TIDY_SECONDS, VISIBILITY_SECONDS = 90, 240, 300
POOL_SIZE = 2
RESTART_SECONDS = 1.0
CONFIGURATION: dict[str, Any] = {
    "task_default_queue": QUEUE,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    # Acknowledged when done: a task whose process was killed is handed out again, by Celery or by the next tick.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_time_limit": DELIVER_SECONDS,
    "task_publish_retry": False,
    "worker_prefetch_multiplier": 1,
    "worker_max_tasks_per_child": 1_000,
    "worker_redirect_stdouts": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY_SECONDS,
        # A Redis that says nothing is given up within seconds, and asked again.
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 5,
    },
    "beat_scheduler": "celery.beat:Scheduler",
    "beat_schedule": {
        TICK: {"task": TICK, "schedule": TICK_SECONDS, "options": {"expires": 60}},
        SEAL: {"task": SEAL, "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}},
        CHORES: {"task": CHORES, "schedule": CHORES_SECONDS, "options": {"expires": CHORES_SECONDS}},
        TIDY: {"task": TIDY, "schedule": ASK_TO_TIDY_SECONDS, "options": {"expires": ASK_TO_TIDY_SECONDS}},
    },
}
T = TypeVar("T")
log = structlog.get_logger()


def celery_app(settings: Settings, timing: Timing = dispatch.USUAL) -> Celery:
    """The tasks and how they are run. `SystemExit` if no broker is set."""
    if settings.redis_url is None:
        raise SystemExit("REDIS_URL is not set. Without it the server does the background work itself.")
    app = Celery("appointed", broker=settings.redis_url.get_secret_value())
    app.conf.update(CONFIGURATION)

    def deliver(message_id: str) -> None:
        process = _running()
        process.run(dispatch.deliver(process.context, UUID(message_id), timing))

    def tick() -> None:
        process = _running()
        _send_all(app, process.run(dispatch.due_ids(process.context, MOST_WAITING)))

    def tidy() -> None:
        process = _running()
        process.run(dispatch.tidy_if_due(process.context))

    def chores() -> None:
        process = _running()
        process.run(dispatch.do_chores(process.context))

    def seal() -> None:
        process = _running()
        process.run(dispatch.seal_trail(process.context))

    app.task(deliver, name=DELIVER)
    app.task(seal, name=SEAL)
    app.task(tick, name=TICK)
    app.task(chores, name=CHORES, time_limit=TIDY_SECONDS)
    app.task(tidy, name=TIDY, time_limit=TIDY_SECONDS)
    return app


def run_worker(argv: Sequence[str], settings: Settings | None = None, timing: Timing = dispatch.USUAL) -> None:
    """Do the work until told to stop; `argv` are options of `celery worker`. A worker that fails starts anew."""
    settings = _configured(settings)
    app = celery_app(settings, timing)
    signals.worker_process_init.connect(lambda **_: _start_process(settings), weak=False)
    signals.worker_process_shutdown.connect(_stop_process, weak=False)
    ending = _Ending()
    signals.worker_shutting_down.connect(ending.on_signal, weak=False)
    signals.worker_shutdown.connect(ending.on_shutdown, weak=False)
    # Workers need not know of each other: what they share is in the database.
    app.start(["--quiet", "worker", "--loglevel", "WARNING", "--without-mingle", "--without-gossip", *argv])
    if ending.is_failure:
        # Celery 5.7 ends when a task is done while the connection that it is to be acknowledged over is lost.
        log.error("worker_starts_anew")
        time.sleep(RESTART_SECONDS)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this program, as it was called


def run_beat(argv: Sequence[str], settings: Settings | None = None) -> None:
    """Send the ticks until told to stop; `argv` are options of `celery beat`. Keeps no file; two do no harm."""
    app = celery_app(_configured(settings))
    app.start(["--quiet", "beat", "--loglevel", "WARNING", "--pidfile", "", *argv])


def hint(app: Celery) -> "Hints":
    """What a request calls with the messages that it left behind."""
    return Hints(app)


class Hints:
    """Sends `deliver` for messages, from a thread of its own: calling it never fails and never waits.

    What cannot be sent at once is forgotten, for the next tick finds the message anyway.
    """

    def __init__(self, app: Celery, most_waiting: int = MOST_WAITING) -> None:
        self._app = app
        self._ids: queue.Queue[UUID | None] = queue.Queue(most_waiting)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._told_at = float("-inf")

    def __call__(self, ids: Sequence[UUID]) -> None:
        self._start()
        for message_id in ids:
            self._put(message_id)

    def close(self) -> None:
        """End the thread; hints that wait are forgotten."""
        if self._thread is None:
            return
        self._forget()
        self._put(None)
        self._thread.join(timeout=2)

    def _start(self) -> None:
        """On the first call: a thread does not live on in the children of a process."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="hints", daemon=True)
                self._thread.start()

    def _put(self, message_id: UUID | None) -> None:
        try:
            self._ids.put_nowait(message_id)
        except queue.Full:
            self._tell("too many wait")

    def _work(self) -> None:
        while (message_id := self._ids.get()) is not None:
            try:
                if self._send_from(message_id):
                    return
            except Exception as error:
                self._forget()
                self._tell(type(error).__name__)

    def _send_from(self, message_id: UUID) -> bool:
        """Send this one and all that follow, over one connection. True at the end, an error if the broker is away."""
        with self._app.connection_for_write() as connection, connection.channel() as channel:
            producer = self._app.amqp.Producer(channel, auto_declare=False)
            following: UUID | None = message_id
            while following is not None:
                self._app.send_task(DELIVER, [str(following)], producer=producer)
                following = self._ids.get()
        return True

    def _forget(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._ids.get_nowait()

    def _tell(self, why: str) -> None:
        if time.monotonic() - self._told_at >= 60:
            self._told_at = time.monotonic()
            log.warning("hints_forgotten", error=why)


@dataclass(frozen=True, slots=True)
class _Process:
    """What a worker process holds. A loop of its own for as long as it lives: connections belong to the loop that
    opened them."""

    runner: asyncio.Runner
    context: Context

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


_process: _Process | None = None


@dataclass(slots=True)
class _Ending:
    """How a worker came to its end."""

    was_told: bool = False
    is_failure: bool = False

    def on_signal(self, **_: object) -> None:
        self.was_told = True

    def on_shutdown(self, sender: Any, **_: object) -> None:
        self.is_failure = bool(sender.exitcode) and not self.was_told
        # A worker without child processes tells only of its own end.
        _stop_process()


def _running() -> _Process:
    if _process is None:
        raise RuntimeError("tasks run in a worker that `run_worker` started")
    return _process


def _start_process(settings: Settings) -> None:
    global _process
    database = connect(settings.database, settings.vault, pool_size=POOL_SIZE)
    _process = _Process(asyncio.Runner(), Context(database, SystemClock(), settings, mailer_of(settings)))


def _stop_process(**_: object) -> None:
    global _process
    if _process is None:
        return
    ending, _process = _process, None
    with ending.runner as runner:
        runner.run(ending.context.mailer.close())
        runner.run(ending.context.database.dispose())


def _send_all(app: Celery, ids: Sequence[UUID]) -> None:
    """Ask for these to be delivered, unless many wait already: they would be the same ones, and hold up the others."""
    if not ids:
        return
    with app.connection_for_write() as connection, connection.channel() as channel:
        waiting = channel.queue_declare(queue=QUEUE, durable=True, exclusive=False, auto_delete=False).message_count
        producer = app.amqp.Producer(channel, auto_declare=False)
        for message_id in ids if waiting < FEW_WAITING else ():
            app.send_task(DELIVER, [str(message_id)], producer=producer)


def _configured(settings: Settings | None) -> Settings:
    settings = settings or Settings()
    is_production = settings.environment is Environment.PRODUCTION
    logs.configure(as_json=is_production)
    if is_production:
        # Celery sets up no log of its own where somebody says that they do.
        signals.setup_logging.connect(lambda **_: None, weak=False)
    return settings
