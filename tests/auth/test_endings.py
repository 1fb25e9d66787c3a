"""What ends everything ends everything: each way to end the logins of an account, against each way in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from appointed import accounts
from appointed.accounts.actor import Role
from appointed.accounts.errors import InvalidToken
from appointed.accounts.models import AccountLink, LoginSession
from appointed.accounts.passwords import Hasher
from appointed.accounts.rules import Purpose
from appointed.accounts.scopes import Scope
from appointed.core.codes import code_of
from appointed.core.db import transaction

from ..oauth.machines import assertion, form, pair
from ..support.browser import Browser
from ..support.factories import PASSWORD, Clinic, Permit, Person
from ..support.factors import Holder, holder_of

NEW = "another sentence is better"


@dataclass(frozen=True, slots=True)
class Ways:
    """All that a patient with a second factor has, or is about to have, to get in by."""

    holder: Holder
    clinic: Clinic
    admin: Person
    pair: Any
    browser: Browser
    app: Any
    code: Permit
    challenge: str
    link: str

    async def good(self) -> set[str]:
        """Those that still let somebody in. Each is tried once; the link last, for it ends the others itself."""
        client, holder = self.holder.client, self.holder
        renewed = {"grant_type": "refresh_token", "client_id": str(self.code.client_id),
                   "refresh_token": self.app["refresh_token"]}  # fmt: skip
        answers = {
            "here": await client.get("/auth/me", headers=holder.headers),
            "bearer": await client.get("/auth/me", headers=_headers(self.pair)),
            "refresh": await client.post("/auth/refresh", json={"refresh_token": self.pair["refresh_token"]}),
            "cookie": await self.browser.open("/account"),
            "app": await client.get("/auth/me", headers=_headers(self.app)),
            "app's refresh": await client.post("/auth/token", data=renewed),
            "code": await client.post("/auth/token", data=self.code.form),
            "half a login": await holder.show(self.challenge, recovery_code=holder.codes[2]),
            "link": await self.reset(self.link),
        }
        return {name for name, answer in answers.items() if answer.is_success}

    async def ask_for_link(self) -> str:
        """What stands in the letter."""
        await self.holder.client.post("/auth/password-reset", json={"email": self.holder.who.email})
        async with self.clinic.database.reads() as session:
            links = select(AccountLink.id).where(AccountLink.purpose == Purpose.PASSWORD_RESET).order_by(AccountLink.id)
            link_id = (await session.scalars(links)).all()[-1]
        secret = self.clinic.settings.secret_key.get_secret_value()
        return code_of(secret, Purpose.PASSWORD_RESET, link_id)

    async def reset(self, code: str) -> httpx.Response:
        return await self.holder.client.post("/auth/password-reset/confirm", json={"code": code, "password": NEW})

    async def by_admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.holder.client.request(method, path, json=body, headers=dict(self.admin.headers))


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {given['access_token']}"}


async def ways_of(client: httpx.AsyncClient, clinic: Clinic) -> Ways:
    patient, admin = await clinic.patient(), await clinic.staff(Role.ADMIN)
    holder = await holder_of(client, clinic, patient).add_totp()
    login = await holder.show(await holder.challenge(), recovery_code=holder.codes[0])
    browser = Browser(client)
    await browser.log_in(patient.email)
    await browser.send("/login/second-factor", code=holder.codes[1])
    app = await clinic.app(Scope.PROFILE)
    issued = await client.post("/auth/token", data=(await clinic.let_in(app, patient, scope="profile")).form)
    code = await clinic.let_in(app, patient, scope="profile")
    ways = Ways(holder, clinic, admin, login.json(), browser, issued.json(), code, await holder.challenge(), "")
    object.__setattr__(ways, "link", await ways.ask_for_link())
    return ways


async def nothing(ways: Ways) -> None:
    """So that what is out after the others was in."""


async def another_password(ways: Ways) -> httpx.Response:
    return await ways.holder.post("/password", current_password=PASSWORD, new_password=NEW)


async def a_password_by_mail(ways: Ways) -> httpx.Response:
    return await ways.reset(await ways.ask_for_link())


async def disabled(ways: Ways) -> httpx.Response:
    return await ways.by_admin("DELETE", f"/users/{ways.holder.who.user_id}")


async def another_role(ways: Ways) -> httpx.Response:
    return await ways.by_admin("PATCH", f"/users/{ways.holder.who.user_id}", {"roles": ["patient", "nurse"]})


async def factors_reset(ways: Ways) -> httpx.Response:
    return await ways.by_admin("DELETE", f"/users/{ways.holder.who.user_id}/factors")


async def another_factor(ways: Ways) -> httpx.Response:
    return await ways.holder.post("/recovery-codes", current_password=PASSWORD)


async def logged_out_everywhere(ways: Ways) -> httpx.Response:
    return await ways.by_admin("DELETE", f"/users/{ways.holder.who.user_id}/sessions")


async def erased(ways: Ways) -> httpx.Response:
    return await ways.by_admin("POST", f"/patients/{ways.holder.who.id}/erase", {"reason": "consent_withdrawn"})


Ending = Callable[[Ways], Awaitable[httpx.Response | None]]
EVERYTHING = {"here", "bearer", "refresh", "cookie", "app", "app's refresh", "code", "half a login", "link"}
# What shows anew who somebody is stays good where that is not what changed: half a login asks for the factor, a link
# for the mailbox.
LEFT: Mapping[Ending, set[str]] = {
    nothing: EVERYTHING,
    another_password: {"here"},
    a_password_by_mail: set(),
    disabled: set(),
    another_role: {"half a login", "link"},
    factors_reset: {"link"},
    another_factor: {"here", "link"},
    logged_out_everywhere: {"half a login", "link"},
    erased: set(),
}


@pytest.mark.parametrize("ending", LEFT, ids=lambda ending: ending.__name__)
async def test_what_ends_logins_ends_whatever_lets_somebody_in(
    ending: Ending, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    ways = await ways_of(client, clinic)
    answer = await ending(ways)
    assert answer is None or answer.is_success, answer.text
    assert await ways.good() == LEFT[ending]


# --- what was under way ----------------------------------------------------------------------------------------------


async def end_all(clinic: Clinic, who: Person) -> None:
    async with transaction(clinic.database.writes) as session:
        await accounts.end_all(session, who.user_id, by=who.user_id, now=clinic.clock.now())


async def test_who_was_logged_out_meanwhile_lets_no_app_in(clinic: Clinic, database: object) -> None:
    app, patient = await clinic.app(Scope.PROFILE), await clinic.patient()
    await end_all(clinic, patient)
    with pytest.raises(InvalidToken):
        await clinic.let_in(app, patient, scope="profile")


class Interrupted(Hasher):
    """While it looks at a password, its user is logged out everywhere."""

    def __init__(self, clinic: Clinic, who: Person) -> None:
        super().__init__(4)
        self.clinic, self.who = clinic, who

    async def verify(self, password: str, hashed: str | None) -> bool:
        fits = await super().verify(password, hashed)
        await end_all(self.clinic, self.who)
        return fits


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/password"), ("POST", "/totp"), ("DELETE", "/totp"), ("POST", "/recovery-codes"),
     ("POST", "/passkeys/options")],
)  # fmt: skip
async def test_who_was_logged_out_while_their_password_was_looked_at_changes_nothing(
    method: str, path: str, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    holder = holder_of(client, clinic, await clinic.staff(Role.NURSE))
    if (method, path) != ("POST", "/totp"):
        await holder.add_totp()
    app.state.appointed = replace(app.state.appointed, hasher=Interrupted(clinic, holder.who))
    body = {"current_password": PASSWORD} | ({"new_password": NEW} if path == "/password" else {})
    answer = await client.request(method, f"/auth{path}", json=body, headers=holder.headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_machine_is_out_with_its_user(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    key, admin = pair(), await clinic.staff(Role.ADMIN)
    machine = await clinic.machine([key.jwk], Scope.PROFILE)

    async def token() -> httpx.Response:
        return await client.post("/auth/token", data=form(assertion(key, machine.id, clinic.clock.now())))

    given = (await token()).json()
    assert (await client.delete(f"/users/{machine.user_id}", headers=dict(admin.headers))).status_code == 204
    assert (await client.get("/auth/me", headers=_headers(given))).status_code == 401
    assert (await token()).status_code == 401
    async with clinic.database.reads() as session:
        opened = select(LoginSession).where(LoginSession.client_id == machine.id, LoginSession.ended_at.is_(None))
        assert not (await session.scalars(opened)).all()
