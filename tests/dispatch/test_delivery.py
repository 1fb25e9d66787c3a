"""Messages reach their handlers: at least once, by one at a time, with patience, and with an end."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from appointed.appointments.rules import Notified
from appointed.core import outbox
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.core.outbox import Event, OutboxMessage
from appointed.dispatch import HANDLERS, Timing, deliver, deliver_due, due_ids
from appointed.dispatch.delivery import carry_out, lease
from appointed.notifications.context import Context
from appointed.notifications.mail import Undeliverable
from appointed.patients.events import PatientRegistered
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.mailbox import MemoryMailbox
from tests.support.outbox import message, messages, published
from tests.support.servers import BACKENDS

pytestmark = pytest.mark.backends("sqlite")
on_every_database = pytest.mark.backends(*BACKENDS)
TIMING = Timing()


@pytest.fixture
async def waiting(context: Context, clinic: Clinic) -> UUID:
    """A message that has a letter written."""
    await clinic.patient(first_name="Zaphod")
    (message_id,) = await due_ids(context, 10)
    return message_id


async def many(context: Context, clinic: Clinic, count: int) -> list[UUID]:
    """Messages that each have a letter written, after the one of the patient's own registration."""
    patient = await clinic.patient()
    more = [PatientRegistered(patient.profile_id)] * (count - 1)
    (first,) = await due_ids(context, 10)
    return [first, *await published(context.database, context.clock.now(), *more)]


class Crash(BaseException):
    """The process is gone."""


def test_every_event_has_an_entry() -> None:
    names = {kind.name for kind in Event.__subclasses__() if kind.__module__.startswith("appointed.")}
    assert set(HANDLERS) == names


def test_a_lease_that_is_shorter_than_the_handlers_is_refused() -> None:
    with pytest.raises(ValueError, match="lease"):
        Timing(lease=timedelta(seconds=5), handlers=timedelta(seconds=5))


@on_every_database
async def test_a_message_is_delivered_once_and_done(context: Context, waiting: UUID, mailbox: MemoryMailbox) -> None:
    assert await deliver(context, waiting)
    assert not await deliver(context, waiting)
    assert len(mailbox.letters) == 1
    done = await message(context.database, waiting)
    assert done.done_at == context.clock.now()
    assert (done.leased_until, done.attempts, done.last_error) == (None, 1, None)
    assert await due_ids(context, 10) == []


@on_every_database
async def test_of_many_who_deliver_one_message_one_does(
    context: Context, waiting: UUID, mailbox: MemoryMailbox
) -> None:
    mailbox.seconds = 0.05
    delivered = await asyncio.gather(*(deliver(context, waiting) for _ in range(15)))
    assert (sum(delivered), len(mailbox.letters)) == (1, 1)


