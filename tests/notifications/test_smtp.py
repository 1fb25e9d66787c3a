"""Letters through a real mail server: encrypted, logged in, and with its refusals understood."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtplib import SMTPException

from appointed.core.ids import new_id
from appointed.notifications.letters import Template, letter
from appointed.notifications.mail import Undeliverable
from appointed.notifications.smtp import Encryption, SmtpMailer, encryption_of
from tests.support.fixtures import settings_of
from tests.support.mailbox import text_of
from tests.support.server import HOST, free_port
from tests.support.smtp import MailServer, certificate, receiving, silent

NOW = datetime(2031, 3, 3, 8, tzinfo=UTC)


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with receiving() as server:
        yield server


@asynccontextmanager
async def mailing(
    port: int, *login: str, host: str = HOST, encryption: Encryption = Encryption.IF_OFFERED, **options: Any
) -> AsyncIterator[SmtpMailer]:
    mailer = SmtpMailer(host, port, encryption, *login, **options)
    try:
        yield mailer
    finally:
        await mailer.close()


@pytest.fixture
def a_letter(tmp_path: Path) -> EmailMessage:
    return letter(
        settings_of(tmp_path, clinic_name="Praxis Müller"),
        Template.WELCOME,
        "pat@example.org",
        new_id(),
        NOW,
        link=None,
    )


async def test_a_letter_arrives_as_it_was_written(mails: MailServer, a_letter: EmailMessage) -> None:
    async with mailing(mails.port) as mailer:
        await mailer.send(a_letter)
    (arrived,) = mails.letters
    assert arrived["Message-ID"] == a_letter["Message-ID"]
    assert text_of(arrived).splitlines() == text_of(a_letter).splitlines()


async def test_letters_one_after_the_other_share_a_connection(mails: MailServer, a_letter: EmailMessage) -> None:
    async with mailing(mails.port) as mailer:
        for _ in range(5):
            await mailer.send(a_letter)
    assert (len(mails.letters), mails.sessions) == (5, 1)


async def test_letters_at_the_same_time_do_not_wait_for_each_other(mails: MailServer, a_letter: EmailMessage) -> None:
    mails.seconds = 0.3
    async with mailing(mails.port) as mailer, asyncio.timeout(1):
        await asyncio.gather(*(mailer.send(a_letter) for _ in range(5)))
    assert len(mails.letters) == 5


async def test_a_connection_that_the_server_closed_is_replaced(a_letter: EmailMessage) -> None:
    mails = MailServer()
    async with mailing(mails.port) as mailer:
        for _ in range(2):
            async with receiving(mails):
                await mailer.send(a_letter)
    assert (len(mails.letters), mails.sessions) == (2, 2)


@pytest.mark.parametrize(("stage", "reply"), [("to_recipient", "550 no such mailbox"), ("to_letter", "554 not wanted")])
async def test_what_is_refused_for_good_is_undeliverable(
    mails: MailServer, a_letter: EmailMessage, stage: str, reply: str
) -> None:
    setattr(mails, stage, reply)
    async with mailing(mails.port) as mailer:
        with pytest.raises(Undeliverable) as refused:
            await mailer.send(a_letter)
    assert refused.value.code == int(reply[:3])
    assert "pat@" not in str(refused.value)


@pytest.mark.parametrize(("stage", "reply"), [("to_recipient", "450 try later"), ("to_letter", "452 no room")])
async def test_what_is_refused_for_now_may_be_tried_again(
    mails: MailServer, a_letter: EmailMessage, stage: str, reply: str
) -> None:
    async with mailing(mails.port) as mailer:
        setattr(mails, stage, reply)
        with pytest.raises(SMTPException) as refused:
            await mailer.send(a_letter)
        assert refused.value.code == int(reply[:3])  # type: ignore[attr-defined]  # such an error has a code
        setattr(mails, stage, "250 OK")
        await mailer.send(a_letter)
    assert len(mails.letters) == 1


async def test_a_server_that_is_away_is_an_error(a_letter: EmailMessage) -> None:
    async with mailing(free_port()) as mailer:
        with pytest.raises(ConnectionError):
            await mailer.send(a_letter)


async def test_a_server_that_says_nothing_is_given_up(a_letter: EmailMessage) -> None:
    async with silent() as port, mailing(port, step_seconds=0.2) as mailer, asyncio.timeout(2):
        with pytest.raises(TimeoutError):
            await mailer.send(a_letter)


async def test_an_address_that_the_server_cannot_write_to_is_undeliverable(mails: MailServer, tmp_path: Path) -> None:
    async with mailing(mails.port) as mailer:
        with pytest.raises(Undeliverable):
            await mailer.send(
                letter(settings_of(tmp_path), Template.WELCOME, "jörg@example.org", new_id(), NOW, link=None)
            )


async def test_an_international_mailbox_is_written_to_where_the_server_can(tmp_path: Path) -> None:
    async with receiving(enable_SMTPUTF8=True) as mails, mailing(mails.port) as mailer:
        await mailer.send(letter(settings_of(tmp_path), Template.WELCOME, "jörg@example.org", new_id(), NOW, link=None))
    assert len(mails.letters) == 1


async def test_the_password_is_only_said_under_tls(a_letter: EmailMessage, tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    mails = MailServer()
    async with (
        receiving(mails, tls_context=serving, authenticator=mails.login, auth_required=True),
        mailing(mails.port, "clinic@example.org", "right", host="localhost", tls=trusting) as mailer,
    ):
        await mailer.send(a_letter)
    assert mails.logins == [("clinic@example.org", "right")]
    assert mails.was_encrypted == [True]


async def test_a_wrong_password_is_no_fault_of_the_letter(a_letter: EmailMessage, tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    mails = MailServer()
    async with (
        receiving(mails, tls_context=serving, authenticator=mails.login, auth_required=True),
        mailing(mails.port, "clinic@example.org", "wrong", host="localhost", tls=trusting) as mailer,
    ):
        with pytest.raises(SMTPException, match="535"):
            await mailer.send(a_letter)


async def test_a_server_may_speak_tls_from_the_first_byte(a_letter: EmailMessage, tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    mails = MailServer()
    way = Encryption.FROM_THE_START
    async with (
        receiving(mails, ssl=serving),
        mailing(mails.port, host="localhost", encryption=way, tls=trusting) as mailer,
    ):
        await mailer.send(a_letter)
    assert len(mails.letters) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(a_letter: EmailMessage, tmp_path: Path) -> None:
    serving, _ = certificate(tmp_path)
    async with receiving(tls_context=serving) as mails, mailing(mails.port, host="localhost") as mailer:
        with pytest.raises(ssl.SSLError):
            await mailer.send(a_letter)
    assert mails.letters == []


async def test_where_encryption_is_demanded_nothing_is_sent_in_the_clear(
    mails: MailServer, a_letter: EmailMessage
) -> None:
    async with mailing(mails.port, encryption=Encryption.DEMANDED) as mailer:
        with pytest.raises(SMTPException, match="STARTTLS"):
            await mailer.send(a_letter)
    assert mails.letters == []


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("smtp.gmail.com", 465, Encryption.FROM_THE_START),
        ("localhost", 465, Encryption.FROM_THE_START),
        ("smtp.gmail.com", 587, Encryption.DEMANDED),
        ("10.0.0.5", 25, Encryption.DEMANDED),
        ("192.0.2.1", 1025, Encryption.DEMANDED),
        ("mail", 1025, Encryption.IF_OFFERED),
        ("localhost", 25, Encryption.IF_OFFERED),
        ("127.0.0.1", 587, Encryption.IF_OFFERED),
        ("::1", 587, Encryption.IF_OFFERED),
    ],
)
def test_only_a_server_of_our_own_network_may_do_without_encryption(host: str, port: int, expected: Encryption) -> None:
    assert encryption_of(host, port) is expected
