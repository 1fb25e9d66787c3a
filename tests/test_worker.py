"""Celery's workers and beat on a real Redis, and the hint that a request leaves for them."""

import asyncio
import base64
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
import redis.asyncio as redis
from celery import Celery
from pydantic import SecretStr
from structlog.testing import capture_logs

from appointed import worker
from appointed.core.clock import SystemClock
from appointed.core.ids import new_id
from appointed.core.settings import Settings
from appointed.dispatch import Timing
from appointed.patients.events import PatientRegistered
from appointed.worker import DELIVER, QUEUE, TICK, Hints, celery_app, hint
from tests.support.background import running
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.fixtures import settings_of
from tests.support.outbox import message, published, undone
from tests.support.redis import private_redis
from tests.support.server import HOST, free_port
from tests.support.smtp import MailServer, receiving, silent
from tests.support.waiting import until

pytestmark = pytest.mark.backends("postgresql")


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with receiving() as server:
        yield server


@pytest.fixture
def working(backend: Backend, redis_url: str, tmp_path: Path, mails: MailServer) -> Settings:
    """Settings of a worker that sends to `mails`."""
    return settings_of(tmp_path, database_url=SecretStr(backend.address), redis_url=SecretStr(redis_url),
                       email_address="clinic@example.org", smtp_host=HOST, smtp_port=mails.port)  # fmt: skip


@pytest.fixture
def app(working: Settings) -> Iterator[Celery]:
    made = celery_app(working)
    yield made
    made.close()


@pytest.fixture
async def patient_id(clinic: Clinic) -> UUID:
    """Of somebody whose welcome is due in the time of the test's clock, not yet in that of the workers."""
    return (await clinic.patient()).profile_id


async def waiting(clinic: Clinic, patient_id: UUID, count: int) -> Sequence[UUID]:
    """Messages that are due now, each with a letter to be written."""
    return await published(clinic.database, SystemClock().now(), *[PatientRegistered(patient_id)] * count)


def arrived(mails: MailServer, ids: Sequence[UUID]) -> bool:
    return {f"<{each}@{HOST}>" for each in ids} <= set(mails.copies())


def test_a_task_is_handed_out_again_later_than_it_can_last() -> None:
    longest = max(worker.DELIVER_SECONDS, worker.TIDY_SECONDS)
    assert Timing().handlers.total_seconds() < worker.DELIVER_SECONDS < Timing().lease.total_seconds()
    assert longest < worker.CONFIGURATION["broker_transport_options"]["visibility_timeout"]


def test_without_a_broker_there_is_nothing_for_a_worker_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="REDIS_URL"):
        worker.run_worker([], settings_of(tmp_path))


@pytest.mark.parametrize("pool", ["prefork", "solo"])
async def test_a_worker_delivers_what_it_is_told_and_ends_when_asked(
    working: Settings, app: Celery, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path, pool: str
) -> None:
    ids = await waiting(clinic, patient_id, 10)
    async with running("worker", working, tmp_path, "--concurrency", "2", "--pool", pool) as process:
        for each in ids:
            app.send_task(DELIVER, [str(each)])
        await until(lambda: arrived(mails, ids))
        assert await process.stop() == 0
        log = process.log.read_text()
        assert not [unwanted for unwanted in ("Traceback", "[config]") if unwanted in log]
    assert set(mails.copies().values()) == {1}
    assert await undone(clinic.database) == 1


async def test_a_worker_that_failed_starts_anew(
    working: Settings, app: Celery, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path
) -> None:
    (message_id,) = await waiting(clinic, patient_id, 1)
    faulty = ("--concurrency", "1", "worker.consumer=tests.support.faulty:FailsOnce")
    async with running("worker", working, tmp_path, *faulty) as process:
        app.send_task(DELIVER, [str(message_id)])
        await until(lambda: arrived(mails, [message_id]))
        assert process.log.read_text().count("worker_starts_anew") == 1
        assert await process.stop() == 0
    assert (tmp_path / "failed").exists()


async def test_two_beats_send_nothing_twice_and_leave_no_file(
    working: Settings, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path
) -> None:
    ids = await waiting(clinic, patient_id, 20)
    mails.seconds = 0.05
    async with (
        running("worker", working, tmp_path, "--concurrency", "2"),
        running("beat", working, tmp_path),
        running("beat", working, tmp_path),
    ):
        await until(lambda: arrived(mails, ids))
        await asyncio.sleep(1)
    assert set(mails.copies().values()) == {1}
    assert {path.name for path in tmp_path.iterdir()} <= {"worker.log", "beat.log", "audit-heads.jsonl"}


async def test_a_hint_is_acted_on_without_a_tick(
    working: Settings, app: Celery, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path
) -> None:
    hints = hint(app)
    async with running("worker", working, tmp_path, "--concurrency", "2"):
        for _ in range(3):
            ids = await waiting(clinic, patient_id, 2)
            hints(ids)
            await until(lambda ids=ids: arrived(mails, ids))  # type: ignore[misc]  # those of this round
    await asyncio.to_thread(hints.close)


async def test_redis_is_told_ids_and_nothing_else(redis_url: str, app: Celery, clinic: Clinic) -> None:
    await clinic.patient(first_name="Zaphod", contact_email="zaphod@example.org")
    hints, message_id = hint(app), new_id()
    hints([message_id])
    async with redis.from_url(redis_url) as client:
        await until(lambda: _has_length(client, 1))
        (told,) = await client.lrange(QUEUE, 0, -1)
        everything = [await client.dump(key) for key in await client.keys()]
    await asyncio.to_thread(hints.close)
    envelope = json.loads(told)
    assert envelope["content-type"] == "application/json"
    assert json.loads(base64.b64decode(envelope["body"]))[:2] == [[str(message_id)], {}]
    assert not [value for value in everything if value and b"zaphod" in value.lower()]


