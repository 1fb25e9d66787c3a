"""Machines: who proves by its key who it is gets a token, once for each proof, for what its scopes name."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from appointed.accounts.actor import Role
from appointed.accounts.client_models import OAuthClient
from appointed.accounts.models import LoginSession
from appointed.accounts.scopes import Scope
from appointed.app import create_app
from appointed.audit.models import AuditEvent
from appointed.core.db import transaction
from appointed.core.settings import SecondFactor, Settings
from appointed.oauth import service

from ..support.app import client_of
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic
from ..support.racing import at_once
from .machines import ISSUER, assertion, form, pair

KEYS = {algorithm: pair(algorithm) for algorithm in ("EdDSA", "ES256", "RS256")}
KEY = KEYS["EdDSA"]


@pytest.fixture
async def machine(clinic: Clinic) -> OAuthClient:
    return await clinic.machine([KEY.jwk], Scope.APPOINTMENTS_READ, Scope.PROFILE)


async def ask(client: httpx.AsyncClient, shown: str, **more: str) -> httpx.Response:
    return await client.post("/auth/token", data=form(shown, **more))


def check(answer: httpx.Response, status: int, error: str) -> None:
    """RFC 6749 section 5.2."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"].isascii()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_machine_shows_who_it_is_and_gets_a_token(
    algorithm: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    others = [pair(algorithm, "older").jwk, KEYS["EdDSA"].jwk | {"kid": "another"}]
    machine = await clinic.machine([*others, KEYS[algorithm].jwk], Scope.APPOINTMENTS_READ, Scope.PROFILE)
    answer = await ask(client, assertion(KEYS[algorithm], machine.id, clinic.clock.now()))
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("bearer", 900, "appointments:read profile")
    assert answer.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await client.get("/auth/me", headers=headers)).json()["id"] == str(machine.user_id)
    object.__setattr__(clinic.settings, "require_second_factor", SecondFactor.ALL)
    assert (await client.get("/appointments", headers=headers)).status_code == 200, "its key is no password"
    assert (await client.get("/patients", headers=headers)).status_code == 403


async def test_what_it_does_is_done_by_its_own_user_and_names_it(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient
) -> None:
    given = (await ask(client, assertion(KEY, machine.id, clinic.clock.now()))).json()
    read = await client.get("/appointments", headers={"Authorization": f"Bearer {given['access_token']}"})
    refused = await client.get("/patients", headers={"Authorization": f"Bearer {given['access_token']}"})
    async with clinic.database.reads() as session:
        for answer, action in ((read, "appointment.find"), (refused, "GET /patients")):
            row = await session.scalar(
                select(AuditEvent).where(AuditEvent.request_id == answer.headers["x-request-id"])
            )
            assert row is not None
            assert (row.action, row.actor_id, row.detail["client_id"]) == (action, machine.user_id, str(machine.id))


