"""Mail servers on the loopback address: one that keeps what it is given, and one that never says a word."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .server import HOST, free_port

TAKEN = "250 OK"


@dataclass(slots=True)
class MailServer:
    """What arrived, and what is answered from now on. Each letter takes `seconds`."""

    port: int = field(default_factory=free_port)
    seconds: float = 0.0
    to_recipient: str = TAKEN
    to_letter: str = TAKEN
    letters: list[EmailMessage] = field(default_factory=list)
    at_hand: int = 0
    sessions: int = 0
    logins: list[tuple[str, str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    def copies(self) -> Counter[str]:
        """How often each letter arrived, by Message-ID."""
        return Counter(letter["Message-ID"] for letter in self.letters)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.at_hand += 1
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_hand -= 1
        if self.to_letter == TAKEN:
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=SMTP_POLICY)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.was_encrypted.append(session.ssl is not None)
        return self.to_letter

    def login(self, server: Any, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password == b"right", handled=False)


@asynccontextmanager
async def receiving(given: MailServer | None = None, **options: Any) -> AsyncIterator[MailServer]:
    """A mail server on its own port; `options` are those of aiosmtpd's `SMTP`, and `ssl` for TLS from the start."""
    mails = given or MailServer()
    implicit = options.pop("ssl", None)
    loop = asyncio.get_running_loop()
    connections: set[asyncio.BaseTransport] = set()

    class Counted(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connections.add(transport)
            mails.sessions += 1
            super().connection_made(transport)

    def protocol() -> Any:
        return Counted(mails, hostname="mail.test", loop=loop, **options)

    server = await loop.create_server(protocol, HOST, mails.port, ssl=implicit)
    try:
        yield mails
    finally:
        # Nobody is let in any more; who was let in just now is met, and then everybody is sent away.
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
        await asyncio.sleep(0.05)
        for connection in connections:
            connection.close()
        server.close()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def silent(port: int = 0) -> AsyncIterator[int]:
    """The port of a server that takes connections and never says a word; any, unless one is given."""
    # The system takes them; nobody ever looks who is there.
    with socket.create_server((HOST, port), backlog=100) as listener:
        yield listener.getsockname()[1]


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS context for `name`, and a client's that trusts it and nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem, secret)
    return serving, ssl.create_default_context(cafile=str(pem))
