"""Whoever asks too often is told how long to wait; nobody else notices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio as redis
from fastapi import FastAPI
from pydantic import ValidationError

from appointed.accounts.actor import Role
from appointed.accounts.scopes import Scope
from appointed.core.ids import new_id
from appointed.core.limits import Limiter
from appointed.core.settings import Settings
from appointed.middleware.limits import kind_of

from ..support.factories import PASSWORD, Clinic
from ..support.fixtures import settings_of
from ..support.server import free_port
from ..test_bad_input import faults_of

# So that no window ends while a test runs.
NOW = 1_000_020.0
HERE, THERE = "198.51.100.7", "203.0.113.9"
WRONG = {"username": "nobody@example.org", "password": "not the password"}


def at_most(app: FastAPI, settings: Settings, redis_url: str | None = None, **limits: str) -> None:
    """Let the running application have these limits."""
    changed = settings_of(settings.var_dir, database_url=settings.database_url, **limits)
    app.state.appointed = replace(app.state.appointed, settings=changed, limiter=Limiter(redis_url, lambda: NOW))


def at(app: FastAPI, address: str, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://appointed.test", headers=headers)


async def statuses(client: httpx.AsyncClient, count: int, path: str = "/doctors", **more: Any) -> list[int]:
    method = "POST" if more else "GET"
    return [(await client.request(method, path, **more)).status_code for _ in range(count)]


async def test_guessing_passwords_is_slowed_down_for_one_address(
    app: FastAPI, settings: Settings, clinic: Clinic, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit_login="3/minute")
    somebody = await clinic.patient()
    right = {"username": somebody.email, "password": PASSWORD}
    async with at(app, HERE) as here, at(app, THERE) as there:
        assert await statuses(here, 3, "/auth/login", data=WRONG) == [401] * 3
        refused = await here.post("/auth/login", data=right)
        assert not faults_of(refused, 429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert refused.headers["x-frame-options"] == "DENY"
        assert await statuses(here, 1) == [200]
        assert await statuses(there, 1, "/auth/login", data=right) == [200]


async def test_an_invented_address_does_not_help(app: FastAPI, settings: Settings, sqlite_database: object) -> None:
    at_most(app, settings, rate_limit="3/minute")
    async with at(app, HERE) as client:
        said = [{"x-forwarded-for": f"192.0.2.{n}", "forwarded": f"for=192.0.2.{n}"} for n in range(5)]
        answers = [await client.get("/doctors", headers=headers) for headers in said]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2


async def test_behind_a_trusted_proxy_everybody_counts_for_themselves(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit="3/minute", trusted_proxies="10.0.0.0/8")
    async with at(app, "10.0.0.1") as proxy:
        for client in (HERE, THERE):
            answers = [await proxy.get("/doctors", headers={"x-forwarded-for": f"192.0.2.{n}, {client}"})
                       for n in range(4)]  # fmt: skip
            assert [answer.status_code for answer in answers] == [200] * 3 + [429]


async def test_one_network_of_the_new_internet_counts_as_one_address(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit="3/minute")
    got = []
    for address in ("2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::1", "2001:db8:1:2::9", "2001:db8:1:3::1"):
        async with at(app, address) as client:
            got += await statuses(client, 1)
    assert got == [200, 200, 200, 429, 200]


async def test_people_behind_one_address_count_for_themselves_once_they_are_logged_in(
    app: FastAPI, settings: Settings, clinic: Clinic, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit="3/minute")
    for _ in range(2):
        somebody = await clinic.patient()
        async with at(app, HERE, **somebody.headers) as first, at(app, THERE, **somebody.headers) as second:
            assert await statuses(first, 2, "/patients/me") == [200, 200]
            assert await statuses(second, 2, "/patients/me") == [200, 429]
    async with at(app, HERE, Authorization="Bearer no.token.of.ours") as client:
        assert await statuses(client, 4, "/patients/me") == [401] * 3 + [429]


async def test_accounts_are_not_made_by_the_hundred_except_by_the_desk(
    app: FastAPI, settings: Settings, clinic: Clinic, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit_registration="2/hour")
    desk = await clinic.staff(Role.RECEPTIONIST)
    names = {"first_name": "Sam", "last_name": "Sample", "birth_date": "1990-01-01"}
    async with at(app, HERE) as public, at(app, HERE, **desk.headers) as known:
        got = await statuses(public, 3, "/patients/new-patient", json=names)
        assert got == [422, 422, 429]
        assert await statuses(known, 4, "/patients/new-patient", json=names) == [201] * 4


async def test_who_has_an_account_registers_no_more_than_who_has_none(
    app: FastAPI, settings: Settings, clinic: Clinic, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit_registration="2/hour")
    patient, receptionist = await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    by_app = await clinic.by_app(receptionist, Scope.PROFILE)
    for headers in (patient.headers, by_app):
        async with at(app, HERE, **headers) as known:
            people = [{"first_name": "Sam", "last_name": "Sample", "email": f"{new_id()}@example.org",
                       "password": PASSWORD} for _ in range(3)]  # fmt: skip
            got = [(await statuses(known, 1, "/patients/new-patient", json=each))[0] for each in people]
            assert got == [201, 201, 429]


async def test_whoever_looks_after_the_server_is_never_refused(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    at_most(app, settings, rate_limit="1/minute")
    async with at(app, HERE) as client:
        assert await statuses(client, 2) == [200, 429]
        assert await statuses(client, 5, "/health/ready") == [200] * 5


@pytest.mark.parametrize(("route", "is_known", "kind"), [
    ("POST /auth/login", False, "login"), ("POST /auth/login", True, "login"), ("POST /auth/refresh", False, "refresh"),
    ("POST /auth/logout", True, None), ("GET /auth/me", True, None), ("POST /auth/password", True, "password"),
    ("POST /auth/login/second-factor", False, "password"), ("DELETE /auth/totp", True, "password"),
    ("DELETE /auth/passkeys/{passkey_id}", True, "password"), ("GET /auth/factors", True, None),
    ("POST /auth/token", False, "refresh"), ("POST /auth/revoke", False, "refresh"),
    ("POST /auth/authorize", True, "password"), ("GET /.well-known/jwks.json", False, None),
    ("POST /auth/password/reset", False, "password"), ("POST /patients/join", False, "registration"),
    ("POST /patients/new-patient", False, "registration"), ("POST /patients/new-patient", True, None),
    ("GET /patients", True, None), ("POST /appointments", True, None),
])  # fmt: skip
def test_what_is_asked_decides_about_the_limit(route: str, is_known: bool, kind: str | None) -> None:
    assert kind_of(route, is_known=is_known) == kind


@pytest.mark.parametrize("text", ["", "often", "0/minute", "10", "-1/minute", "10/fortnight"])
def test_what_is_no_limit_is_refused_at_start(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"is no limit|lets nobody in"):
        settings_of(tmp_path, rate_limit_login=text)


async def test_where_it_is_counted_can_be_seen_and_a_lost_redis_refuses_nobody(
    app: FastAPI, settings: Settings, redis_url: str, sqlite_database: object
) -> None:
    for url, where in ((None, "alone"), (redis_url, "shared"), (f"redis://127.0.0.1:{free_port()}", "fallback")):
        at_most(app, settings, url, rate_limit="3/minute")
        async with at(app, HERE) as client:
            assert await statuses(client, 4) == [200] * 3 + [429]
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["status"], ready.json()["rate_limits"]) == (200, "ok", where)
        await app.state.appointed.limiter.close()


async def test_redis_does_not_learn_who_asks(
    app: FastAPI, settings: Settings, clinic: Clinic, redis_url: str, sqlite_database: object
) -> None:
    at_most(app, settings, redis_url)
    somebody = await clinic.patient()
    async with at(app, HERE) as public, at(app, THERE, **somebody.headers) as known:
        await statuses(public, 1, "/auth/login", data={"username": somebody.email, "password": PASSWORD})
        await statuses(known, 1)
    async with redis.from_url(redis_url) as client:
        names = str(await client.keys())
    await app.state.appointed.limiter.close()
    assert names.count("appointed:limits") >= 3
    for secret in (HERE, THERE, str(somebody.user_id), somebody.user_id.hex, somebody.email):
        assert secret not in names
