"""The second half of a login on a page."""

import json
from datetime import timedelta

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.app import create_app
from appointed.core.db import Database
from appointed.core.settings import SecondFactor, Settings
from appointed.deps import PageActor, PageRoute

from ..support.app import client_of, running
from ..support.authenticator import Authenticator
from ..support.browser import Browser
from ..support.clock import FixedClock
from ..support.factories import Clinic
from ..support.factors import Holder, holder_of
from .test_join import Elements
from .test_login import is_in, rows_of


@pytest.fixture
async def holder(client: httpx.AsyncClient, clinic: Clinic) -> Holder:
    """Somebody with an authenticator app and recovery codes, whose app shows its next code by now."""
    made = await holder_of(client, clinic, await clinic.staff(Role.NURSE)).add_totp()
    assert isinstance(clinic.clock, FixedClock)
    clinic.clock.advance(timedelta(seconds=60))
    return made


@pytest.fixture
async def browser(client: httpx.AsyncClient, holder: Holder) -> Browser:
    """Behind the right password."""
    made = Browser(client)
    answer = await made.log_in(holder.who.email, path="/login?next=/account/password")
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert not await is_in(Browser(client, dict(made.jar)))
    return made


async def test_the_password_alone_lets_nobody_in_and_the_code_does(
    browser: Browser, holder: Holder, database: Database
) -> None:
    before = dict(browser.jar)
    answer = await browser.send("/login/second-factor", code=holder.code())
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/password")
    assert browser.jar != before
    assert await is_in(browser)
    assert [row.second_factor for row in await rows_of(database)] == ["totp"]


async def test_a_recovery_code_does_too_and_works_once(
    browser: Browser, holder: Holder, sqlite_database: Database
) -> None:
    code = holder.codes[0]
    assert (await browser.send("/login/second-factor", code=f" {code.lower()} ")).status_code == 303
    browser.jar.clear()
    await browser.log_in(holder.who.email)
    assert (await browser.send("/login/second-factor", code=code)).status_code == 422


async def test_a_wrong_code_is_told_at_the_field_and_can_be_corrected(
    browser: Browser, holder: Holder, sqlite_database: Database
) -> None:
    for code in ("", "000000", "nonsense", holder.code()[:5]):
        answer = await browser.send("/login/second-factor", code=code)
        assert (answer.status_code, '<a href="#code">' in answer.text) == (422, True), code
        assert browser.hidden("/login/second-factor")["next"] == "/account/password"
    assert (await browser.send("/login/second-factor", code=holder.code())).status_code == 303


async def test_codes_cannot_be_guessed_on(browser: Browser, holder: Holder, sqlite_database: Database) -> None:
    for _ in range(5):
        await browser.send("/login/second-factor", code="000000")
    answer = await browser.send("/login/second-factor", code=holder.code())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert not await is_in(Browser(browser.client, dict(browser.jar)))


async def test_whoever_is_too_late_begins_again(
    browser: Browser, holder: Holder, clock: FixedClock, sqlite_database: Database
) -> None:
    clock.advance(timedelta(minutes=5))
    answer = await browser.send("/login/second-factor", code=holder.code())
    assert (answer.status_code, "This took too long" in answer.text) == (410, True)
    assert browser.hidden("/login")["next"] == "/account/password"
    await browser.log_in(holder.who.email)
    assert (await browser.send("/login/second-factor", code=holder.code())).status_code == 303


async def test_a_passkey_is_a_second_factor(client: httpx.AsyncClient, holder: Holder, database: Database) -> None:
    authenticator, browser = Authenticator(), Browser(client)
    assert not Elements((await browser.log_in(holder.who.email)).text).named("script")
    await holder.add_passkey(authenticator)
    shown = (await browser.log_in(holder.who.email)).text
    assert [each["src"] for each in Elements(shown).named("script")] == ["/static/passkey.js"]
    form = browser.hidden("/login/second-factor")
    options = await holder.options_for(form["challenge"])
    other = Authenticator(user_id=authenticator.user_id, credential_id=authenticator.credential_id)
    for passkey in ("nonsense", "{}", json.dumps(other.show(options))):
        answer = await browser.post("/login/second-factor", {**form, "passkey": passkey})
        assert (answer.status_code, "passkey.js" in answer.text) == (422, True)
    answer = await browser.post("/login/second-factor", {**form, "passkey": json.dumps(authenticator.show(options))})
    assert answer.status_code == 303
    assert await is_in(browser)
    assert [row.second_factor for row in await rows_of(database)] == ["passkey"]


async def test_a_passkey_alone_lets_one_in(
    client: httpx.AsyncClient, holder: Holder, sqlite_database: Database
) -> None:
    authenticator, browser = Authenticator(), Browser(client)
    await holder.add_passkey(authenticator)
    await browser.open("/login?next=/account/password")
    form = browser.hidden("/login/passkey")
    signed = json.dumps(authenticator.show(await holder.login_options()))
    unknown = json.dumps(Authenticator().show(await holder.login_options()))
    for passkey, status in (("", 410), ("[]", 410), (unknown, 422)):
        answer = await browser.post("/login/passkey", {**form, "passkey": passkey})
        assert (answer.status_code, "<title>Error: Log in" in answer.text) == (status, True)
    answer = await browser.post("/login/passkey", {**form, "passkey": signed})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/password")
    assert await is_in(browser)
    browser.jar.clear()
    await browser.open("/login")
    again = await browser.post("/login/passkey", {**browser.hidden("/login/passkey"), "passkey": signed})
    assert again.status_code == 410


async def test_where_more_than_a_password_is_asked_for_the_password_opens_ones_account_and_nothing_else(
    settings: Settings, clinic: Clinic, sqlite_database: Database, clock: FixedClock
) -> None:
    object.__setattr__(settings, "require_second_factor", SecondFactor.STAFF)
    nurse = await clinic.staff(Role.NURSE)
    app = create_app(settings, clock=clock, hint=lambda _ids: None)
    for path in ("/accounts", "/visits"):
        app.router.add_api_route(path, _visits, route_class_override=PageRoute, methods=["GET"])
    async with running(app), client_of(app) as client:
        browser = Browser(client)
        await browser.log_in(nurse.email)
        shown = [(await browser.open(path)).status_code for path in
                 ("/account", "/account/password", "/accounts", "/visits")]  # fmt: skip
        assert "second_factor_needed" in browser.shown
        await browser.open("/account")
        assert (await browser.send("/logout")).status_code == 303
    assert shown == [200, 200, 403, 403]


async def _visits(actor: PageActor) -> str:
    return str(actor.user_id)
