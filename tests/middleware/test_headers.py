"""Every answer tells browsers to let nothing in, to keep nothing and to pass nothing on."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from appointed.app import create_app
from appointed.core.settings import Settings
from appointed.web import pages as web

from ..access.requests import PARAMETER
from ..access.routes import pages_of, routes_of
from ..support.app import client_of, running
from ..support.factories import Clinic

PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc", "/join", "/reset-password", "/confirm-email"}
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
OF_PAGES = web.HEADERS["Content-Security-Policy"]
EVERYWHERE = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
ELSEWHERE = [
    ("GET", "/nowhere", 404), ("GET", "/static/nowhere.js", 404), ("DELETE", "/slots", 405),
    ("GET", "/slots?from=x", 422), ("OPTIONS", "/appointments", 405), ("HEAD", "/docs", 405),
    ("GET", "/static/", 404), ("GET", "/static", 404), ("GET", "/api-docs-assets/", 404),
]  # fmt: skip


def lacking(answer: httpx.Response, *, is_page: bool = False) -> Iterator[str]:
    """Which headers of the set are missing, or say something else. Pages with forms let our own host know of them."""
    headers = answer.headers
    expected = EVERYWHERE | ({"referrer-policy": "same-origin"} if is_page and answer.status_code == 200 else {})
    yield from (name for name, value in expected.items() if headers.get_list(name) != [value])
    for feature in ("camera", "geolocation", "microphone"):
        if f"{feature}=()" not in headers.get("permissions-policy", ""):
            yield feature
    if "x-request-id" not in headers:
        yield "x-request-id"
    kind = headers.get("content-type", "")
    if answer.content and (not kind or kind.startswith("text/") != kind.endswith("; charset=utf-8")):
        yield f"content-type: {kind}"
    policies = headers.get_list("content-security-policy")
    if policies != [POLICY] and (policies != [OF_PAGES] if is_page else answer.request.url.path not in PAGES):
        yield f"content-security-policy: {policies}"


async def test_every_route_carries_the_set(client: httpx.AsyncClient, app: FastAPI, sqlite_database: object) -> None:
    routes, pages = routes_of(app), pages_of(app)
    assert len(routes) > 80
    for route in routes:
        method, path = route.split()
        answer = await client.request(method, PARAMETER.sub(str(uuid4()), path))
        assert not list(lacking(answer, is_page=route in pages)), route


@pytest.mark.parametrize(("method", "path", "status"), ELSEWHERE)
async def test_what_is_refused_carries_the_set(
    method: str, path: str, status: int, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert not list(lacking(answer))


async def test_a_failure_carries_the_set_and_its_requests_id(settings: Settings, sqlite_database: object) -> None:
    app = create_app(settings, hint=lambda _ids: None)

    @app.get("/defect")
    async def defect() -> None:
        raise ZeroDivisionError

    async with running(app), client_of(app) as client:
        answer = await client.get("/defect")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert not list(lacking(answer))


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc"])
async def test_the_api_pages_let_in_their_own_scripts_alone(
    path: str, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    answer = await client.get(path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert "unsafe" not in policy["script-src"]
    assert policy["script-src"].count("'sha256-") == len(re.findall("<script>", answer.text))
    assert {policy[name] for name in ("default-src", "frame-ancestors", "base-uri", "form-action")} == {"'none'"}
    assert not re.search(r"//|\*|https?:", re.sub(r"'sha256-[^']+'", "", answer.headers["content-security-policy"]))


async def test_browsers_are_told_to_insist_on_https_by_https_alone(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    said = []
    for scheme in ("http", "https"):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{scheme}://clinic.test") as client:
            said.append((await client.get("/health/live")).headers.get("strict-transport-security"))
            object.__setattr__(settings, "hsts_subdomains", True)
            said.append((await client.get("/nowhere")).headers.get("strict-transport-security"))
            object.__setattr__(settings, "hsts_subdomains", False)
    assert said == [None, None, "max-age=31536000", "max-age=31536000; includeSubDomains"]


async def test_a_logout_leaves_nothing_in_the_browser(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    headers = dict((await clinic.patient()).headers)
    answer = await client.post("/auth/logout", headers=headers)
    assert (answer.status_code, answer.headers["clear-site-data"]) == (204, '"cache", "cookies", "storage"')
    again = await client.post("/auth/logout", headers=headers)
    assert (again.status_code, "clear-site-data" in again.headers) == (401, False)
