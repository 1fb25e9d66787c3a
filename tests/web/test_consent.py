"""The page on which somebody lets an app in: what it says, where it leads, and that nobody is led there unasked."""

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.accounts.client_models import AuthorizationCode, OAuthClient
from appointed.accounts.scopes import Scope
from appointed.core.db import transaction

from ..support.browser import Browser
from ..support.factories import CALLBACK, CHALLENGE, Clinic, Permit, Person
from .test_join import POLICY, Elements

DECIDE = "/auth/authorize/decide"


@pytest.fixture
async def nurse(clinic: Clinic, sqlite_database: object) -> Person:
    return await clinic.staff(Role.NURSE)


@pytest.fixture
async def browser(client: httpx.AsyncClient, nurse: Person) -> Browser:
    made = Browser(client)
    await made.log_in(nurse.email)
    return made


def address(app: OAuthClient, **changes: Any) -> str:
    said = {"client_id": str(app.id), "redirect_uri": app.redirect_uris[0], "response_type": "code",
            "state": 'x"&y=<1>', "scope": "profile", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256"} | changes  # fmt: skip
    return f"/auth/authorize?{urlencode({name: value for name, value in said.items() if value is not None})}"


def told(answer: httpx.Response) -> dict[str, str]:
    """What the app reads where the browser arrives."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def test_one_logs_in_says_yes_and_the_app_is_in(client: httpx.AsyncClient, clinic: Clinic, nurse: Person) -> None:
    app = await clinic.app(Scope.PROFILE, Scope.APPOINTMENTS_READ, name="Pocket <Calendar>")
    browser, path = Browser(client), address(app)
    sent_away = await browser.open(path)
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, f"/login?next={quote(path, safe='')}")
    back = await browser.log_in(nurse.email, path=sent_away.headers["location"])
    assert back.headers["location"] == path
    shown = (await browser.open(path)).text
    assert "Pocket &lt;Calendar&gt;" in shown
    assert ("See your name and your e-mail address" in shown, "See visits" in shown) == (True, False)
    assert (nurse.email in shown, "It lasts 30 days." in shown) == (True, True)
    said = told(await browser.send(DECIDE, decision="allow"))
    assert said.keys() == {"code", "state", "iss"}
    assert said["state"] == 'x"&y=<1>'
    given = await client.post("/auth/token", data=Permit(app.id, said["code"], CALLBACK).form)
    assert given.json()["scope"] == "profile"
    await browser.open("/account")
    assert "Pocket &lt;Calendar&gt;" in browser.shown
    assert "An app that may, for you: See your name and your e-mail address." in browser.shown
    assert "See visits" not in browser.shown


async def test_what_was_shown_is_given_and_nothing_that_the_app_may_ask_for_since(
    client: httpx.AsyncClient, browser: Browser, clinic: Clinic
) -> None:
    app = await clinic.app(Scope.PROFILE)
    await browser.open(address(app, scope=None))
    async with transaction(clinic.database.writes) as session:
        (await session.get_one(OAuthClient, app.id)).scope = "appointments:read profile"
    said = told(await browser.send(DECIDE, decision="allow"))
    given = await client.post("/auth/token", data=Permit(app.id, said["code"], CALLBACK).form)
    assert given.json()["scope"] == "profile"


async def test_who_says_no_gives_nothing(browser: Browser, clinic: Clinic) -> None:
    await browser.open(address(await clinic.app(Scope.PROFILE)))
    assert told(await browser.send(DECIDE, decision="deny"))["error"] == "access_denied"
    async with clinic.database.reads() as session:
        assert not (await session.scalars(select(AuthorizationCode))).all()
    await browser.open(address(await clinic.app(Scope.PROFILE)))
    assert (await browser.send(DECIDE)).status_code == 422, "no button was pressed"


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"code_challenge": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"),
     ({"response_type": None}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"),
     ({"scope": "patients:read"}, "invalid_scope")],
)  # fmt: skip
async def test_an_app_that_asks_wrongly_is_told_and_nobody_is_asked(
    changes: dict[str, Any], error: str, browser: Browser, clinic: Clinic
) -> None:
    said = told(await browser.open(address(await clinic.app(Scope.PROFILE), **changes)))
    assert (said["error"], said["state"]) == (error, 'x"&y=<1>')


async def test_nobody_is_led_to_where_no_app_lives(browser: Browser, clinic: Clinic) -> None:
    app = await clinic.app(Scope.PROFILE)
    for changes in ({"redirect_uri": "https://evil.example/"}, {"redirect_uri": None}, {"redirect_uri": f"{CALLBACK}/"},
                    {"client_id": None}, {"client_id": str(app.user_id or nobody())}):  # fmt: skip
        for wrong in ({}, {"code_challenge_method": "plain"}):
            answer = await browser.open(address(app, **changes, **wrong))
            assert (answer.status_code, "location" in answer.headers) == (400, False), changes
            assert "unknown_app" in answer.text
    assert (await browser.open(address(app, client_id="x"))).status_code == 422
    await browser.open(address(app))
    answer = await browser.send(DECIDE, decision="allow", redirect_uri="https://evil.example/")
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def nobody() -> str:
    return "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("uri", "source"),
    [(CALLBACK, "https://app.example.org"), ("https://app.example.org:8443/cb?x=1", "https://app.example.org:8443"),
     ("http://127.0.0.1:8123/cb", "http://127.0.0.1:8123"), ("com.example.app:/cb", "com.example.app:")],
)  # fmt: skip
async def test_the_page_lets_the_browser_go_to_the_app_and_nowhere_else(
    uri: str, source: str, browser: Browser, clinic: Clinic
) -> None:
    shown = await browser.open(address(await clinic.app(Scope.PROFILE, redirect_uris=[uri])))
    policy = set(shown.headers["content-security-policy"].split("; "))
    assert policy == POLICY - {"form-action 'self'"} | {f"form-action 'self' {source}"}


async def test_the_page_can_be_used_without_scripts_by_keyboard_and_screen_reader(
    browser: Browser, clinic: Clinic
) -> None:
    page = Elements((await browser.open(address(await clinic.app(Scope.PROFILE)))).text)
    assert not page.named("script")
    assert (len(page.named("h1")), len(page.named("main"))) == (1, 1)
    assert [each["action"] for each in page.named("form")] == [DECIDE, "/logout"]
    assert [(each["name"], each["value"], each["type"]) for each in page.named("button") if "name" in each] == [
        ("decision", "allow", "submit"), ("decision", "deny", "submit")]  # fmt: skip
    for _, attributes, _ in page.found:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
