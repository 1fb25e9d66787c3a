"""Who is shown which page, and that no page can be made to do what nobody asked it to."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from appointed.accounts import cookies
from appointed.accounts.factors.rules import Aim
from appointed.audit.models import AuditEvent
from appointed.core.db import transaction
from appointed.deps import PageRoute
from appointed.deps.forms import token_of
from appointed.deps.pages import _own_form, _visitor
from appointed.deps.retry import WRITING, within

from ..access.matrix import Who
from ..access.requests import NEW_PASSWORD, PARAMETER, passkey_alone
from ..access.routes import routes_of
from ..access.world import World, contents_of, world_of
from ..support.factories import CALLBACK, CHALLENGE, PASSWORD, Clinic
from ..support.factors import code_now

ORIGIN = "http://appointed.test"
# `login` and `home` are redirects there; a star: what they ask for leaves a row in the trail.
PAGES = """
#                                    anony-      other       other       recep-      audi-
#                                     mous  pat.  pat.  doc.  doc. nurse tion. admin   tor
GET  /login                            200  home  home  home  home  home  home  home  home
POST /login                          home* home* home* home* home* home* home* home* home*
GET  /login/second-factor            login login login login login login login login login
POST /login/second-factor            home* home* home* home* home* home* home* home* home*
POST /login/passkey                  home* home* home* home* home* home* home* home* home*
POST /logout                         login left* left* left* left* left* left* left* left*
GET  /account                        login   200   200   200   200   200   200   200   200
POST /account/sessions/{login_id}/end login done* 404* 404* 404* 404* 404* 404* 404*
GET  /account/password               login   200   200   200   200   200   200   200   200
GET  /auth/authorize                 login   400   400   400   400   400   400   400   400
POST /auth/authorize/decide          login  app*  app*  app*  app*  app*  app*  app*  app*
POST /account/password               login done* done* done* done* done* done* done* done*
"""
PLACES = {"home": "/account", "left": "/login?left=1", "done": "/account?done=", "app": f"{CALLBACK}?code="}
Form = Callable[[World], Awaitable[dict[str, str]]]


async def _login(world: World) -> dict[str, str]:
    return {"email": world.anybody.email, "password": PASSWORD}


async def _code(world: World) -> dict[str, str]:
    key = await world.totp()
    return {"challenge": await world.challenge(Aim.SECOND_FACTOR), "code": code_now(key, world.clinic.clock, ahead=1)}


async def _passkey(world: World) -> dict[str, str]:
    return {"passkey": json.dumps((await passkey_alone(world))["json"]["credential"])}


async def _password(_world: World) -> dict[str, str]:
    return {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


async def _decision(world: World) -> dict[str, str]:
    app = await world.clinic.app()
    return {"client_id": str(app.id), "redirect_uri": CALLBACK, "response_type": "code", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256", "decision": "allow"}  # fmt: skip


FORMS: Mapping[str, Form] = {
    "POST /login": _login,
    "POST /login/second-factor": _code,
    "POST /login/passkey": _passkey,
    "POST /account/password": _password,
    "POST /auth/authorize/decide": _decision,
}


def rows() -> dict[str, dict[Who, str]]:
    lines = [line.split() for line in PAGES.splitlines() if line and not line.startswith("#")]
    return {" ".join(line[:2]): dict(zip(Who, line[2:], strict=True)) for line in lines}


ROWS = rows()
UNSAFE = [route for route in ROWS if route.split()[0] in WRITING]


def with_cookies(app: FastAPI) -> Iterator[tuple[str, Any]]:
    """Every route that looks at the cookie, or is a page's."""
    for context in iter_route_contexts(app.routes):
        calls = [each.call for each in within(context.dependant)] if hasattr(context, "dependant") else []
        if _visitor in calls or isinstance(context.original_route, PageRoute):
            for method in sorted(context.methods or ()):
                yield f"{method} {context.path}", (context.original_route, calls)


