"""A mail server in trouble: nothing is lost, and what cannot be helped ends as a dead letter that says why."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from appointed.core import outbox
from appointed.core.clock import SystemClock
from appointed.core.db import Database
from appointed.core.outbox import OutboxMessage
from appointed.dispatch import Dispatcher
from appointed.notifications.context import Context
from appointed.notifications.smtp import Encryption, SmtpMailer
from appointed.patients.events import PatientRegistered
from tests.support.background import QUICK
from tests.support.factories import Clinic
from tests.support.fixtures import settings_of
from tests.support.outbox import messages, published, undone
from tests.support.server import HOST
from tests.support.smtp import TAKEN, MailServer, receiving, silent
from tests.support.waiting import until

LETTERS = 10


@pytest.fixture
async def waiting(clinic: Clinic, sqlite_database: Database) -> list[UUID]:
    patient = await clinic.patient()
    return await published(clinic.database, SystemClock().now(), *[PatientRegistered(patient.profile_id)] * LETTERS)


async def sent_messages(database: Database, ids: list[UUID]) -> list[OutboxMessage]:
    return [each for each in await messages(database) if each.id in ids]


async def some_failed(database: Database) -> bool:
    return {each.last_error for each in await messages(database)} != {None}


@pytest.mark.parametrize(
    ("trouble", "error"),
    [("refuses", "SMTPConnectError"), ("hangs", "SMTPConnectTimeoutError"), ("451 later", "SMTPDataError 451"),
     ("452 later", "SMTPRecipientRefused 452")],
)  # fmt: skip
async def test_letters_leave_when_the_server_is_well_again(
    clinic: Clinic, waiting: list[UUID], tmp_path: Path, trouble: str, error: str
) -> None:
    mails = MailServer()
    mailer = SmtpMailer(HOST, mails.port, Encryption.IF_OFFERED, step_seconds=0.3)
    context = Context(clinic.database, SystemClock(), settings_of(tmp_path), mailer)
    outage = AsyncExitStack()
    await outage.enter_async_context(troubled(mails, trouble))
    async with Dispatcher(context, QUICK):
        await until(lambda: some_failed(clinic.database))
        assert {each.last_error for each in await sent_messages(clinic.database, waiting)} <= {error, None}
        await outage.aclose()
        assert mails.letters == []
        mails.to_letter = mails.to_recipient = TAKEN
        async with receiving(mails):
            await until(_all_done(clinic.database, waiting))
            await mailer.close()
    assert set(mails.copies().values()) == {1}
    assert len(mails.copies()) == LETTERS


@asynccontextmanager
async def troubled(mails: MailServer, trouble: str) -> AsyncIterator[None]:
    """Who is there on the port of `mails` for now."""
    if trouble == "refuses":
        yield
    elif trouble == "hangs":
        async with silent(mails.port):
            yield
    else:
        setattr(mails, "to_letter" if trouble.startswith("451") else "to_recipient", trouble)
        async with receiving(mails):
            yield


def _all_done(database: Database, ids: list[UUID]) -> Callable[[], Awaitable[bool]]:
    async def answer() -> bool:
        return None not in {each.done_at for each in await sent_messages(database, ids)}

    return answer


async def test_an_address_that_is_refused_for_good_is_a_dead_letter(
    clinic: Clinic, waiting: list[UUID], tmp_path: Path
) -> None:
    async with receiving() as mails:
        mails.to_recipient = "550 5.1.1 <patient1@example.org>: no such mailbox"
        mailer = SmtpMailer(HOST, mails.port, Encryption.IF_OFFERED)
        context = Context(clinic.database, SystemClock(), settings_of(tmp_path), mailer)
        async with Dispatcher(context, QUICK):
            await until(lambda: _dead(clinic.database, LETTERS))
        await mailer.close()
    dead = await sent_messages(clinic.database, waiting)
    assert {(each.attempts, each.last_error) for each in dead} == {(1, "Undeliverable 550")}


async def test_a_server_that_stays_in_trouble_leaves_dead_letters(
    clinic: Clinic, waiting: list[UUID], tmp_path: Path
) -> None:
    mails = MailServer()
    mailer = SmtpMailer(HOST, mails.port, Encryption.IF_OFFERED)
    context = Context(clinic.database, SystemClock(), settings_of(tmp_path), mailer)
    async with Dispatcher(context, QUICK):
        await until(lambda: _dead(clinic.database, LETTERS))
    dead = await sent_messages(clinic.database, waiting)
    assert {(each.attempts, each.last_error) for each in dead} == {(len(QUICK.backoff) + 1, "SMTPConnectError")}
    assert await undone(clinic.database) == LETTERS + 1


async def _dead(database: Database, count: int) -> bool:
    async with database.reads() as session:
        return (await outbox.count(session, SystemClock().now()))[1] == count
