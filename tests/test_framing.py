"""Where a request ends is said in one way or it is refused: nothing is smuggled behind it (RFC 9112 section 11.2)."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

from appointed.core.settings import Settings

from .support.server import environment_of, serving

SECONDS = 5
# What would be answered, too, if the server took it for a request of its own.
HIDDEN = b"GET /health/live HTTP/1.1\r\nHost: clinic.test\r\nConnection: close\r\n\r\n"
LENGTH = str(len(HIDDEN)).encode()
SOUND = [(b"Content-Length: 0", HIDDEN), (b"Transfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN)]
AMBIGUOUS = {
    "both ways at once": (b"Content-Length: " + LENGTH + b"\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN),
    "both, turned round": (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n" + HIDDEN),
    "two lengths": (b"Content-Length: 0\r\nContent-Length: " + LENGTH, HIDDEN),
    "two lengths in one": (b"Content-Length: 0, " + LENGTH, HIDDEN),
    "a length with a sign": (b"Content-Length: +0", HIDDEN),
    "a length below nothing": (b"Content-Length: -1", HIDDEN),
    "a length in other digits": (b"Content-Length: 0x0", HIDDEN),
    "another coding": (b"Transfer-Encoding: xchunked", b"0\r\n\r\n" + HIDDEN),
    "chunks that are not the last coding": (b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n" + HIDDEN),
    "a blank before the colon": (b"Transfer-Encoding : chunked", b"0\r\n\r\n" + HIDDEN),
    "a folded line": (
        b"X-A: b\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n chunked",
        b"0\r\n\r\n" + HIDDEN,
    ),
    "a chunk in other digits": (b"Transfer-Encoding: chunked", b"0x0\r\n\r\n" + HIDDEN),
    "a chunk with a sign": (b"Transfer-Encoding: chunked", b"-0\r\n\r\n" + HIDDEN),
    "lines that end in half": (b"Transfer-Encoding: chunked", b"0\n\n" + HIDDEN),
    "a nul in a name": (b"Content-Le\0ngth: 0", HIDDEN),
}


async def answers_to(url: str, headers: bytes, body: bytes) -> list[int]:
    """The statuses of all that the server says until it hangs up."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(b"POST /auth/refresh HTTP/1.1\r\nHost: clinic.test\r\n" + headers + b"\r\n\r\n" + body)
        async with asyncio.timeout(SECONDS):
            said = await reader.read()
    finally:
        writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


async def test_nothing_is_smuggled_past_a_request(settings: Settings, tmp_path: Path, sqlite_database: object) -> None:
    async with serving(environment_of(settings), tmp_path) as server:
        sound = [await answers_to(server.url, headers, body) for headers, body in SOUND]
        answers = {name: await answers_to(server.url, *ambiguous) for name, ambiguous in AMBIGUOUS.items()}
    assert sound == [[422, 200], [422, 200]], "what follows a request that is sound is one of its own"
    assert answers == {name: [400] for name in AMBIGUOUS}
