"""Letters through a mail server (RFC 5321), never in the clear unless the server is on our own network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from enum import Enum
from functools import partial
from ipaddress import ip_address

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from appointed.core.settings import Settings

from .mail import FolderMailer, Mailer, Undeliverable, mail_folder

IMPLICIT_TLS_PORT = 465
STEP_SECONDS = 10.0
MOST_IDLE_SECONDS = 30.0
FIRST_PERMANENT_CODE = 500


class Encryption(Enum):
    """How a conversation with a mail server is kept to ourselves."""

    FROM_THE_START = "TLS from the first byte"
    DEMANDED = "STARTTLS, or nothing is sent"
    IF_OFFERED = "STARTTLS where the server knows it"


def mailer_of(settings: Settings) -> Mailer:
    """A mail server where one is set, else the folder."""
    if not settings.smtp_server:
        return FolderMailer(mail_folder(settings))
    password = settings.email_password.get_secret_value() if settings.email_password else None
    login = settings.email_address if password else None
    encryption = encryption_of(settings.smtp_server, settings.smtp_port)
    return SmtpMailer(settings.smtp_server, settings.smtp_port, encryption, login, password)


def encryption_of(host: str, port: int) -> Encryption:
    """Only in our own network a server may do without: on this machine, or under a name without a dot, which nobody
    outside of that network knows (a container's, for instance)."""
    if port == IMPLICIT_TLS_PORT:
        return Encryption.FROM_THE_START
    try:
        is_own = ip_address(host).is_loopback
    except ValueError:
        is_own = "." not in host
    return Encryption.IF_OFFERED if is_own else Encryption.DEMANDED


# As aiosmtplib says it.
START_TLS = {Encryption.FROM_THE_START: False, Encryption.DEMANDED: True, Encryption.IF_OFFERED: None}


class SmtpMailer:
    """Keeps its connections open between letters: as many as were ever sent at the same time."""

    def __init__(
        self,
        host: str,
        port: int,
        encryption: Encryption,
        username: str | None = None,
        password: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        self._new = partial(
            SMTP,
            hostname=host,
            port=port,
            use_tls=encryption is Encryption.FROM_THE_START,
            start_tls=START_TLS[encryption],
            username=username,
            password=password,
            tls_context=tls,
            timeout=step_seconds,
        )
        self._idle: list[tuple[float, SMTP]] = []

    async def send(self, letter: EmailMessage) -> None:
        async with self._connection() as server:
            try:
                await server.send_message(letter)
            except SMTPRecipientsRefused as error:
                raise _final(error.recipients[0]) from None
            except SMTPDataError as error:
                raise _final(error) from None
            except (SMTPNotSupported, ValueError):
                # The address has letters that the server does not know, or it is none.
                raise Undeliverable from None

    async def close(self) -> None:
        while self._idle:
            _, server = self._idle.pop()
            with suppress(SMTPException, OSError):
                await server.quit(timeout=1)
            server.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        """A connection for one letter. It is kept unless something went wrong."""
        server = await self._kept()
        if server is None:
            server = self._new()
            await server.connect()
        try:
            yield server
        except BaseException:
            server.close()
            raise
        self._idle.append((asyncio.get_running_loop().time(), server))

    async def _kept(self) -> SMTP | None:
        """A kept connection on which the other side has not hung up meanwhile."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            kept_at, server = self._idle.pop()
            try:
                if now - kept_at < MOST_IDLE_SECONDS:
                    await server.noop()
                    return server
            except (SMTPException, OSError):
                pass
            except asyncio.CancelledError:
                server.close()
                raise
            server.close()
        return None


def _final(error: SMTPResponseException) -> Exception:
    """A letter refused with a 5xx stays refused (RFC 5321, 4.2.1)."""
    return Undeliverable(error.code) if error.code >= FIRST_PERMANENT_CODE else error
