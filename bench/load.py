"""Load over HTTP/1.1 keep-alive connections: small enough not to be what is measured."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

HOST = "127.0.0.1"
HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """`milliseconds` from the request's first byte out to the answer's last byte in."""

    status: int
    body: bytes
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a batch of requests came to. `own_share` is how much of one core the load itself took."""

    answers: Sequence[Answer]
    seconds: float
    own_share: float

    @property
    def rate(self) -> float:
        return len(self.answers) / self.seconds


def request(
    method: str, path: str, *, token: str | None = None, body: Any = None, form: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request, made before the clock starts."""
    content = urlencode(form).encode() if form else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(content)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if content:
        lines.append(f"Content-Type: application/{'x-www-form-urlencoded' if form else 'json'}")
    return "\r\n".join(lines).encode() + HEAD_END + content


async def drive(ports: Sequence[int], requests: Sequence[bytes], clients: int) -> Run:
    """Send every request once, `clients` at a time, as many to each port; the answers are in the requests' order."""
    connections = [await _connect(ports[number % len(ports)]) for number in range(min(clients, len(requests)))]
    answers: list[Answer | None] = [None] * len(requests)
    waiting = iter(enumerate(requests))
    own, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(_send_all(connection, waiting, answers) for connection in connections))
    seconds, own = time.perf_counter() - started, time.process_time() - own
    for connection in connections:
        connection.close()
    return Run([answer for answer in answers if answer], seconds, own / seconds)


async def _send_all(
    connection: "_Connection", waiting: Iterator[tuple[int, bytes]], answers: list[Answer | None]
) -> None:
    for number, content in waiting:
        answers[number] = await connection.ask(content)


async def _connect(port: int) -> "_Connection":
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, port)
    return connection


class _Connection(asyncio.Protocol):
    """One request at a time; an answer says how long it is, or it is refused."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._received = bytearray()
        self._length = -1
        self._answered: asyncio.Future[Answer] | None = None

    async def ask(self, content: bytes) -> Answer:
        self._received.clear()
        self._length = -1
        self._answered = asyncio.get_running_loop().create_future()
        self._asked_at = time.perf_counter()
        self._transport.write(content)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0:
            head = self._received.find(HEAD_END)
            if head < 0:
                return
            said = _LENGTH.search(self._received, 0, head + 2)
            if said is None:
                self._fail(RuntimeError("an answer without a length"))
                return
            self._body_at = head + len(HEAD_END)
            self._length = self._body_at + int(said[1])
        if len(self._received) >= self._length and self._answered and not self._answered.done():
            taken = (time.perf_counter() - self._asked_at) * 1000
            body = bytes(self._received[self._body_at : self._length])
            self._answered.set_result(Answer(int(self._received[9:12]), body, taken))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server hung up"))

    def close(self) -> None:
        self._transport.close()

    def _fail(self, error: Exception) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(error)
