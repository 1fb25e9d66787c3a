"""What others find out by themselves: where tokens come from, and which keys verify them."""

import re
from pathlib import Path

import httpx
import jwt
import pytest
from fastapi import FastAPI

from appointed.accounts.actor import Role
from appointed.accounts.scopes import Scope
from appointed.accounts.tokens import AUDIENCE
from appointed.app import create_app
from appointed.core.settings import Settings
from appointed.core.signing import new_pem

from ..access.routes import routes_of
from ..support.app import client_of
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic
from ..support.fixtures import settings_of

METADATA, JWKS = "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"


async def test_the_description_names_routes_that_there_are(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings, sqlite_database: object
) -> None:
    said = (await client.get(METADATA)).json()
    assert said["issuer"] == settings.issuer
    posted = {route.removeprefix("POST ") for route in routes_of(app) if route.startswith("POST ")}
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        assert said[name].removeprefix(said["issuer"]) in posted
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert "jwks_uri" not in said


async def test_a_key_that_is_secret_as_a_whole_is_not_published(
    client: httpx.AsyncClient, sqlite_database: object
) -> None:
    answer = await client.get(JWKS)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.fixture
async def signing(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of the same clinic, where tokens are signed by a key of its own and another one signed before."""
    files = [tmp_path / name for name in ("token.pem", "older.pem")]
    for file in files:
        file.write_text(new_pem())
    return settings_of(tmp_path, database_url=settings.database_url, token_algorithm="EdDSA", token_key_file=files[0],
                       old_token_keys_file=files[1])  # fmt: skip


async def test_others_verify_tokens_by_the_published_keys(
    signing: Settings, clinic: Clinic, clock: FixedClock, sqlite_database: object
) -> None:
    app, nurse = create_app(signing, clock=clock, hint=lambda _ids: None), await clinic.staff(Role.NURSE)
    async with client_of(app) as client:
        login = await client.post("/auth/login", data={"username": nurse.email, "password": PASSWORD})
        token = login.json()["access_token"]
        assert (await client.get(METADATA)).json()["jwks_uri"] == f"{signing.issuer}{JWKS}"
        published = (await client.get(JWKS)).json()
        (key,) = [each for each in published["keys"] if each["kid"] == jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, jwt.PyJWK(key), ["EdDSA"], audience=AUDIENCE, issuer=signing.issuer,
                            options={"verify_exp": False, "verify_iat": False})  # fmt: skip
        assert claims["sub"] == str(nurse.user_id)
        assert len(published["keys"]) == 2
        assert not {"d", "k"} & {name for each in published["keys"] for name in each}
        me = [await client.get("/auth/me", headers={"Authorization": f"Bearer {each}"})
              for each in (token, nurse.headers["Authorization"].removeprefix("Bearer "))]  # fmt: skip
        assert [answer.status_code for answer in me] == [200, 401], "one signed by the secret is no longer good"
    await app.state.appointed.database.dispose()


def test_the_readme_names_every_scope() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    told = readme.partition("its scopes name:")[2].partition("(")[0]
    assert set(re.findall(r"`([a-z:]+)`", told)) == set(Scope)