def test_every_page_has_its_row_and_every_form_is_checked(app: FastAPI, sqlite_database: object) -> None:
    found = dict(with_cookies(app))
    assert ROWS.keys() == found.keys() <= set(routes_of(app))
    for route, (original, calls) in found.items():
        assert isinstance(original, PageRoute), f"{route} takes the cookie and is no PageRoute"
        assert (route in UNSAFE) == (_own_form in calls), route


class Page:
    """One page as one of the world's people."""

    def __init__(self, client: httpx.AsyncClient, world: World, route: str) -> None:
        self.client, self.world = client, world
        self.method, self.path = route.split()
        self.form: dict[str, str] = {}
        self.cookie = cookies.new_token()

    async def enter(self, who: Who) -> "Page":
        await self.world.enter(who)
        self.cookie = await self.cookie_of()
        ids = {name: str(await self.world.maker_of(name, "")()) for name in PARAMETER.findall(self.path)}
        make = FORMS.get(f"{self.method} {self.path}")
        self.form = await make(self.world) if make else {}
        self.path = self.path.format(**ids)
        return self

    async def cookie_of(self) -> str:
        if self.world.actor is None:
            return cookies.new_token()
        clinic = self.world.clinic
        async with transaction(clinic.database.writes) as session:
            return await cookies.open_session(session, self.world.actor.user_id, timedelta(hours=1), clinic.clock.now())

    @property
    def token(self) -> str:
        return token_of(self.world.clinic.settings, self.cookie)

    async def ask(self, headers: Mapping[str, str] | None = None, **form: str) -> httpx.Response:
        said = {"origin": ORIGIN} if headers is None else dict(headers)
        sent = {**self.form, "form_token": self.token, **form}
        answer = await self.client.request(
            self.method, self.path, headers={"cookie": f"appointed={self.cookie}", **said},
            data={name: text for name, text in sent.items() if text} if self.method == "POST" else None,
        )  # fmt: skip
        self.client.cookies.clear()
        return answer


def seen(answer: httpx.Response) -> str:
    """What the table calls it."""
    if answer.status_code != 303:
        assert answer.headers["content-type"].startswith("text/html")
        return str(answer.status_code)
    to = answer.headers["location"]
    return next((name for name, place in PLACES.items() if place in (to, f"{to.partition('=')[0]}=")), to[1:6])


