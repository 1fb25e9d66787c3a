"""The dispatcher inside the server: quick when woken, one on a database, and not to be brought down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select, update
from structlog.testing import capture_logs

from appointed import audit
from appointed.core.db import Database, connect, transaction
from appointed.core.leases import Lease
from appointed.core.settings import Settings
from appointed.dispatch import Dispatcher, Timing, due_ids
from appointed.notifications.context import Context
from appointed.patients.events import PatientRegistered
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.mailbox import MemoryMailbox
from tests.support.outbox import message, published, undone
from tests.support.servers import BACKENDS
from tests.support.waiting import until

pytestmark = pytest.mark.backends("sqlite")
on_every_database = pytest.mark.backends(*BACKENDS)
NEVER = timedelta(hours=1)
QUICK = Timing(poll=timedelta(milliseconds=50), grace=timedelta(seconds=1), leader=timedelta(milliseconds=300))
WOKEN = Timing(poll=NEVER, grace=timedelta(seconds=1))


@pytest.fixture
async def patient_id(clinic: Clinic) -> UUID:
    return (await clinic.patient()).profile_id


@pytest.fixture
def publish(context: Context, patient_id: UUID) -> Callable[[int], Any]:
    """Leave messages behind that each have a letter written."""
    event = PatientRegistered(patient_id)
    return lambda count: published(context.database, context.clock.now(), *[event] * count)


@on_every_database
async def test_what_waits_is_sent_without_being_asked(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    ids = await publish(30)
    async with Dispatcher(context, QUICK):
        await until(lambda: len(mailbox.letters) == 31)
    assert len(set(mailbox.message_ids())) == 31
    assert all([(await message(context.database, each)).done_at for each in ids])


async def test_a_hint_is_acted_on_at_once(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    async with Dispatcher(context, WOKEN) as dispatcher:
        await until(lambda: len(mailbox.letters) == 1)
        for count in (2, 3):
            dispatcher.wake(await publish(1))
            await until(partial(lambda count: len(mailbox.letters) == count, count))


async def test_no_more_letters_are_written_at_once_than_allowed(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    await publish(20)
    mailbox.seconds = 0.02
    async with Dispatcher(context, QUICK, parallel=3):
        await until(lambda: len(mailbox.letters) == 21)
    assert mailbox.most_at_hand == 3


async def test_a_letter_that_hangs_holds_up_no_other(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    mailbox.seconds = 60
    async with Dispatcher(context, QUICK, parallel=2):
        await until(lambda: mailbox.at_hand == 1)
        mailbox.seconds = 0
        await publish(5)
        await until(lambda: len(mailbox.letters) == 5)


@asynccontextmanager
async def broken(database: Database) -> AsyncIterator[None]:
    """The outbox is gone for a while."""
    for old, new in (("outbox", "elsewhere"), ("elsewhere", "outbox")):
        async with transaction(database.writes) as session:
            await (await session.connection()).exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")
        if new == "elsewhere":
            yield


async def test_a_database_in_trouble_does_not_end_it(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    async with Dispatcher(context, QUICK):
        await until(lambda: len(mailbox.letters) == 1)
        with capture_logs() as lines:
            async with broken(context.database):
                await until(lambda: len(lines) > 2)
        assert {line["event"] for line in lines} == {"dispatcher_failed"}
        await publish(1)
        await until(lambda: len(mailbox.letters) == 2)


async def test_it_ends_within_seconds_and_leaves_to_others_what_hangs(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.seconds = 60
    timing = Timing(poll=NEVER, grace=timedelta(milliseconds=100))
    async with asyncio.timeout(3):
        async with Dispatcher(context, timing):
            await until(lambda: mailbox.at_hand == 1)
    assert (mailbox.letters, mailbox.at_hand) == ([], 0)
    clock.advance(timing.lease)
    assert len(await due_ids(context, 10)) == 1


async def test_what_is_at_hand_may_leave_before_it_ends(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox
) -> None:
    mailbox.seconds = 0.2
    async with Dispatcher(context, WOKEN):
        await until(lambda: mailbox.at_hand == 1)
    assert len(mailbox.letters) == 1
    assert await undone(context.database) == 0


@on_every_database
async def test_of_two_one_works_and_the_other_takes_over_when_it_ends(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox, settings: Settings
) -> None:
    other_mailbox = MemoryMailbox()
    other = Context(context.database, context.clock, settings, other_mailbox)
    async with Dispatcher(context, QUICK):
        await until(lambda: len(mailbox.letters) == 1)
        async with Dispatcher(other, QUICK):
            await publish(10)
            await until(lambda: len(mailbox.letters) == 11)
            await asyncio.sleep(0.3)
            assert other_mailbox.letters == []
    async with Dispatcher(other, QUICK):
        await publish(3)
        await until(lambda: len(other_mailbox.letters) == 3)


async def test_who_takes_over_from_a_killed_one_waits_for_its_lease_to_end(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    async with Dispatcher(context, QUICK):
        await until(lambda: len(mailbox.letters) == 1)
    await _set_leader_until(context.database, clock.now() + timedelta(seconds=15))
    async with Dispatcher(context, QUICK):
        await publish(1)
        await asyncio.sleep(0.3)
        assert len(mailbox.letters) == 1
        clock.advance(timedelta(seconds=15))
        await until(lambda: len(mailbox.letters) == 2)


async def _set_leader_until(database: Database, instant: datetime) -> None:
    async with transaction(database.writes) as session:
        await session.execute(update(Lease).values(expires_at=instant))


@on_every_database
async def test_a_leader_stays_leader_while_it_lives(
    context: Context, publish: Callable[[int], Any], mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    """Its lease is renewed although its letters take longer than the lease lasts."""
    mailbox.seconds = 60
    async with Dispatcher(context, QUICK):
        await until(lambda: mailbox.at_hand == 1)
        for _ in range(3):
            clock.advance(QUICK.leader)
            await asyncio.sleep(0.3)
            async with context.database.reads() as session:
                expires_at = await session.scalar(select(Lease.expires_at))
            assert expires_at is not None
            assert expires_at > clock.now()


async def test_an_idle_one_does_not_keep_the_only_writer_busy(
    context: Context, patient_id: UUID, mailbox: MemoryMailbox, settings: Settings
) -> None:
    watched = connect(settings.database, context.database.writes.kw["info"]["vault"])
    begun: list[str] = []

    event.listen(watched.engines[1].sync_engine, "begin", lambda _: begun.append("begin"))
    try:
        async with Dispatcher(Context(watched, context.clock, settings, mailbox), QUICK):
            await until(lambda: len(mailbox.letters) == 1)
            await asyncio.sleep(0.2)
            before = len(begun)
            await asyncio.sleep(0.5)
            # Ten looks, and the lease renewed five times.
            assert len(begun) - before <= 6
    finally:
        await watched.dispose()


async def test_the_trail_is_sealed_beside_the_sending(context: Context, patient_id: UUID) -> None:
    heads = audit.heads_in(context.settings.var_dir)
    async with Dispatcher(context, replace(QUICK, seal=timedelta(milliseconds=50))):
        await until(heads.exists)
    async with context.database.reads() as session:
        report = await audit.verify(session, heads)
    assert (report.unsealed, report.findings) == (0, [])
    assert report.sealed > 0