@on_every_database
async def test_those_who_take_many_messages_side_by_side_take_each_once(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    ids = await many(context, clinic, 40)
    mailbox.seconds = 0.02

    async def work() -> None:
        while await deliver_due(context, 4):
            pass

    await asyncio.gather(*(work() for _ in range(5)))
    assert sorted(mailbox.message_ids()) == sorted(f"<{message_id}@127.0.0.1>" for message_id in ids)
    assert {row.attempts for row in await messages(context.database)} == {1}


async def test_the_oldest_go_first_and_no_more_than_asked_for(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    patient = await clinic.patient()
    first = await due_ids(context, 10)
    later = []
    for _ in range(3):
        clock.advance(timedelta(seconds=1))
        later += await published(context.database, clock.now(), PatientRegistered(patient.profile_id))
    assert await due_ids(context, 2) == [*first, later[0]]
    assert await deliver_due(context, 3) == 3
    assert await due_ids(context, 10) == later[-1:]


async def test_what_is_not_due_waits(context: Context, clinic: Clinic, clock: FixedClock, waiting: UUID) -> None:
    clock.advance(-timedelta(seconds=1))
    assert await due_ids(context, 10) == []
    assert not await deliver(context, waiting)
    assert not await deliver_due(context, 10)


@on_every_database
async def test_a_message_whose_process_died_is_taken_up_when_its_lease_ends(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = Crash()
    with pytest.raises(Crash):
        await deliver(context, waiting)
    assert (await message(context.database, waiting)).attempts == 1
    mailbox.trouble = None
    clock.advance(TIMING.lease - timedelta(seconds=1))
    assert not await deliver(context, waiting)
    assert await due_ids(context, 10) == []
    clock.advance(timedelta(seconds=1))
    assert await due_ids(context, 10) == [waiting]
    assert await deliver(context, waiting)
    assert len(mailbox.letters) == 1


async def test_a_copy_is_known_by_its_message_id(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    (first,) = await lease(context, 1, TIMING)
    clock.advance(TIMING.lease)
    (second,) = await lease(context, 1, TIMING)
    for leased in (first, second):
        assert await carry_out(context, leased, TIMING)
    assert mailbox.message_ids() == [f"<{waiting}@127.0.0.1>"] * 2


async def test_a_message_that_ends_every_process_is_given_up(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = Crash()
    for _ in range(len(TIMING.backoff) + 1):
        with pytest.raises(Crash):
            await deliver(context, waiting)
        clock.advance(TIMING.lease)
    assert not await deliver(context, waiting)
    assert mailbox.tries == len(TIMING.backoff) + 1
    dead = await message(context.database, waiting)
    assert (dead.dead_at, dead.last_error) == (clock.now(), "Interrupted")


@on_every_database
async def test_pauses_grow_until_the_message_is_given_up(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = ConnectionRefusedError("zaphod@example.org is not to be logged")
    for minutes in (1, 5, 15, 60, 360):
        assert not await deliver(context, waiting)
        row = await message(context.database, waiting)
        assert row.due_at - clock.now() == timedelta(minutes=minutes)
        assert (row.leased_until, row.dead_at, row.last_error) == (None, None, "ConnectionRefusedError")
        clock.advance(timedelta(minutes=minutes))
    assert not await deliver(context, waiting)
    dead = await message(context.database, waiting)
    assert (dead.attempts, dead.dead_at) == (6, clock.now())
    clock.advance(timedelta(days=30))
    assert await due_ids(context, 10) == []
    assert not await deliver(context, waiting)
    assert mailbox.tries == 6


@on_every_database
async def test_what_can_never_be_delivered_is_given_up_at_once(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = Undeliverable(550)
    assert not await deliver(context, waiting)
    dead = await message(context.database, waiting)
    assert (dead.dead_at, dead.attempts, dead.last_error) == (clock.now(), 1, "Undeliverable 550")
    async with context.database.reads() as session:
        assert await outbox.count(session, clock.now()) == (0, 1)


@on_every_database
async def test_who_waits_for_a_message_is_told_that_it_was_given_up(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    visit = await clinic.visit(await clinic.patient(), await clinic.doctor(), clock.now() + timedelta(hours=3))
    mailbox.trouble = Undeliverable(550)
    assert await deliver_due(context, 10) == 2
    async with context.database.reads() as session:
        assert (await session.get_one(type(visit), visit.id)).notified == Notified.FAILED


async def test_what_was_given_up_can_be_tried_again(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = Undeliverable(550)
    await deliver(context, waiting)
    async with transaction(context.database.writes) as session:
        assert await outbox.retry(session, [waiting], clock.now()) == 1
    mailbox.trouble = None
    assert await deliver(context, waiting)
    assert len(mailbox.letters) == 1


async def test_a_handler_that_hangs_is_cut_short(context: Context, waiting: UUID, mailbox: MemoryMailbox) -> None:
    mailbox.seconds = 60
    async with asyncio.timeout(5):
        assert not await deliver(context, waiting, Timing(handlers=timedelta(milliseconds=50)))
    assert (await message(context.database, waiting)).last_error == "TimeoutError"


async def test_who_comes_too_late_changes_nothing_for_who_took_over(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    (late,) = await lease(context, 1, TIMING)
    clock.advance(TIMING.lease)
    (other,) = await lease(context, 1, TIMING)
    mailbox.trouble = ConnectionError()
    assert not await carry_out(context, late, TIMING)
    row = await message(context.database, waiting)
    assert (row.attempts, row.leased_until, row.last_error) == (2, clock.now() + TIMING.lease, None)
    mailbox.trouble = None
    assert await carry_out(context, other, TIMING)


async def test_a_letter_that_left_late_is_still_done(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    (late,) = await lease(context, 1, TIMING)
    clock.advance(TIMING.lease)
    (other,) = await lease(context, 1, TIMING)
    assert await carry_out(context, late, TIMING)
    mailbox.trouble = ConnectionError()
    assert not await carry_out(context, other, TIMING)
    row = await message(context.database, waiting)
    assert (row.done_at, row.leased_until) == (clock.now(), None)


async def test_an_event_of_a_newer_version_waits_for_it(context: Context, clock: FixedClock) -> None:
    now, message_id = clock.now(), new_id()
    row = {"id": message_id, "name": "pigeon.sent", "payload": {}, "created_at": now, "due_at": now, "attempts": 0}
    async with transaction(context.database.writes) as session:
        await session.execute(insert(OutboxMessage).values(row))
    assert not await deliver(context, message_id)
    waits = await message(context.database, message_id)
    assert (waits.last_error, waits.dead_at) == ("UnknownEvent", None)
    assert waits.due_at > now


async def test_logs_tell_ids_and_kinds_of_trouble_and_nobodys_name(
    context: Context, waiting: UUID, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    mailbox.trouble = ConnectionError("zaphod@example.org: connection lost")
    with capture_logs() as lines:
        await deliver(context, waiting)
        mailbox.trouble = Undeliverable(550)
        clock.advance(timedelta(minutes=1))
        await deliver(context, waiting)
    assert [line["event"] for line in lines] == ["outbox_put_off", "outbox_given_up"]
    assert {line["message_id"] for line in lines} == {str(waiting)}
    assert lines[0]["where"].startswith("support/mailbox.py:")
    assert not [line for line in lines if "zaphod" in str(line).lower()]


async def test_one_that_fails_does_not_hold_up_the_others(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    await many(context, clinic, 3)
    now = clock.now()
    row = {"id": new_id(), "name": "pigeon.sent", "payload": {}, "created_at": now, "due_at": now, "attempts": 0}
    async with transaction(context.database.writes) as session:
        await session.execute(insert(OutboxMessage).values(row))
    assert await deliver_due(context, 10) == 4
    assert len(mailbox.letters) == 3