async def _has_length(client: "redis.Redis", length: int) -> bool:
    return await client.llen(QUEUE) == length


async def test_ticks_add_nothing_to_a_queue_that_workers_cannot_keep_up_with(redis_url: str, app: Celery) -> None:
    ids = [new_id() for _ in range(100)]
    for _ in range(3):
        await asyncio.to_thread(worker._send_all, app, ids)
    async with redis.from_url(redis_url) as client:
        assert await client.llen(QUEUE) == 100


async def test_a_letter_at_hand_leaves_before_the_worker_ends(
    working: Settings, app: Celery, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path
) -> None:
    (message_id,) = await waiting(clinic, patient_id, 1)
    mails.seconds = 1
    async with running("worker", working, tmp_path, "--concurrency", "1") as process:
        app.send_task(DELIVER, [str(message_id)])
        await until(lambda: mails.at_hand == 1)
        assert await process.stop() == 0
    assert arrived(mails, [message_id])
    assert (await message(clinic.database, message_id)).done_at


@pytest.mark.parametrize("whom", ["all", "child"])
async def test_what_a_lost_process_had_at_hand_is_sent_by_another(
    working: Settings, app: Celery, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path, whom: str
) -> None:
    """SIGTERM to the whole group, as a supervisor may send it, and a pool process that is killed."""
    (message_id,) = await waiting(clinic, patient_id, 1)
    mails.seconds = 1
    async with running("worker", working, tmp_path, "--concurrency", "1") as process:
        app.send_task(DELIVER, [str(message_id)])
        await until(lambda: mails.at_hand == 1)
        if whom == "all":
            os.killpg(process.process.pid, signal.SIGTERM)
            await asyncio.wait_for(process.process.wait(), 30)
        else:
            os.kill(process.children()[0], signal.SIGKILL)
        async with running("worker", working, tmp_path, "--concurrency", "1"):
            await _ticking_until(app, lambda: arrived(mails, [message_id]))
            await until(lambda: _is_done(clinic, message_id))
    assert len(mails.copies()) == 1


async def _is_done(clinic: Clinic, message_id: UUID) -> bool:
    return (await message(clinic.database, message_id)).done_at is not None


async def _ticking_until(app: Celery, is_so: Callable[[], bool]) -> None:
    """Instead of beat, which would take its time."""

    async def tick() -> None:
        while True:
            await asyncio.to_thread(app.send_task, TICK)
            await asyncio.sleep(0.3)

    ticking = asyncio.create_task(tick())
    try:
        await until(is_so)
    finally:
        ticking.cancel()


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[Hints]:
    """A hint for a Redis that is not there."""
    app = celery_app(settings_of(tmp_path, redis_url=SecretStr(f"redis://{HOST}:{free_port()}")))
    hints = hint(app)
    yield hints
    hints.close()
    app.close()


async def test_a_redis_that_is_away_is_complained_of_once_and_never_to_the_caller(unreachable: Hints) -> None:
    with capture_logs() as lines:
        for _ in range(20):
            unreachable([new_id() for _ in range(100)])
            await asyncio.sleep(0.05)
        await until(lambda: len(lines) > 0)
    assert [line["event"] for line in lines] == ["hints_forgotten"]


async def test_what_redis_could_not_be_told_is_forgotten_at_once(unreachable: Hints) -> None:
    unreachable([new_id() for _ in range(100)])
    await until(unreachable._ids.empty, 10)


async def test_a_redis_that_says_nothing_keeps_no_caller_waiting(tmp_path: Path) -> None:
    async with silent() as port:
        app = celery_app(settings_of(tmp_path, redis_url=SecretStr(f"redis://{HOST}:{port}")))
        hints = hint(app)
        started = time.perf_counter()
        hints([new_id() for _ in range(10_000)])
        # A thread that had to wait for the socket would take seconds.
        assert time.perf_counter() - started < 1
        await asyncio.to_thread(hints.close)
        app.close()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server to be maltreated was found")
@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_letters_leave_again_when_redis_comes_back(
    working: Settings, clinic: Clinic, patient_id: UUID, mails: MailServer, tmp_path: Path, how: str
) -> None:
    port = free_port()
    settings = working.model_copy(update={"redis_url": SecretStr(f"redis://{HOST}:{port}")})
    app = celery_app(settings)
    hints = hint(app)

    async def publish() -> Sequence[UUID]:
        ids = await waiting(clinic, patient_id, 3)
        hints(ids)
        return ids

    async with running("worker", settings, tmp_path, "--concurrency", "2"), running("beat", settings, tmp_path):
        async with private_redis(port, tmp_path) as process:
            before = await publish()
            await until(lambda: arrived(mails, before))
            if how == "paused":
                process.send_signal(signal.SIGSTOP)
                during = await publish()
                await asyncio.sleep(7)
                process.send_signal(signal.SIGCONT)
                await until(lambda: arrived(mails, during))
        if how == "killed":
            during = await publish()
            await asyncio.sleep(1)
        async with private_redis(port, tmp_path):
            await until(lambda: arrived(mails, during))
            after = await publish()
            await until(lambda: arrived(mails, after))
    await asyncio.to_thread(hints.close)
    app.close()
    assert set(mails.copies().values()) == {1}
