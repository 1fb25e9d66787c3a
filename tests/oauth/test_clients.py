"""Making apps and machines known: no secret is made, none is taken, and an address is one that is safe to go to."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from appointed.accounts.actor import Role
from appointed.accounts.scopes import Scope

from ..support.clock import FixedClock
from ..support.factories import Clinic
from ..test_bad_input import faults_of
from .machines import assertion, form, pair

APP = {"kind": "app", "name": "Pocket Calendar", "scopes": ["profile"], "redirect_uris": ["https://a.example/cb"]}
KEY = pair()
MACHINE = {"kind": "machine", "name": "Lab feed", "scopes": ["appointments:read"], "roles": ["nurse"],
           "jwks": {"keys": [KEY.jwk]}}  # fmt: skip


@pytest.fixture
async def admin(clinic: Clinic, sqlite_database: object) -> dict[str, str]:
    return dict((await clinic.staff(Role.ADMIN)).headers)


async def test_an_administrator_makes_a_machine_known_and_it_works(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    admin = dict((await clinic.staff(Role.ADMIN)).headers)
    extra = {"use": "sig", "alg": "EdDSA", "key_ops": ["verify"]}
    body = MACHINE | {"jwks": {"keys": [KEY.jwk | extra]}}
    made = await client.post("/clients", json=body, headers=admin)
    assert made.status_code == 201, made.text
    machine = made.json()
    assert machine["jwks"] == {"keys": [KEY.jwk]}
    user = (await client.get(f"/users/{machine['user_id']}", headers=admin)).json()
    assert (user["roles"], user["display_name"]) == (["nurse"], "Lab feed")
    shown = assertion(KEY, machine["id"], clock.now())
    given = await client.post("/auth/token", data=form(shown))
    headers = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert (await client.get("/appointments", headers=headers)).status_code == 200
    assert (await client.get(f"/clients/{machine['id']}", headers=admin)).json() == machine
    renamed = await client.patch(f"/clients/{machine['id']}", json={"name": "Lab"}, headers=admin)
    assert renamed.json() == machine | {"name": "Lab"}
    assert (await client.get("/appointments", headers=headers)).status_code == 200, "a new name ends nothing"


def private() -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": KEY.jwk["x"], "d": OKPAlgorithm.to_jwk(KEY.private, as_dict=True)["d"]}


def short() -> dict[str, Any]:
    public = rsa.generate_private_key(65_537, 2_048).public_key()
    return {name: text for name, text in RSAAlgorithm.to_jwk(public, as_dict=True).items() if name in ("kty", "n", "e")}


BAD_KEYS: dict[str, Any] = {
    "a private key": private(),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0"},
    "a short RSA key": short(),
    "a key of another curve": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
    "a point that is on no curve": {"kty": "EC", "crv": "P-256", "x": "AA" * 21 + "A", "y": "AA" * 21 + "A"},
    "half a key": {"kty": "OKP", "crv": "Ed25519"},
    "a short key": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    "no kind": {"crv": "Ed25519", "x": KEY.jwk["x"]},
    "a name with a blank": KEY.jwk | {"kid": "a b"},
    "no key": "x",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
async def test_what_is_no_public_key_is_refused(key: Any, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    answer = await client.post("/clients", json=MACHINE | {"jwks": {"keys": [key]}}, headers=admin)
    assert not faults_of(answer, 422, "invalid", "jwks")
    if isinstance(key, dict) and "d" in key:
        assert key["d"] not in answer.text


SAFE = ["https://app.example.org/cb", "https://app.example.org", "https://app.example.org:8443/cb?x=1&y=%20",
        "http://127.0.0.1:8123/cb", "com.example.app:/cb"]  # fmt: skip
UNSAFE = ["http://app.example.org/cb", "https://*.example.org/cb", "https://app.example.org/cb#x", "/cb", "cb", "",
          "//app.example.org/cb", "javascript:alert(1)", "data:text/html,x", "https://u:p@app.example.org/", "app:/cb",
          "https://app.example.org/c b", "https://APP.example.org/", "https://app.example.org/\\evil", "http://localhost",
          "https://app.example.org/\r\nX: y", "https://app.example.org/\n", "https://" + "a" * 300,
          "https://é.example/", "http://[::1]/cb", "http://127.0.0.1.evil.example/", "http://127.0.0.2/"]  # fmt: skip


async def test_an_app_lives_at_an_address_that_nobody_else_can_take(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for uri in SAFE:
        made = await client.post("/clients", json=APP | {"redirect_uris": [uri]}, headers=admin)
        assert made.status_code == 201, uri
    for uri in UNSAFE:
        answer = await client.post("/clients", json=APP | {"redirect_uris": [SAFE[0], uri]}, headers=admin)
        assert not faults_of(answer, 422, "invalid", "redirect_uris"), uri


NO_APPS: list[dict[str, Any]] = [
    {"redirect_uris": []}, {"jwks": {"keys": [KEY.jwk]}}, {"roles": ["nurse"]}, {"kind": "spa"}, {"scopes": []},
    {"scopes": ["users:manage"]}, {"scopes": "profile"}, {"name": " "}, {"name": "x" * 41}, {"name": "a\0b"},
    {"client_secret": "x"},
]  # fmt: skip
NO_MACHINES: list[dict[str, Any]] = [
    {"redirect_uris": SAFE}, {"jwks": {"keys": []}}, {"jwks": None}, {"roles": []}, {"roles": ["admin"]},
    {"roles": ["patient"]}, {"roles": ["doctor", "nurse"]},
]  # fmt: skip


async def test_an_app_is_no_machine_and_a_machine_no_app(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    for body in [*(APP | each for each in NO_APPS), *(MACHINE | each for each in NO_MACHINES)]:
        assert (await client.post("/clients", json=body, headers=admin)).status_code == 422, body
    assert (await client.get("/clients", headers=admin)).json()["items"] == []


async def test_neither_becomes_the_other_by_being_changed(
    client: httpx.AsyncClient, clinic: Clinic, admin: dict[str, str]
) -> None:
    app_, machine = await clinic.app(), await clinic.machine([KEY.jwk], Scope.PROFILE)
    for client_id, body, field in (
        (app_.id, {"jwks": {"keys": [KEY.jwk]}}, "jwks"),
        (app_.id, {"redirect_uris": []}, "redirect_uris"),
        (machine.id, {"redirect_uris": SAFE}, "redirect_uris"),
        (machine.id, {"jwks": {"keys": []}}, "jwks"),
        (machine.id, {"jwks": None}, "jwks"),
        (machine.id, {"scopes": []}, "scopes"),
    ):
        answer = await client.patch(f"/clients/{client_id}", json=body, headers=admin)
        assert not faults_of(answer, 422, "invalid", field), body
    moved = await client.patch(f"/clients/{app_.id}", json={"redirect_uris": SAFE}, headers=admin)
    assert moved.json()["redirect_uris"] == SAFE
