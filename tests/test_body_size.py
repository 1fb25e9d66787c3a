"""A body that is too large is refused without being read to its end, whatever it says of its own size."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from appointed.core.settings import Settings

from .access.matrix import ACCESS, Who, rows_of
from .access.requests import ask_of
from .access.world import contents_of, world_of
from .support.factories import Clinic
from .support.server import environment_of, serving
from .test_bad_input import faults_of

MEGABYTE, CHUNK = 1_000_000, 64_000
TEN = 10 * MEGABYTE
CHANGING = [row for row in rows_of(ACCESS) if not row.route.startswith("GET") and len(row.label.split()) == 2]
FORM = "application/x-www-form-urlencoded"


class Flood:
    """Ten megabytes in pieces, and how much of it was taken."""

    taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        for _ in range(TEN // CHUNK):
            self.taken += CHUNK
            yield b" " * CHUNK


@pytest.mark.parametrize("is_declared", [True, False], ids=["with its length", "in chunks"])
async def test_ten_megabytes_are_refused_by_every_route(
    is_declared: bool, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world = await world_of(clinic)
    await world.enter(Who.ADMIN)
    asks = {row.route: await ask_of(world, row) for row in CHANGING}
    before = await contents_of(clinic)
    for route, ask in asks.items():
        flood = Flood()
        headers = world.headers | {"content-type": FORM if route == "POST /auth/login" else "application/json"}
        headers |= {"content-length": str(TEN)} if is_declared else {"transfer-encoding": "chunked"}
        answer = await client.request(ask.method, ask.path.format(**ask.ids), content=flood.pieces(), headers=headers)
        assert not faults_of(answer, 413, "body_too_large"), route
        assert flood.taken <= (0 if is_declared else MEGABYTE + CHUNK), route
    assert len(asks) > 20
    assert before == await contents_of(clinic)


@pytest.mark.parametrize("length", ["0", "1", "-1", "1e3", "", "x", "9" * 5_000, "\xb2", "1, 2"])
async def test_a_length_that_is_no_number_is_not_believed(
    length: str, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    headers = {b"content-length": length.encode("latin-1"), b"content-type": b"application/json"}
    answer = await client.post("/patients/join", content=Flood().pieces(), headers=headers)
    assert not faults_of(answer, 413, "body_too_large")


async def test_what_just_fits_is_read(client: httpx.AsyncClient, app: FastAPI, sqlite_database: object) -> None:
    limit = app.state.appointed.settings.max_body_bytes
    document = b'{"code": "x", "password": "long enough"}'
    for size, status in ((limit, 410), (limit + 1, 413)):
        for content in (document.ljust(size), _in_pieces(document.ljust(size))):
            answer = await client.post("/patients/join", content=content, headers={"content-type": "application/json"})
            assert answer.status_code == status


async def _in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


async def test_a_route_that_takes_no_body_reads_none(client: httpx.AsyncClient, sqlite_database: object) -> None:
    for path in ("/nowhere", "/health/live", "/docs"):
        flood = Flood()
        answer = await client.request("POST", path, content=flood.pieces())
        assert answer.status_code in (404, 405)
        assert flood.taken == 0


@pytest.mark.parametrize("is_declared", [True, False], ids=["with its length", "in chunks"])
async def test_a_real_server_refuses_and_lives_on(
    is_declared: bool, settings: Settings, tmp_path: Path, sqlite_database: object
) -> None:
    async with serving(environment_of(settings), tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        for path, kind in (("/auth/login", FORM), ("/patients/new-patient", "application/json")):
            content = b" " * TEN if is_declared else Flood().pieces()
            answer = await client.post(path, content=content, headers={"content-type": kind})
            assert not faults_of(answer, 413, "body_too_large")
        assert (await client.get("/health/ready")).status_code == 200
