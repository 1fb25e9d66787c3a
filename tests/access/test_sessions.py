"""Whose token is good: refused at once when its session, its user or its user's roles have gone."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appointed import accounts, doctors
from appointed.accounts.actor import Role
from appointed.accounts.refresh import GRACE
from appointed.app import create_app
from appointed.core.db import transaction
from appointed.core.settings import Settings

from ..support.app import client_of
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person

Ending = Callable[[Clinic, httpx.AsyncClient, Person, Person], Awaitable[Any]]
# One route that asks for a login, and one that takes a request without.
NEEDED, OPTIONAL = "/auth/me", "/slots?doctor_id=00000000-0000-7000-8000-000000000000&from=2031-03-03&to=2031-03-04"


async def logged_out(_clinic: Clinic, client: httpx.AsyncClient, who: Person, _admin: Person) -> None:
    assert (await client.post("/auth/logout", headers=who.headers)).status_code == 204


async def disabled(_clinic: Clinic, client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    assert (await client.delete(f"/users/{who.user_id}", headers=admin.headers)).status_code == 204


async def promoted(_clinic: Clinic, client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    more = {"roles": ["nurse", "auditor"]}
    assert (await client.patch(f"/users/{who.user_id}", json=more, headers=admin.headers)).status_code == 200


async def moved(_clinic: Clinic, client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    other = {"roles": ["receptionist"]}
    assert (await client.patch(f"/users/{who.user_id}", json=other, headers=admin.headers)).status_code == 200


async def given_a_password(clinic: Clinic, _client: httpx.AsyncClient, who: Person, admin: Person) -> None:
    async with transaction(clinic.database.writes) as session:
        await accounts.set_password(session, who.user_id, "1:x", by=admin.user_id, now=clinic.clock.now())


ENDINGS = [logged_out, disabled, promoted, moved, given_a_password]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_the_old_token_is_refused_at_once(ending: Ending, client: httpx.AsyncClient, clinic: Clinic) -> None:
    who, admin = await clinic.staff(Role.NURSE), await clinic.staff(Role.ADMIN)
    assert (await client.get(NEEDED, headers=who.headers)).status_code == 200
    await ending(clinic, client, who, admin)
    check_refused(await client.get(NEEDED, headers=who.headers))
    check_refused(await client.get(OPTIONAL, headers=who.headers))


async def test_every_process_refuses_the_token_that_another_one_ended(
    client: httpx.AsyncClient, clinic: Clinic, settings: Settings, clock: FixedClock
) -> None:
    elsewhere, admin = create_app(settings, clock=clock), await clinic.staff(Role.ADMIN)
    async with client_of(elsewhere) as other:
        for ending in ENDINGS:
            who = await clinic.staff(Role.NURSE)
            login = await other.post("/auth/login", data={"username": who.email, "password": PASSWORD})
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            assert (await other.get(NEEDED, headers=headers)).status_code == 200
            await ending(clinic, client, replace(who, headers=headers), admin)
            check_refused(await other.get(NEEDED, headers=headers), ending.__name__)
            refreshed = await other.post("/auth/refresh", json={"refresh_token": login.json()["refresh_token"]})
            assert refreshed.status_code == 401
    await elsewhere.state.appointed.database.dispose()


async def test_who_is_deactivated_is_out_at_once(client: httpx.AsyncClient, clinic: Clinic) -> None:
    admin, doctor, patient = await clinic.staff(Role.ADMIN), await clinic.doctor(), await clinic.patient()
    await client.delete(f"/patients/{patient.id}", headers=admin.headers)
    await client.delete(f"/doctors/{doctor.id}", headers=admin.headers)
    for who in (patient, doctor):
        check_refused(await client.get(NEEDED, headers=who.headers))
        login = await client.post("/auth/login", data={"username": who.email, "password": PASSWORD})
        assert (login.status_code, login.json()["code"]) == (401, "invalid_credentials")


async def test_whoever_has_another_role_keeps_that_one(client: httpx.AsyncClient, clinic: Clinic) -> None:
    admin, doctor = await clinic.staff(Role.ADMIN), await clinic.doctor(hours=False)
    async with transaction(clinic.database.writes) as session:
        both = [Role.DOCTOR, Role.NURSE]
        await accounts.change(session, doctor.user_id, roles=both, by=admin.user_id, now=clinic.clock.now())
    async with transaction(clinic.database.writes) as session:
        row = await doctors.get(session, doctor.profile_id)
        await doctors.deactivate(session, admin.actor, row, clinic.clock.now())
    token = (await client.post("/auth/login", data={"username": doctor.email, "password": PASSWORD})).json()
    me = await client.get(NEEDED, headers={"Authorization": f"Bearer {token['access_token']}"})
    assert me.json()["roles"] == ["nurse"]


async def test_an_access_token_ends_with_its_time(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: object
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    clock.advance(timedelta(minutes=15, microseconds=-1))
    assert (await client.get(NEEDED, headers=nurse.headers)).status_code == 200
    clock.advance(timedelta(microseconds=1))
    check_refused(await client.get(NEEDED, headers=nurse.headers))


async def test_a_refresh_token_works_once_and_never_in_place_of_an_access_token(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    pair = (await client.post("/auth/login", data={"username": nurse.email, "password": PASSWORD})).json()
    check_refused(await client.get(NEEDED, headers={"Authorization": f"Bearer {pair['refresh_token']}"}))
    once = await client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    clock.advance(GRACE)
    again = await client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert (once.status_code, again.status_code, again.json()["code"]) == (200, 401, "invalid_token")
    wrong_way_round = await client.post("/auth/refresh", json={"refresh_token": once.json()["access_token"]})
    assert wrong_way_round.status_code in (401, 422)


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(clinic: Clinic, who: Person, settings: Settings) -> dict[str, str]:
    """Tokens that are no access token of ours, by what is wrong with them."""
    current, now = clinic.tokens.keys.current, clinic.clock.now()
    key = current.signing
    good = {"sub": str(who.user_id), "sid": str(who.actor.session_id), "typ": "access", "iss": settings.issuer,
            "aud": "appointed", "iat": now, "exp": now + timedelta(minutes=15)}  # fmt: skip
    named = {"kid": current.key_id}
    ours = partial(jwt.encode, key=key, headers=named)
    plain = good | {"iat": int(now.timestamp()), "exp": int(now.timestamp()) + 900}
    assert clinic.tokens.read(ours(good), now)
    attacker = ed25519.Ed25519PrivateKey.generate()
    wrong = {
        "no algorithm": jwt.encode(good, "", algorithm="none"),
        "no signature": f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment(plain)}.",
        "algorithm none in other letters": f"{segment({'alg': 'nOnE'})}.{segment(plain)}.",
        "signed by the secret itself": jwt.encode(good, settings.secret_key.get_secret_value(), headers=named),
        "another algorithm": jwt.encode(good, key * 2, algorithm="HS512", headers=named),
        "no key named": jwt.encode(good, key),
        "an unknown key named": jwt.encode(good, key, headers={"kid": "another"}),
        "a path for a key": jwt.encode(good, bytes(32), headers={"kid": "../../../../dev/zero"}),
        "a key that it brings": jwt.encode(good, attacker, "EdDSA", headers=named | {"jwk": {"kty": "OKP"}}),
        "a place where its key is": jwt.encode(good, key, headers=named | {"jku": "https://example.org/jwks.json"}),
        "a certificate that is elsewhere": jwt.encode(good, key, headers=named | {"x5u": "https://example.org/x"}),
        "deep": f"{segment(b'[' * 30_000)}.{segment(plain)}.AA",
        "a key of another kind": jwt.encode(good, attacker, algorithm="EdDSA", headers=named),
        "truncated": ours(good)[:-6],
        "header is no object": f"{segment([])}.{segment(plain)}.AA",
        "critical extension": jwt.encode(good, key, headers=named | {"crit": ["b64"], "b64": False}),
    }
    claims: dict[str, dict[str, Any]] = {
        "refresh": {"typ": "refresh"}, "no type": {"typ": None}, "other issuer": {"iss": "elsewhere"},
        "other audience": {"aud": "elsewhere"}, "nobody": {"sub": str(uuid4())}, "no uuid": {"sub": "1"},
        "no session": {"sid": str(uuid4())}, "session is a number": {"sid": 7}, "sub is a list": {"sub": []},
        "not yet good": {"nbf": now + timedelta(seconds=1)},
        "expired": {"exp": now}, "expiry is a text": {"exp": "soon"}, "expiry is a list": {"exp": [1]},
        "an app without scopes": {"client_id": str(uuid4())}, "an app that is none": {"client_id": 7, "scope": ""},
        "an app's, of a session of one's own": {"client_id": str(uuid4()), "scope": "profile"},
        "scopes that are no text": {"client_id": str(uuid4()), "scope": ["profile"]},
    }  # fmt: skip
    return wrong | {name: encoded(good | changed, key, named) for name, changed in claims.items()} | {
        f"without {name}": encoded({k: v for k, v in good.items() if k != name}, key, named) for name in good
    }  # fmt: skip


def encoded(claims: dict[str, Any], key: bytes, headers: dict[str, Any]) -> str:
    """Signed as ours are, whatever the claims hold."""
    plain = {name: int(value.timestamp()) if hasattr(value, "timestamp") else value for name, value in claims.items()}
    return jwt.PyJWS().encode(json.dumps(plain).encode(), key, headers=headers)


async def test_no_other_token_is_good(
    client: httpx.AsyncClient, clinic: Clinic, settings: Settings, sqlite_database: object
) -> None:
    nurse, other = await clinic.staff(Role.NURSE), await clinic.staff(Role.ADMIN)
    tokens = forged(clinic, nurse, settings)
    tokens["somebody else's session"] = clinic.tokens.issue(nurse.user_id, other.actor.session_id, clinic.clock.now())
    for name, token in tokens.items():
        for path in (NEEDED, OPTIONAL):
            check_refused(await client.get(path, headers={"Authorization": f"Bearer {token}"}), name)


@pytest.mark.parametrize(
    "header",
    [b"Bearer \xff\xfe", b"Bearer a.b.c", b"Bearer ..", b"Bearer x", b"Bearer " + b"a" * 60_000, b"Bearer a b",
     "Bearer ключ".encode(), b"Bearer %00", b"bearer x"],
    ids=lambda header: repr(header[:20]),
)  # fmt: skip
async def test_garbage_is_no_token(header: bytes, client: httpx.AsyncClient, sqlite_database: object) -> None:
    for path in (NEEDED, OPTIONAL):
        check_refused(await client.get(path, headers={b"Authorization": header}))


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Token x", "Digest username=a"])
async def test_another_scheme_is_no_login(header: str, client: httpx.AsyncClient, sqlite_database: object) -> None:
    answer = await client.get(NEEDED, headers={"Authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] in ("unauthenticated", "invalid_token")


async def test_the_scheme_is_read_in_any_letters(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    token = nurse.headers["Authorization"].removeprefix("Bearer ")
    assert (await client.get(NEEDED, headers={"Authorization": f"bEARER {token}"})).status_code == 200


def check_refused(answer: httpx.Response, name: str = "") -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), name
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
