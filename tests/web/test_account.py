"""The page about oneself: where one is logged in, another password; and how pages say that something went wrong."""

import re
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from appointed.accounts.actor import Role
from appointed.app import create_app
from appointed.core.settings import Settings
from appointed.deps import PageRoute

from ..access.requests import NEW_PASSWORD
from ..support.app import client_of, running
from ..support.browser import Browser
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person
from ..test_fuzz import NASTY_TEXTS
from .test_join import POLICY, Elements

END = re.compile(r'action="(/account/sessions/[^"]+/end)"')
HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def nurse(clinic: Clinic, sqlite_database: object) -> Person:
    return await clinic.staff(Role.NURSE)


@pytest.fixture
async def browser(client: httpx.AsyncClient, nurse: Person) -> Browser:
    made = Browser(client)
    await made.log_in(nurse.email)
    return made


async def test_one_sees_and_ends_ones_logins(
    browser: Browser, client: httpx.AsyncClient, nurse: Person, clock: FixedClock
) -> None:
    lost = Browser(client)
    await lost.log_in(nurse.email)
    clock.advance(timedelta(minutes=10))
    shown = (await browser.open("/account")).text
    # By a program, here, and on the device that was lost.
    assert (shown.count("<strong>"), shown.count("(this browser)"), len(END.findall(shown))) == (3, 1, 2)
    assert ("Since Monday, 3 March 2031, 08:00" in shown, "Last used Monday, 3 March 2031, 08:10" in shown) == (
        True,
        True,
    )
    for action in END.findall(shown):
        answer = await browser.send(action)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=login")
        await browser.open("/account?done=login")
        assert "That login has ended" in browser.shown
    assert (await lost.open("/account")).status_code == 303
    assert (await client.get("/auth/me", headers=dict(nurse.headers))).status_code == 401
    assert (await browser.open("/account")).status_code == 200


async def test_the_idle_logins_of_others_are_not_shown(
    browser: Browser, client: httpx.AsyncClient, nurse: Person, clock: FixedClock
) -> None:
    await Browser(client).log_in(nurse.email)
    clock.advance(timedelta(minutes=20))
    await browser.open("/account")
    clock.advance(timedelta(minutes=20))
    assert (await browser.open("/account")).text.count("<strong>") == 2


async def test_what_the_address_claims_to_be_done_is_not_repeated(browser: Browser) -> None:
    assert "evil" not in (await browser.open("/account?done=%3Cb%3Eevil")).text


