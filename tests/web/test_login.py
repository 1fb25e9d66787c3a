"""Logging in on a page: the cookie, how long it is good, and what ends it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select

from appointed.accounts.actor import Role
from appointed.accounts.models import LoginSession
from appointed.audit.models import AuditEvent
from appointed.core.db import Database
from appointed.core.settings import Settings
from appointed.deps.pages import own_path
from appointed.health import warnings_about

from ..access.requests import NEW_PASSWORD
from ..support.browser import Browser
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person
from ..support.fixtures import settings_of

TO_LOGIN = "/login?next=%2Faccount"


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


@pytest.fixture
def browser(client: httpx.AsyncClient) -> Browser:
    return Browser(client)


async def is_in(browser: Browser) -> bool:
    answer = await browser.open("/account")
    assert answer.status_code == 200 or answer.headers["location"] == TO_LOGIN
    return answer.status_code == 200


async def rows_of(database: Database) -> list[LoginSession]:
    async with database.reads() as session:
        return list(await session.scalars(select(LoginSession).where(LoginSession.is_cookie)))


async def test_one_logs_in_looks_and_logs_out(browser: Browser, nurse: Person, database: Database) -> None:
    assert not await is_in(browser)
    answer = await browser.log_in(nurse.email.upper(), path="/login?next=/account/password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/password")
    assert await is_in(browser)
    assert nurse.email in browser.shown
    answer = await browser.send("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?left=1")
    assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert browser.jar == {}
    assert "You are logged out" in (await browser.open("/login?left=1")).text
    (row,) = await rows_of(database)
    assert row.ended_at


async def test_a_cookie_that_was_logged_out_is_good_for_nothing(browser: Browser, nurse: Person) -> None:
    await browser.log_in(nurse.email)
    await browser.open("/account")
    kept = dict(browser.jar)
    await browser.send("/logout")
    browser.jar = kept
    assert not await is_in(browser)


@pytest.mark.parametrize("is_https", [True, False])
async def test_the_cookie_is_for_this_host_and_out_of_reach_of_scripts(
    is_https: bool, app: FastAPI, settings: Settings, nurse: Person, sqlite_database: Database
) -> None:
    url = "https://appointed.test" if is_https else "http://appointed.test"
    object.__setattr__(settings, "public_url", f"{url}/")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as client:
        browser = Browser(client, origin=url)
        answer = await browser.log_in(nurse.email)
        assert answer.status_code == 303
        (name, cookie) = next(iter(SimpleCookie(answer.headers["set-cookie"]).items()))
        assert name == ("__Host-appointed" if is_https else "appointed")
        assert cookie["secure"] == (is_https or "")
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
        assert (cookie["domain"], cookie["max-age"], cookie["expires"]) == ("", "", "")
        assert await is_in(browser)
        ended = (await browser.send("/logout")).headers["set-cookie"]
        assert (f"{name}=" in ended, "Max-Age=0" in ended, "Secure" in ended) == (True, True, is_https)


async def test_the_token_is_random_and_its_hash_alone_is_kept(
    browser: Browser, nurse: Person, sqlite_database: Database
) -> None:
    await browser.log_in(nurse.email)
    (cookie,) = browser.jar.values()
    assert len(cookie) == 43
    (row,) = await rows_of(sqlite_database)
    assert cookie.encode() not in row.refresh_hash
    # What stands in the database is good for no login.
    browser.jar = {"appointed": row.refresh_hash.hex()}
    assert not await is_in(browser)


async def test_a_cookie_that_was_brought_along_is_never_the_sessions(
    browser: Browser, client: httpx.AsyncClient, nurse: Person, sqlite_database: Database
) -> None:
    await browser.open("/login")
    before = dict(browser.jar)
    attacker = Browser(client, jar=before)
    await browser.send("/login", email=nurse.email, password=PASSWORD)
    assert browser.jar.keys() == before.keys()
    assert browser.jar != before
    assert (await is_in(browser), await is_in(attacker)) == (True, False)


async def test_a_second_login_of_a_browser_replaces_the_first(
    browser: Browser, client: httpx.AsyncClient, clinic: Clinic, nurse: Person, sqlite_database: Database
) -> None:
    other = await clinic.patient()
    await browser.log_in(nurse.email)
    await browser.open("/account")
    first = dict(browser.jar)
    token = browser.hidden("/logout")["form_token"]
    await browser.post("/login", {"form_token": token, "email": other.email, "password": PASSWORD})
    assert await is_in(browser)
    assert other.email in browser.shown
    assert not await is_in(Browser(client, jar=first))


async def test_it_ends_when_nobody_uses_it(browser: Browser, nurse: Person, clock: FixedClock) -> None:
    await browser.log_in(nurse.email)
    for _ in range(3):
        clock.advance(timedelta(minutes=29))
        assert await is_in(browser)
    clock.advance(timedelta(minutes=30))
    assert not await is_in(browser)


async def test_it_ends_after_a_time_however_much_it_is_used(
    browser: Browser, nurse: Person, clock: FixedClock, settings: Settings, sqlite_database: Database
) -> None:
    object.__setattr__(settings, "page_session_hours", 2)
    await browser.log_in(nurse.email)
    for _ in range(5):
        clock.advance(timedelta(minutes=20))
        assert await is_in(browser)
    clock.advance(timedelta(minutes=19, seconds=59))
    assert await is_in(browser)
    clock.advance(timedelta(seconds=1))
    assert not await is_in(browser)


async def test_looking_is_noted_once_a_minute_and_writes_nothing_otherwise(
    browser: Browser, nurse: Person, clock: FixedClock, sqlite_database: Database
) -> None:
    await browser.log_in(nurse.email)
    updates: list[str] = []
    engine = sqlite_database.engines[-1].sync_engine

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        updates.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        for seconds, expected in ((59, 0), (1, 1), (59, 0), (1, 1), (0, 0)):
            clock.advance(timedelta(seconds=seconds))
            assert await is_in(browser)
            assert len([each for each in updates if "UPDATE login_sessions" in each]) == expected
            updates.clear()
    finally:
        event.remove(engine, "before_cursor_execute", count)


async def disabled(client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    assert (await client.delete(f"/users/{who.user_id}", headers=dict(admin.headers))).is_success


async def got_a_role(client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    body = {"roles": ["nurse", "receptionist"]}
    assert (await client.patch(f"/users/{who.user_id}", json=body, headers=dict(admin.headers))).is_success


async def ended_by_an_administrator(client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    assert (await client.delete(f"/users/{who.user_id}/sessions", headers=dict(admin.headers))).is_success


async def new_password(client: httpx.AsyncClient, who: Person, _admin: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await client.post("/auth/password", json=body, headers=dict(who.headers))).status_code == 204


async def ended_in_the_list(client: httpx.AsyncClient, who: Person, _admin: Person) -> None:
    for login in (await client.get("/auth/sessions", headers=dict(who.headers))).json()["items"]:
        if not login["is_current"]:
            await client.delete(f"/auth/sessions/{login['id']}", headers=dict(who.headers))


ENDINGS = (disabled, got_a_role, ended_by_an_administrator, new_password, ended_in_the_list)


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
async def test_it_ends_with_all_that_ends_sessions(
    end: Callable[[httpx.AsyncClient, Person, Person], Awaitable[None]],
    browser: Browser,
    client: httpx.AsyncClient,
    clinic: Clinic,
    nurse: Person,
    sqlite_database: Database,
) -> None:
    admin = await clinic.staff(Role.ADMIN)
    await browser.log_in(nurse.email)
    assert await is_in(browser)
    await end(client, nurse, admin)
    assert not await is_in(browser)


async def test_a_wrong_login_is_told_at_the_fields_and_recorded(
    browser: Browser, nurse: Person, sqlite_database: Database
) -> None:
    for email, password in ((nurse.email, "wrong"), ("nobody@example.org", PASSWORD), ("a\0b", PASSWORD)):
        answer = await browser.log_in(email, password, path="/login?next=/account")
        assert (answer.status_code, "www-authenticate" in answer.headers) == (422, False)
        assert "<title>Error: Log in" in answer.text
        assert PASSWORD not in answer.text
        assert browser.hidden("/login")["next"] == "/account"
        assert not await is_in(browser)
    async with sqlite_database.reads() as session:
        failed = (await session.scalars(select(AuditEvent).where(AuditEvent.outcome == "invalid_credentials"))).all()
    assert [(row.action, row.entity_id) for row in failed] == [("session.open", nurse.user_id), ("session.open", None)]
    answer = await browser.log_in("", "")
    assert (answer.status_code, answer.text.count('aria-invalid="true"')) == (422, 2)
    assert await rows_of(sqlite_database) == []


async def test_whoever_tries_too_often_has_to_wait_here_too(
    browser: Browser, nurse: Person, clock: FixedClock, sqlite_database: Database
) -> None:
    for _ in range(5):
        assert (await browser.log_in(nurse.email, "wrong")).status_code == 422
    answer = await browser.log_in(nurse.email)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    clock.advance(timedelta(seconds=30))
    assert (await browser.log_in(nurse.email)).status_code == 303


OWN = ["/", "/account", "/account/", "/account/password", "/a-b_c.d~e", "/oauth/authorize?client_id=a&state=x%2Fy%3D",
       "/account?next=https://evil.example"]  # fmt: skip
FOREIGN = [
    "", "account", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\\/evil.example",
    "https://evil.example", "https:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x",
    "/%2f/evil.example", "/%2F%2Fevil.example", "/%5cevil.example", "%2f%2fevil.example", "/\t/evil.example",
    "/\n/evil.example", "/account\r\nSet-Cookie: a=b", " /account", "/account ", "/account\n", "/a//evil.example",
    "/@evil.example", "/account#x", "/ä", "/account\0", ".//evil.example", "/;//evil.example", "/" + "a" * 2_000,
    "http://appointed.test/account", "/account?a=\\evil", "/account?a=b\nc",
]  # fmt: skip


@pytest.mark.parametrize("path", OWN)
def test_a_path_of_ours_is_one(path: str) -> None:
    assert own_path(path) == path


async def test_a_login_leads_to_no_foreign_page(browser: Browser, nurse: Person, sqlite_database: Database) -> None:
    for path in FOREIGN:
        assert own_path(path) is None, path
    for path in FOREIGN[1:8]:
        browser.jar.clear()
        await browser.open("/login")
        answer = await browser.send("/login", email=nurse.email, password=PASSWORD, next=path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account"), path
        answer = await browser.open(f"/login?next={quote(path)}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account"), path


async def test_whoever_must_log_in_first_comes_back_with_what_they_asked(
    browser: Browser, nurse: Person, sqlite_database: Database
) -> None:
    answer = await browser.open("/account?done=login&x=a%20b")
    to = answer.headers["location"]
    assert to == "/login?next=%2Faccount%3Fdone%3Dlogin%26x%3Da%2520b"
    answer = await browser.log_in(nurse.email, path=to)
    assert answer.headers["location"] == "/account?done=login&x=a%20b"
    assert (await browser.open("/login?next=/account/password")).headers["location"] == "/account/password"


@pytest.mark.parametrize(("url", "is_warned"), [("http://clinic.test", True), ("https://clinic.test", False)])
def test_production_without_https_is_warned_of(url: str, is_warned: bool, tmp_path: Path) -> None:
    set_up = settings_of(tmp_path, environment="production", public_url=url, bcrypt_cost=12)
    assert bool([text for text in warnings_about(set_up) if "PUBLIC_URL" in text]) == is_warned
    assert warnings_about(settings_of(tmp_path, public_url=url)) == []