async def test_it_may_ask_for_less(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    now = clinic.clock.now()
    less = await ask(client, assertion(KEY, machine.id, now), scope="profile")
    assert less.json()["scope"] == "profile"
    headers = {"Authorization": f"Bearer {less.json()['access_token']}"}
    assert (await client.get("/appointments", headers=headers)).status_code == 403
    for more in ("patients:read", "profile patients:read", "users:manage", "*"):
        check(await ask(client, assertion(KEY, machine.id, now), scope=more), 400, "invalid_scope")


async def test_its_token_lasts_a_quarter_of_an_hour_and_nothing_renews_it(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, clock: FixedClock, sqlite_database: object
) -> None:
    given = (await ask(client, assertion(KEY, machine.id, clock.now()))).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    clock.advance(timedelta(minutes=15, microseconds=-1))
    assert (await client.get("/auth/me", headers=headers)).status_code == 200
    clock.advance(timedelta(microseconds=1))
    assert (await client.get("/auth/me", headers=headers)).status_code == 401


async def test_a_machine_is_not_the_last_administrator(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    admin, other = [await clinic.staff(Role.ADMIN) for _ in range(2)]
    others = [user for user in (await client.get("/users?role=admin", headers=dict(admin.headers))).json()["items"]
              if user["id"] != str(admin.user_id)]  # fmt: skip
    roles = await client.patch(f"/users/{machine.user_id}", json={"roles": ["admin"]}, headers=dict(admin.headers))
    assert roles.status_code == 200
    assert str(other.user_id) in [user["id"] for user in others]
    for user in others:
        assert (await client.delete(f"/users/{user['id']}", headers=dict(admin.headers))).status_code == 204
    last = await client.delete(f"/users/{admin.user_id}", headers=dict(admin.headers))
    assert last.json()["code"] == "last_administrator"


async def test_nobody_logs_in_as_a_machine(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    for password in (PASSWORD, "none", ""):
        login = {"username": f"{machine.id}@machines.invalid", "password": password or "x"}
        assert (await client.post("/auth/login", data=login)).status_code == 401


SECOND = timedelta(seconds=1)
REFUSED: dict[str, dict[str, Any]] = {
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a long jti": {"jti": "x" * 201},
    "a jti that is no text": {"jti": 7},
    "no end": {"exp": None},
    "an end that is no time": {"exp": "soon"},
    "an end beyond all time": {"exp": 1e300},
    "an end that is no number": {"exp": float("nan")},
    "an end too far away": {"ends": timedelta(minutes=5, seconds=31)},
    "ended": {"ends": timedelta(0)},
    "not yet begun": {"nbf": 1_930_000_000 + 31},
    "made in the future": {"iat": 1_930_000_000 + 31},
    "another subject": {"sub": str(uuid4())},
    "no subject": {"sub": None},
    "another issuer": {"iss": str(uuid4())},
    "an issuer that is none": {"iss": "x"},
    "a list of issuers": {"iss": []},
    "no issuer": {"iss": None},
    "for somebody else": {"aud": "https://example.org"},
    "for somebody else too": {"aud": [ISSUER, "https://example.org"]},
    "for nobody": {"aud": []},
    "for whoever": {"aud": None},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
async def test_what_is_wrong_with_an_assertion_is_found(
    changes: dict[str, Any], client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, clock: FixedClock,
    sqlite_database: object,
) -> None:  # fmt: skip
    now, changes = clock.now(), dict(changes)
    if (ends := changes.pop("ends", None)) is not None:
        changes["exp"] = int((now + ends).timestamp())
    for name in ("nbf", "iat"):
        if name in changes:
            changes[name] += int(now.timestamp()) - 1_930_000_000
    check(await ask(client, assertion(KEY, machine.id, now, **changes)), 401, "invalid_client")


async def test_what_is_signed_by_another_key_or_in_another_way_is_no_proof(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    named = KEY.jwk | {"kid": "mine"}
    machine, now = await clinic.machine([named], Scope.PROFILE), clinic.clock.now()
    stranger, other = pair(), await clinic.machine([pair().jwk], Scope.PROFILE)
    app = await clinic.app()
    claims = jwt.decode(assertion(KEY, machine.id, now), options={"verify_signature": False})
    shown = {
        "another key": assertion(stranger, machine.id, now),
        "another key by the name": assertion(stranger, machine.id, now, {"kid": "mine"}),
        "by another name": assertion(KEY, machine.id, now, {"kid": "yours"}),
        "a key that it brings": assertion(stranger, machine.id, now, {"jwk": stranger.jwk}),
        "a place where the key is": assertion(stranger, machine.id, now, {"jku": "https://example.org/jwks"}),
        "no signature": jwt.encode(claims, "", "none"),
        "the public key as a secret": jwt.encode(claims, KEY.jwk["x"], "HS256"),
        "another machine's key": assertion(KEY, other.id, now),
        "an app": assertion(KEY, app.id, now),
        "nobody": assertion(KEY, uuid4(), now),
        "nothing": "x",
        "not ASCII": "é.é.é",
    }
    for algorithm in ("ES256", "RS256"):
        shown[algorithm] = assertion(KEYS[algorithm], machine.id, now)
    for name, text in shown.items():
        answer = await ask(client, text)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), name
    unnamed = await clinic.machine([KEY.jwk], Scope.PROFILE)
    for who in (machine, unnamed):
        assert (await ask(client, assertion(KEY, who.id, now, {"kid": "mine"}))).status_code == 200
    missing = [{"grant_type": "client_credentials"}, {"grant_type": "client_credentials", "client_id": str(machine.id)}]
    missing.append(form(assertion(KEY, machine.id, now)) | {"client_assertion_type": "password"})
    missing.append({"grant_type": "client_credentials", "client_id": str(machine.id), "client_secret": "x"})
    missing.append(form(assertion(KEY, machine.id, now), client_id=str(other.id)))
    for sent in missing:
        check(await client.post("/auth/token", data=sent), 401, "invalid_client")


async def test_of_twenty_who_use_one_assertion_at_once_one_gets_a_token(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient
) -> None:
    shown = assertion(KEY, machine.id, clinic.clock.now())
    answers = await at_once([lambda: ask(client, shown)] * 20)
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    async with clinic.database.reads() as session:
        mine = LoginSession.client_id == machine.id
        assert await session.scalar(select(func.count()).select_from(LoginSession).where(mine)) == 1
        replays = (AuditEvent.entity_id == machine.id, AuditEvent.outcome == "invalid_client")
        assert await session.scalar(select(func.count()).select_from(AuditEvent).where(*replays)) == 19


async def test_the_same_jti_is_another_machines_too(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    other, now = await clinic.machine([KEY.jwk], Scope.PROFILE), clinic.clock.now()
    for who in (machine, other):
        assert (await ask(client, assertion(KEY, who.id, now, jti="1"))).status_code == 200
        check(await ask(client, assertion(KEY, who.id, now, jti="1")), 401, "invalid_client")


async def ended_by_its_id(client: httpx.AsyncClient, machine: OAuthClient, headers: dict[str, str]) -> httpx.Response:
    return await client.delete(f"/clients/{machine.id}", headers=headers)


async def ended_for_a_while(client: httpx.AsyncClient, machine: OAuthClient, headers: dict[str, str]) -> httpx.Response:
    return await client.patch(f"/clients/{machine.id}", json={"is_active": False}, headers=headers)


async def given_less(client: httpx.AsyncClient, machine: OAuthClient, headers: dict[str, str]) -> httpx.Response:
    return await client.patch(f"/clients/{machine.id}", json={"scopes": ["clinic:read"]}, headers=headers)


async def given_keys(client: httpx.AsyncClient, machine: OAuthClient, headers: dict[str, str]) -> httpx.Response:
    return await client.patch(f"/clients/{machine.id}", json={"jwks": {"keys": [pair().jwk]}}, headers=headers)


async def user_disabled(client: httpx.AsyncClient, machine: OAuthClient, headers: dict[str, str]) -> httpx.Response:
    return await client.delete(f"/users/{machine.user_id}", headers=headers)


async def test_every_process_turns_it_out_at_once(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, settings: Settings, clock: FixedClock
) -> None:
    """Two applications on one database, and no time passes between them."""
    elsewhere, admin = create_app(settings, clock=clock), dict((await clinic.staff(Role.ADMIN)).headers)
    async with client_of(elsewhere) as other:
        for ending in (ended_by_its_id, ended_for_a_while, given_less, given_keys, user_disabled):
            machine = await clinic.machine([KEY.jwk], Scope.PROFILE)
            given = (await ask(other, assertion(KEY, machine.id, clock.now()))).json()
            headers = {"Authorization": f"Bearer {given['access_token']}"}
            assert (await other.get("/auth/me", headers=headers)).status_code == 200
            assert (await ending(client, machine, admin)).is_success
            assert (await other.get("/auth/me", headers=headers)).status_code == 401, ending.__name__
            if ending is ended_for_a_while:
                check(await ask(other, assertion(KEY, machine.id, clock.now())), 401, "invalid_client")
                back = await client.patch(f"/clients/{machine.id}", json={"is_active": True}, headers=admin)
                assert back.json()["is_active"]
                assert (await other.get("/auth/me", headers=headers)).status_code == 401
                assert (await ask(other, assertion(KEY, machine.id, clock.now()))).status_code == 200
    await elsewhere.state.appointed.database.dispose()


async def test_a_session_that_was_opened_while_it_was_turned_out_is_of_no_use(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    """The session is asked whether its machine is let in, not only whether somebody has ended it."""
    given = (await ask(client, assertion(KEY, machine.id, clinic.clock.now()))).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    async with transaction(clinic.database.writes) as session:
        await session.execute(update(OAuthClient).where(OAuthClient.id == machine.id).values(is_active=False))
    assert (await client.get("/auth/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("ending", [given_keys, ended_for_a_while])
async def test_what_was_shown_before_a_change_and_is_used_after_it_is_no_proof(
    ending: Any, client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    now, admin = clinic.clock.now(), dict((await clinic.staff(Role.ADMIN)).headers)
    desk = service.Desk(clinic.database, clinic.tokens, clinic.clock, {ISSUER})
    shown = [await service.shown_by(desk, assertion(KEY, machine.id, now, aud=ISSUER)) for _ in range(2)]
    async with transaction(clinic.database.writes) as session:
        assert await service.use(session, shown[0], now)
    assert (await ending(client, machine, admin)).is_success
    async with transaction(clinic.database.writes) as session:
        assert await service.use(session, shown[1], now) is None


async def test_a_machine_gives_its_token_up(
    client: httpx.AsyncClient, clinic: Clinic, machine: OAuthClient, sqlite_database: object
) -> None:
    now = clinic.clock.now()
    tokens = [(await ask(client, assertion(KEY, machine.id, now))).json()["access_token"] for _ in range(2)]
    proof = form(assertion(KEY, machine.id, now), token=tokens[0])
    assert (await client.post("/auth/revoke", data=proof)).json() == {}
    check(await client.post("/auth/revoke", data=proof), 401, "invalid_client")
    check(await client.post("/auth/revoke", data={"client_id": str(machine.id), "token": tokens[1]}), 401,
          "invalid_client")  # fmt: skip
    statuses = [(await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code
                for token in tokens]  # fmt: skip
    assert statuses == [401, 200]
