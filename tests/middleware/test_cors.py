"""From a browser, the API can be used by the pages of the named hosts and of no others."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from appointed.core.settings import Settings

from ..support.app import client_of
from ..support.fixtures import settings_of

FRIEND = "https://booking.example.org"
STRANGERS = ["https://evil.example.org", "null", "https://booking.example.org.evil.example", "https://booking.example.org:8443",
             "http://booking.example.org", "https://BOOKING.example.org", f"{FRIEND}, {FRIEND}", "", "*"]  # fmt: skip
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


def marks_of(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def listed(settings: Settings, *origins: str) -> None:
    object.__setattr__(settings, "cors_origins", ",".join(origins))
    settings.__dict__.pop("allowed_origins", None)


async def ask(app: FastAPI, headers: Mapping[str, str], method: str = "GET", path: str = "/doctors") -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(method, path, headers=dict(headers))


@pytest.mark.parametrize("path", ["/doctors", "/nowhere", "/patients/me"])
async def test_a_named_origin_may_read_every_answer(
    path: str, app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    listed(settings, "http://localhost:3000", FRIEND)
    answer = await ask(app, {"origin": FRIEND}, path=path)
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_origin_is_told_nothing(
    origin: str, app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    listed(settings, FRIEND)
    answer = await ask(app, {"origin": origin})
    assert (answer.status_code, marks_of(answer), answer.headers["vary"]) == (200, {}, "Origin")
    refused = await ask(app, PREFLIGHT | {"origin": origin}, "OPTIONS", "/appointments")
    assert (refused.status_code, marks_of(refused)) == (405, {})


async def test_a_named_origin_is_told_what_it_may_ask(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    listed(settings, FRIEND)
    answer = await ask(app, PREFLIGHT | {"origin": FRIEND}, "OPTIONS", "/appointments")
    assert (answer.status_code, answer.content) == (204, b"")
    marks = marks_of(answer)
    assert marks.pop("access-control-allow-origin") == FRIEND
    assert {"POST", "PATCH", "DELETE"} <= set(marks.pop("access-control-allow-methods").split(", "))
    asked_with = set(marks.pop("access-control-allow-headers").casefold().split(", "))
    assert asked_with >= {"authorization", "content-type", "idempotency-key", "if-match"}
    assert marks == {"access-control-max-age": "600"}
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_without_a_list_there_is_no_such_thing(app: FastAPI, sqlite_database: object) -> None:
    for method, status in (("GET", 200), ("OPTIONS", 405)):
        answer = await ask(app, PREFLIGHT | {"origin": FRIEND}, method)
        assert (answer.status_code, marks_of(answer), answer.headers.get("vary")) == (status, {}, None)


@pytest.mark.parametrize("name", ["*", "null", "booking.example.org", f"{FRIEND}/", f"{FRIEND}/page", "https://*.example.org",
                                  "https://Booking.example.org", "ftp://example.org"])  # fmt: skip
def test_what_no_browser_calls_an_origin_is_refused_at_start(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        settings_of(tmp_path, cors_origins=f"{FRIEND}, {name}")
    assert settings_of(tmp_path, cors_origins=f" {FRIEND} , http://[::1]:3000,").allowed_origins == {
        FRIEND, "http://[::1]:3000",
    }  # fmt: skip
