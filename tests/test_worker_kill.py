"""Processes that are killed while they send: every letter arrives, and one that arrives twice says so."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from appointed.core.clock import SystemClock
from appointed.core.outbox import OutboxMessage
from appointed.core.settings import Settings
from appointed.patients.events import PatientRegistered
from appointed.worker import TICK, celery_app
from tests.support.background import QUICK, Background, start
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.fixtures import settings_of
from tests.support.outbox import messages, published
from tests.support.server import HOST
from tests.support.smtp import MailServer, receiving
from tests.support.waiting import until

LETTERS = 200
KILLS = 5
PARALLEL = 8
# For a process to start, and to send what was in the queue already, on a machine that has other things to do.
A_WHILE = timedelta(seconds=15)


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with receiving() as server:
        server.seconds = 0.1
        yield server


@pytest.fixture
def sending(backend: Backend, tmp_path: Path, mails: MailServer) -> Settings:
    return settings_of(tmp_path, database_url=SecretStr(backend.address), email_address="clinic@example.org",
                       smtp_host=HOST, smtp_port=mails.port)  # fmt: skip


@pytest.fixture
async def waiting(clinic: Clinic) -> Sequence[UUID]:
    patient = await clinic.patient()
    return await published(clinic.database, SystemClock().now(), *[PatientRegistered(patient.profile_id)] * LETTERS)


async def killed_again_and_again(
    kind: str, settings: Settings, folder: Path, mails: MailServer, *arguments: str
) -> Background:
    """Each process is killed in the midst of letters; the last one lives."""
    for number in range(KILLS):
        process = await start(kind, settings, folder, *arguments)
        before = len(mails.letters)
        await until(lambda before=before: len(mails.letters) > before + 5 and mails.at_hand > 0)  # type: ignore[misc]
        await asyncio.sleep(random.uniform(0, 0.05))
        if number % 2 and process.children():
            # A pool process alone: its parent lives on, and is killed a moment later.
            os.kill(process.children()[0], signal.SIGKILL)
            await asyncio.sleep(0.3)
        await process.kill()
    return await start(kind, settings, folder, *arguments)


async def check(clinic: Clinic, waiting: Sequence[UUID], mails: MailServer, most_at_once: int) -> None:
    """What the last of the killed had at hand goes on when its lease ends; then everything is done."""

    async def rows() -> Sequence[OutboxMessage]:
        return [row for row in await messages(clinic.database) if row.id in waiting]

    async def all_done() -> bool:
        return None not in {row.done_at for row in await rows()}

    lost = {row.id for row in await rows() if row.leased_until}
    taken_up_by = SystemClock().now() + QUICK.lease + QUICK.poll + A_WHILE
    await until(all_done, 120)
    done = await rows()
    assert set(mails.copies()) == {f"<{each}@127.0.0.1>" for each in waiting}
    copies = len(mails.letters) - LETTERS
    assert copies <= KILLS * most_at_once
    again = [row for row in done if row.attempts > 1]
    print(f"{KILLS} kills, {len(again)} letters at hand when it happened, {copies} arrived twice")  # noqa: T201
    assert again
    assert all(row.attempts <= 1 + KILLS and not row.dead_at for row in done)
    stuck = [row.id for row in done if row.id in lost and row.done_at and row.done_at > taken_up_by]
    assert stuck == []


@pytest.mark.backends("postgresql")
async def test_a_celery_worker_that_is_killed_loses_no_letter(
    sending: Settings, redis_url: str, clinic: Clinic, waiting: Sequence[UUID], mails: MailServer, tmp_path: Path
) -> None:
    settings = sending.model_copy(update={"redis_url": SecretStr(redis_url)})
    async with ticking(settings):
        process = await killed_again_and_again("worker", settings, tmp_path, mails, "--concurrency", "4")
        try:
            await check(clinic, waiting, mails, 4)
        finally:
            await process.kill()


async def test_a_dispatcher_that_is_killed_loses_no_letter(
    sending: Settings, clinic: Clinic, waiting: Sequence[UUID], mails: MailServer, tmp_path: Path
) -> None:
    process = await killed_again_and_again("dispatcher", sending, tmp_path, mails)
    try:
        await check(clinic, waiting, mails, PARALLEL)
    finally:
        await process.kill()


@asynccontextmanager
async def ticking(settings: Settings) -> AsyncIterator[None]:
    """Instead of beat, which would take its time."""
    app = celery_app(settings)

    async def tick() -> None:
        while True:
            await asyncio.to_thread(app.send_task, TICK)
            await asyncio.sleep(QUICK.poll.total_seconds())

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        app.close()