@pytest.mark.parametrize("route", ROWS)
async def test_a_page_answers_everybody_as_the_table_says(
    route: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    answers = {}
    for who in Who:
        page = await Page(client, await world_of(clinic), route).enter(who)
        answer = await page.ask()
        left = await trail_of(clinic, answer.headers["x-request-id"])
        answers[who] = seen(answer) + ("*" if left else "")
    assert answers == ROWS[route]


async def trail_of(clinic: Clinic, request_id: str) -> list[Any]:
    async with clinic.database.reads() as session:
        return list(await session.scalars(select(AuditEvent.action).where(AuditEvent.request_id == request_id)))


FOREIGN = "https://evil.example"
# What says something else each time.
VARYING = {"/health/ready", "/auth/login/passkey/options"}
# What comes along with a form that is otherwise good.
ELSEWHERE: Mapping[str, dict[str, str]] = {
    "says nothing": {},
    "another origin": {"origin": FOREIGN},
    "another scheme": {"origin": "https://appointed.test"},
    "another port": {"origin": "http://appointed.test:8080"},
    "a longer name": {"origin": "http://appointed.test.evil.example"},
    "a part of the name": {"origin": "http://test"},
    "no origin that it may say": {"origin": "null"},
    "another site": {"origin": "null", "sec-fetch-site": "cross-site"},
    "another host of the site": {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    "typed by hand": {"sec-fetch-site": "none"},
}
OURS: Mapping[str, dict[str, str]] = {
    "our origin": {"origin": ORIGIN},
    "our origin, said twice": {"origin": ORIGIN, "sec-fetch-site": "same-origin"},
    "our site, without an origin": {"origin": "null", "sec-fetch-site": "same-origin"},
    "our site alone": {"sec-fetch-site": "same-origin"},
    "the public address": {"origin": "http://127.0.0.1:8000"},
}


def check_refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 403, why
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "cross_site" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("route", UNSAFE)
async def test_a_form_that_is_not_ours_is_refused_and_changes_nothing(
    route: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    page = await Page(client, await world_of(clinic), route).enter(Who.PATIENT)
    other = await Page(client, page.world, "GET /account").enter(Who.PATIENT)
    visitor = Page(client, page.world, "GET /login")
    before = await contents_of(clinic)
    for why, headers in ELSEWHERE.items():
        check_refused(await page.ask(headers), why)
    twice = [("origin", ORIGIN), ("origin", FOREIGN), ("cookie", f"appointed={page.cookie}")]
    body = {**page.form, "form_token": page.token}
    check_refused(await client.post(page.path, headers=twice, data=body), "two origins")
    for token in ("", "wrong", page.token[:-1], page.token + "A", other.token, visitor.token, "ß"):
        check_refused(await page.ask(form_token=token), token)
    in_query = await client.post(f"{page.path}?form_token={page.token}", headers={
        "origin": ORIGIN, "cookie": f"appointed={page.cookie}"}, data=page.form)  # fmt: skip
    check_refused(in_query, "a token in the address")
    for kind in ("application/json", "text/plain"):
        headers = {"origin": ORIGIN, "cookie": f"appointed={page.cookie}", "content-type": kind}
        check_refused(await client.post(page.path, headers=headers, content=str(body)), kind)
    check_refused(await client.post(page.path, headers={"origin": ORIGIN}, data=body), "no cookie")
    assert await contents_of(clinic) == before


@pytest.mark.parametrize("headers", OURS.values(), ids=OURS)
async def test_a_form_of_ours_is_taken(
    headers: dict[str, str], client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    page = await Page(client, await world_of(clinic), "POST /logout").enter(Who.NURSE)
    assert (await page.ask(headers)).status_code == 303


async def test_a_refused_form_of_somebody_is_in_the_trail(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    page = await Page(client, await world_of(clinic), "POST /logout").enter(Who.NURSE)
    answer = await page.ask({"origin": FOREIGN})
    assert await trail_of(clinic, answer.headers["x-request-id"]) == ["POST /logout"]


async def test_the_api_never_takes_the_cookie(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    """Neither is a login where it is needed, nor is anybody known by it where none is."""
    page = await Page(client, await world_of(clinic), "GET /account").enter(Who.ADMIN)
    headers = {"cookie": f"appointed={page.cookie}; __Host-appointed={page.cookie}", "origin": ORIGIN}
    assert (await page.ask()).status_code == 200
    protected = 0
    for route in set(routes_of(app)) - ROWS.keys():
        method, path = route.split()
        url = PARAMETER.sub(str(uuid4()), path)
        without, with_it = [await client.request(method, url, headers=each) for each in ({}, headers)]
        assert with_it.status_code == without.status_code, route
        assert with_it.content == without.content or path in VARYING, route
        protected += without.status_code == 401
    assert protected > 80


async def test_a_token_of_the_api_is_no_login_of_a_page(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world = await world_of(clinic)
    await world.enter(Who.PATIENT)
    refresh_token, access_token = await world.refresh_token(), world.headers["Authorization"].split()[1]
    for headers in (
        world.headers,
        {"cookie": f"appointed={access_token}"},
        {"cookie": f"appointed={refresh_token}"},
        {"cookie": f"appointed={refresh_token[:43]}"},
    ):
        answer = await client.get("/account", headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faccount")
    page = await Page(client, world, "GET /account").enter(Who.PATIENT)
    answer = await client.post("/auth/refresh", json={"refresh_token": page.cookie})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    answer = await client.get("/auth/me", headers={"Authorization": f"Bearer {page.cookie}"})
    assert answer.status_code == 401
