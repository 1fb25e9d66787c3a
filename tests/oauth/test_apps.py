"""Apps: who lets one in gets a code for it, and what the app makes of it is no more than it was let in for."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from appointed.accounts.actor import Role
from appointed.accounts.client_models import AuthorizationCode, OAuthClient
from appointed.accounts.models import LoginSession
from appointed.accounts.refresh import GRACE
from appointed.accounts.scopes import Scope
from appointed.audit.models import AuditEvent
from appointed.core.db import transaction
from appointed.core.settings import SecondFactor, Settings
from appointed.oauth.rules import challenge_of, fits, is_challenge

from ..support.clock import FixedClock
from ..support.factories import CALLBACK, CHALLENGE, PASSWORD, VERIFIER, Clinic, Permit, Person
from ..support.racing import at_once

ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
async def app_(clinic: Clinic) -> OAuthClient:
    return await clinic.app(Scope.APPOINTMENTS_READ, Scope.PROFILE)


@pytest.fixture
async def pat(clinic: Clinic) -> Person:
    return await clinic.patient()


def asked(app_: OAuthClient, **changes: Any) -> dict[str, Any]:
    said = {"client_id": str(app_.id), "redirect_uri": CALLBACK, "response_type": "code", "state": "x y&z=1",
            "scope": "profile", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
            "is_allowed": True}  # fmt: skip
    return {name: value for name, value in (said | changes).items() if value is not None}


async def authorize(client: httpx.AsyncClient, who: Person, body: dict[str, Any]) -> dict[str, str]:
    """What the app reads in the address that the browser is sent to."""
    answer = await client.post("/auth/authorize", json=body, headers=dict(who.headers))
    assert answer.status_code == 200, answer.text
    address = urlsplit(answer.json()["redirect_to"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == body["redirect_uri"].partition("?")[0]
    return {name: values[0] for name, values in parse_qs(address.query).items()}


async def trade(client: httpx.AsyncClient, permit: Permit, **changes: str | None) -> httpx.Response:
    sent = {name: value for name, value in (permit.form | changes).items() if value is not None}
    return await client.post("/auth/token", data=sent)


async def refresh(client: httpx.AsyncClient, app_: OAuthClient, token: str, **more: str) -> httpx.Response:
    sent = {"grant_type": "refresh_token", "client_id": str(app_.id), "refresh_token": token} | more
    return await client.post("/auth/token", data=sent)


def check(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


async def me(client: httpx.AsyncClient, given: Any) -> int:
    return (await client.get("/auth/me", headers={"Authorization": f"Bearer {given['access_token']}"})).status_code


async def test_an_app_is_let_in_and_acts_for_its_user(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person
) -> None:
    said = await authorize(client, pat, asked(app_))
    assert said.keys() == {"code", "state", "iss"}
    assert (said["state"], said["iss"]) == ("x y&z=1", ISSUER)
    given = (await trade(client, Permit(app_.id, said["code"], CALLBACK))).json()
    assert given.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (given["scope"], given["expires_in"]) == ("profile", 900)
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await client.get("/auth/me", headers=headers)).json()["email"] == pat.email
    assert (await client.get("/appointments", headers=headers)).status_code == 403
    async with clinic.database.reads() as session:
        allowed = await session.scalar(select(AuditEvent).where(AuditEvent.action == "client.authorize"))
        opened = await session.scalar(select(AuditEvent).where(AuditEvent.action == "session.open",
                                                               AuditEvent.entity_id.is_not(None))
                                      .order_by(AuditEvent.id.desc()).limit(1))  # fmt: skip
        code = (await session.scalars(select(AuthorizationCode))).one()
    assert allowed is not None
    assert (allowed.actor_id, allowed.entity_id, allowed.detail) == (pat.user_id, app_.id, {"scope": "profile"})
    assert opened is not None
    assert opened.detail == {"client_id": str(app_.id), "method": "password"}
    assert said["code"].encode() not in code.code_hash


async def test_its_user_sees_it_among_their_sessions_and_ends_it(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    given = (await trade(client, await clinic.let_in(app_, pat))).json()
    shown = (await client.get("/auth/sessions", headers=dict(pat.headers))).json()["items"]
    (its,) = [each for each in shown if each["device"] == "Pocket Calendar"]
    assert (await client.delete(f"/auth/sessions/{its['id']}", headers=dict(pat.headers))).status_code == 204
    assert await me(client, given) == 401
    check(await refresh(client, app_, given["refresh_token"]), "invalid_grant")


async def test_an_app_gets_no_further_than_what_its_user_has_shown(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, settings: Settings, sqlite_database: object
) -> None:
    """Where a second factor is asked for: letting somebody in needs it, and so does what was opened without."""
    one, other = [await clinic.staff(Role.NURSE) for _ in range(2)]
    early = (await trade(client, await clinic.let_in(app_, other))).json()
    async with transaction(clinic.database.writes) as session:
        mine = LoginSession.id == one.actor.session_id
        await session.execute(update(LoginSession).where(mine).values(second_factor="totp"))
    object.__setattr__(settings, "require_second_factor", SecondFactor.STAFF)
    refused = await client.post("/auth/authorize", json=asked(app_), headers=dict(other.headers))
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_needed")
    said = await authorize(client, one, asked(app_, scope="appointments:read"))
    given = (await trade(client, Permit(app_.id, said["code"], CALLBACK))).json()
    for each, status in ((given, 200), (early, 403)):
        headers = {"Authorization": f"Bearer {each['access_token']}"}
        assert (await client.get("/appointments", headers=headers)).status_code == status


async def test_who_says_no_is_sent_back_without_a_code(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    said = await authorize(client, pat, asked(app_, is_allowed=False))
    assert said == {"error": "access_denied", "state": "x y&z=1", "iss": ISSUER}
    async with clinic.database.reads() as session:
        assert (await session.scalars(select(AuditEvent).where(AuditEvent.action == "client.deny"))).one()
        assert not (await session.scalars(select(AuthorizationCode))).all()


TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "no method": ({"code_challenge_method": None}, "invalid_request"),
    "a plain challenge": ({"code_challenge_method": "plain"}, "invalid_request"),
    "a method in other letters": ({"code_challenge_method": "s256"}, "invalid_request"),
    "a short challenge": ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    "a challenge that is none": ({"code_challenge": "+" * 43}, "invalid_request"),
    "a token at once": ({"response_type": "token"}, "unsupported_response_type"),
    "a code and a token": ({"response_type": "code token"}, "unsupported_response_type"),
    "more than the app may": ({"scope": "profile patients:read"}, "invalid_scope"),
    "what nobody may": ({"scope": "users:manage"}, "invalid_scope"),
}


@pytest.mark.parametrize(("changes", "error"), TOLD.values(), ids=TOLD)
async def test_an_app_that_asks_wrongly_is_told(
    changes: dict[str, Any], error: str, client: httpx.AsyncClient, app_: OAuthClient, pat: Person,
    sqlite_database: object,
) -> None:  # fmt: skip
    assert await authorize(client, pat, asked(app_, **changes)) == {"error": error, "state": "x y&z=1", "iss": ISSUER}


ELSEWHERE = [
    "https://app.example.org/callback/", "https://app.example.org/callback?x=1", "https://example.org/callback",
    "https://app.example.org.evil.example/callback", "https://app.example.org/callback#x", "//app.example.org/callback",
    "https://app.example.org/Callback", "https://app.example.org:443/callback", "https://x@app.example.org/callback",
    "http://app.example.org/callback", "javascript:alert(1)", "/callback", "https://app.example.org/callback/../evil",
    "https://app.example.org/callback%2f", f" {CALLBACK}",
]  # fmt: skip


async def test_nobody_is_sent_to_where_no_app_lives(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    bodies = [asked(app_, redirect_uri=uri) for uri in ELSEWHERE]
    bodies += [asked(app_, redirect_uri=uri, code_challenge_method="plain") for uri in ELSEWHERE]
    gone = await clinic.app()
    admin = await clinic.staff(Role.ADMIN)
    await client.delete(f"/clients/{gone.id}", headers=dict(admin.headers))
    bodies += [asked(app_, client_id=str(uuid4())), asked(gone)]
    for body in bodies:
        answer = await client.post("/auth/authorize", json=body, headers=dict(pat.headers))
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_app"), body
        assert "location" not in answer.headers


async def test_only_who_is_logged_in_themselves_lets_an_app_in(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    """An app could let others in, or itself for more."""
    headers = await clinic.by_app(pat, Scope.PROFILE)
    assert (await client.post("/auth/authorize", json=asked(app_), headers=headers)).status_code == 403


async def test_an_address_keeps_its_own_query(
    client: httpx.AsyncClient, clinic: Clinic, pat: Person, sqlite_database: object
) -> None:
    uri = "com.example.app:/callback?from=here"
    app_ = await clinic.app(Scope.PROFILE, redirect_uris=[uri])
    answer = await client.post("/auth/authorize", json=asked(app_, redirect_uri=uri), headers=dict(pat.headers))
    assert answer.json()["redirect_to"].startswith(f"{uri}&code=")


WRONG: dict[str, tuple[dict[str, str | None], str, int]] = {
    "no code": ({"code": None}, "invalid_request", 400),
    "another code": ({"code": "guessed"}, "invalid_grant", 400),
    "no address": ({"redirect_uri": None}, "invalid_request", 400),
    "another address": ({"redirect_uri": "https://example.org"}, "invalid_grant", 400),
    "no verifier": ({"code_verifier": None}, "invalid_request", 400),
    "another verifier": ({"code_verifier": VERIFIER[:-1] + "x"}, "invalid_grant", 400),
    "the challenge for the verifier": ({"code_verifier": CHALLENGE}, "invalid_grant", 400),
    "no client": ({"client_id": None}, "invalid_request", 400),
    "a client that is none": ({"client_id": str(uuid4())}, "invalid_client", 401),
    "a client that cannot be one": ({"client_id": "x"}, "invalid_request", 400),
    "another grant": ({"grant_type": "password"}, "unsupported_grant_type", 400),
    "no grant": ({"grant_type": None}, "invalid_request", 400),
    "NUL in it": ({"code": "a\0b"}, "invalid_request", 400),
}


async def test_a_code_is_bound_to_all_that_it_was_given_for(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    permit, other = await clinic.let_in(app_, pat), await clinic.app()
    for name, (changes, error, status) in WRONG.items():
        answer = await trade(client, permit, **changes)
        assert (answer.status_code, answer.json()["error"]) == (status, error), name
    check(await trade(client, permit, client_id=str(other.id)), "invalid_grant")
    machine = await clinic.machine([], Scope.PROFILE)
    check(await trade(client, permit, client_id=str(machine.id)), "invalid_client", 401)
    twice = [*permit.form.items(), ("code", permit.code)]
    body = "&".join(f"{name}={value}" for name, value in twice)
    form = {"content-type": "application/x-www-form-urlencoded"}
    check(await client.post("/auth/token", content=body, headers=form), "invalid_request")
    check(await client.post("/auth/token", json=permit.form), "invalid_request")
    check(await client.post("/auth/token", content=b"\xff", headers={"content-type": "multipart/form-data"}),
          "invalid_request")  # fmt: skip
    assert (await trade(client, permit)).status_code == 200, "and it is still good"
    async with clinic.database.reads() as session:
        failed = (await session.scalars(select(AuditEvent).where(AuditEvent.outcome == "invalid_grant"))).all()
    # By another address, by two wrong verifiers and by another app; a code that nobody was given is nobody's.
    assert [(row.action, row.entity_id) for row in failed] == [("session.open", pat.user_id)] * 4


async def test_a_code_lasts_a_minute(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, clock: FixedClock,
    sqlite_database: object,
) -> None:  # fmt: skip
    early, late = await clinic.let_in(app_, pat), await clinic.let_in(app_, pat)
    clock.advance(timedelta(seconds=60, microseconds=-1))
    assert (await trade(client, early)).status_code == 200
    clock.advance(timedelta(microseconds=1))
    check(await trade(client, late), "invalid_grant")


async def test_a_code_that_comes_back_ends_what_came_of_it(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person
) -> None:
    permit, untouched = await clinic.let_in(app_, pat), await clinic.redeem(await clinic.let_in(app_, pat))
    given = (await trade(client, permit)).json()
    assert await me(client, given) == 200
    check(await trade(client, permit, code_verifier="x" * 43), "invalid_grant")
    assert await me(client, given) == 401
    check(await refresh(client, app_, given["refresh_token"]), "invalid_grant")
    assert await me(client, {"access_token": untouched.access_token}) == 200
    async with clinic.database.reads() as session:
        row = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "session.reuse"))).one()
    assert (row.outcome, row.detail) == ("invalid_grant", {"client_id": str(app_.id)})


async def test_of_ten_who_use_one_code_at_once_nobody_keeps_a_session(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person
) -> None:
    permit = await clinic.let_in(app_, pat)
    answers = await at_once([lambda: trade(client, permit)] * 10)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    (given,) = [answer.json() for answer in answers if answer.is_success]
    assert await me(client, given) == 401


async def test_who_is_logged_out_everywhere_lets_nobody_in_any_more(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    admin = dict((await clinic.staff(Role.ADMIN)).headers)
    permit, given = await clinic.let_in(app_, pat), (await trade(client, await clinic.let_in(app_, pat))).json()
    changed = {"current_password": PASSWORD, "new_password": "another sentence is better"}
    assert (await client.post("/auth/password", json=changed, headers=dict(pat.headers))).status_code == 204
    assert await me(client, given) == 401
    check(await trade(client, permit), "invalid_grant")
    permit = await clinic.let_in(app_, pat)
    await client.delete(f"/users/{pat.user_id}", headers=admin)
    check(await trade(client, permit), "invalid_grant")
    other = await clinic.patient()
    permit = await clinic.let_in(app_, other)
    await client.delete(f"/clients/{app_.id}", headers=admin)
    check(await trade(client, permit), "invalid_client", 401)
    await client.patch(f"/clients/{app_.id}", json={"is_active": True}, headers=admin)
    check(await trade(client, permit), "invalid_grant")


async def test_a_refresh_token_is_its_apps_alone(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, clock: FixedClock
) -> None:
    given, other = (await trade(client, await clinic.let_in(app_, pat))).json(), await clinic.app()
    old = given["refresh_token"]
    check(await refresh(client, other, old), "invalid_grant")
    assert (await client.post("/auth/refresh", json={"refresh_token": old})).status_code == 401
    login = await client.post("/auth/login", data={"username": pat.email, "password": PASSWORD})
    check(await refresh(client, app_, login.json()["refresh_token"]), "invalid_grant")
    check(await refresh(client, app_, ""), "invalid_request")
    check(await refresh(client, app_, old, scope="patients:read"), "invalid_scope")
    clock.advance(GRACE)  # and it is still the last one, not the one before it
    less = (await refresh(client, app_, old, scope="profile")).json()
    assert less["scope"] == "profile"
    again = (await refresh(client, app_, old)).json()
    assert (again["refresh_token"], again["scope"]) == (less["refresh_token"], "appointments:read profile")
    clock.advance(GRACE)
    check(await refresh(client, app_, old), "invalid_grant")
    check(await refresh(client, app_, less["refresh_token"]), "invalid_grant")
    assert await me(client, again) == 401
    assert (await client.get("/auth/me", headers=dict(pat.headers))).status_code == 200


async def test_an_app_gives_up_its_session_and_no_other(
    client: httpx.AsyncClient, clinic: Clinic, app_: OAuthClient, pat: Person, sqlite_database: object
) -> None:
    first, second, third = [(await trade(client, await clinic.let_in(app_, pat))).json() for _ in range(3)]
    other = await clinic.app()
    own = pat.headers["Authorization"].removeprefix("Bearer ")

    async def give_up(token: str, client_id: Any = app_.id, **more: str) -> None:
        answer = await client.post("/auth/revoke", data={"client_id": str(client_id), "token": token} | more)
        assert (answer.status_code, answer.json()) == (200, {})

    for token in (first["access_token"], first["refresh_token"]):
        await give_up(token, other.id)
    for token in (own, "guessed", first["refresh_token"][:-4] + "AAAA", "a.b.c"):
        await give_up(token)
    assert await me(client, first) == 200
    await give_up(first["access_token"])
    await give_up(second["refresh_token"], token_type_hint="access_token")
    renewed = (await refresh(client, app_, third["refresh_token"])).json()
    await give_up(third["refresh_token"])
    assert [await me(client, given) for given in (first, second, renewed)] == [401] * 3
    assert (await client.get("/auth/me", headers=dict(pat.headers))).status_code == 200
    check(await client.post("/auth/revoke", data={"client_id": str(uuid4()), "token": "x"}), "invalid_client", 401)
    check(await client.post("/auth/revoke", data={"client_id": str(app_.id)}), "invalid_request")


def test_the_challenge_is_the_one_of_the_standard() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert is_challenge(CHALLENGE)
    assert fits(VERIFIER, CHALLENGE)


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 43 + "\n", "ß" * 43], ids=repr)
def test_a_verifier_is_long_enough_to_be_unguessable(verifier: str) -> None:
    assert not fits(verifier, challenge_of(verifier))