async def test_a_new_password_ends_the_other_logins(browser: Browser, client: httpx.AsyncClient, nurse: Person) -> None:
    await browser.open("/account/password")
    wrong = {
        "current_password": {"current_password": "not mine", "new_password": NEW_PASSWORD},
        "new_password": {"current_password": PASSWORD, "new_password": "short"},
    }
    for field, typed in {**wrong, "own name": {"current_password": PASSWORD, "new_password": nurse.email}}.items():
        answer = await browser.send("/account/password", **typed)
        name = "new_password" if field == "own name" else field
        assert answer.status_code == 422
        assert f'<a href="#{name}">' in answer.text
        assert [each["id"] for each in Elements(answer.text).named("input") if "aria-invalid" in each] == [name]
        assert not [text for text in typed.values() if f'value="{text}"' in answer.text and text != nurse.email]
    assert (await browser.send("/account/password")).status_code == 422
    answer = await browser.send("/account/password", current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=password")
    assert "You have a new password" in (await browser.open("/account?done=password")).text
    assert (await client.get("/auth/me", headers=dict(nurse.headers))).status_code == 401
    assert (await Browser(client).log_in(nurse.email, NEW_PASSWORD)).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/account", "/account/password"])
async def test_a_page_can_be_used_without_scripts_by_keyboard_and_screen_reader(
    path: str, browser: Browser, client: httpx.AsyncClient
) -> None:
    shown = (await client.get(path)) if path == "/login" else (await browser.open(path))
    page = Elements(shown.text)
    assert set(shown.headers["content-security-policy"].split("; ")) == POLICY
    assert shown.headers["referrer-policy"] == "same-origin"
    assert [each["src"] for each in page.named("script")] == ["/static/passkey.js"] * (path == "/login")
    assert page.named("html")[0]["lang"] == "en"
    assert (len(page.named("h1")), len(page.named("main")), len(page.named("title"))) == (1, 1, 1)
    for _, attributes, _ in page.found:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    fields = [each for each in page.named("input") if each["type"] != "hidden" and "hidden" not in each]
    assert {each["for"] for each in page.named("label")} == {each["id"] for each in fields}
    assert {each["autocomplete"] for each in fields} <= {"username", "current-password", "new-password"}
    secrets = [each for each in fields if str(each["autocomplete"]).endswith("-password")]
    assert {each["type"] for each in secrets} <= {"password"}
    forms = [each for each in page.named("form") if each["method"] == "post"]
    assert ("/logout" in {each["action"] for each in forms}) == (path != "/login")
    assert len([each for each in page.named("input") if each["name"] == "form_token"]) == len(forms) > 0


async def test_what_is_wrong_stands_above_and_at_the_fields(client: httpx.AsyncClient, nurse: Person) -> None:
    page = Elements((await Browser(client).log_in("", "")).text)
    ids = {each["id"] for _, each, _ in page.found if "id" in each}
    fields = {each["id"]: each for each in page.named("input") if each.get("aria-invalid")}
    links = [str(each["href"]).removeprefix("#") for each in page.named("a")]
    assert links == list(fields) == ["email", "password"]
    for name, each in fields.items():
        assert str(each["aria-describedby"]).split() == [f"{name}-error"]
        assert f"{name}-error" in ids
    assert [each for _, each, _ in page.found if each.get("role") == "alert" and "autofocus" in each]


async def test_a_page_that_refuses_says_so_as_a_page(browser: Browser, client: httpx.AsyncClient) -> None:
    gone = "/account/sessions/00000000-0000-7000-8000-000000000000/end"
    await browser.open("/account")
    token = browser.hidden("/logout")["form_token"]
    for path, status, code in ((gone, 404, "not_found"), ("/account/sessions/x/end", 422, "invalid")):
        answer = await browser.post(path, {"form_token": token})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert (f'<span id="code">{code}</span>' in answer.text, answer.text.count("<h1>")) == (True, 1)
    answer = await browser.open("/account?cursor=nonsense")
    assert (answer.status_code, "<h1>" in answer.text) == (422, True)
    answer = await client.put("/account", headers=HTML)
    assert (answer.status_code, answer.headers["allow"], "<h1>" in answer.text) == (405, "GET", True)


async def test_what_is_at_no_address_is_shown_as_it_is_asked_for(client: httpx.AsyncClient, nurse: Person) -> None:
    for accept, kind in ((HTML, "text/html; charset=utf-8"), ({}, "application/problem+json"),
                         ({"accept": "application/json"}, "application/problem+json")):  # fmt: skip
        answer = await client.get("/nowhere", headers=accept)
        assert (answer.status_code, answer.headers["content-type"]) == (404, kind)
    api = await client.get("/auth/me", headers=HTML)
    assert (api.status_code, api.headers["content-type"]) == (401, "application/problem+json")


async def test_who_asks_too_often_and_what_fails_is_shown_as_a_page(settings: Settings, nurse: Person) -> None:
    object.__setattr__(settings, "rate_limit_login", "1/minute")
    app = create_app(settings, hint=lambda _ids: None)
    app.router.add_api_route("/defect", _defect, route_class_override=PageRoute, methods=["GET"])
    async with running(app), client_of(app) as client:
        answers = [await client.post("/login", headers=HTML) for _ in range(2)] + [await client.get("/defect")]
    assert [answer.status_code for answer in answers] == [403, 429, 500]
    assert all(answer.headers["content-type"] == "text/html; charset=utf-8" for answer in answers)
    assert answers[1].headers["retry-after"].isdecimal()
    assert "secret" not in answers[2].text


async def _defect() -> None:
    raise ZeroDivisionError("a secret of the inside")


async def test_no_page_fails_whatever_is_typed(browser: Browser, client: httpx.AsyncClient, nurse: Person) -> None:
    await browser.open("/account")
    forms = {
        "/login": ("email", "password", "next", "form_token"),
        "/login/second-factor": ("challenge", "code", "passkey", "next", "has_passkey"),
        "/login/passkey": ("passkey", "next"),
        "/account/password": ("current_password", "new_password"),
    }
    good = {"form_token": browser.hidden("/logout")["form_token"], "email": nurse.email, "password": "wrong"}
    for path, names in forms.items():
        for name in names:
            for text in NASTY_TEXTS[::4]:
                sent = {**good, name: text.encode("utf-8", "replace").decode()}
                answer = await browser.post(path, sent)
                assert answer.status_code in (303, 403, 410, 422, 429), f"{path} {name} {text!r}"
                assert answer.is_redirect or answer.text.count("<h1>") == 1
    for path in ("/login", "/account", "/account/password"):
        for name in ("next", "left", "done", "cursor"):
            for text in NASTY_TEXTS[::3]:
                answer = await client.get(path, params={name: text.encode("utf-8", "replace").decode()})
                assert answer.status_code < 500


def test_pages_are_no_part_of_the_api(app: FastAPI, sqlite_database: object) -> None:
    assert not [path for path in app.openapi()["paths"] if path.startswith(("/login", "/logout", "/account"))]
