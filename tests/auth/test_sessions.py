"""Seeing and ending one's sessions, and having those of somebody else ended."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.accounts.devices import device_of
from appointed.core.settings import Settings

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
AGENTS = {
    FIREFOX: "Firefox on Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36": (
        "Chrome on Windows"
    ),
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0": (
        "Edge on Windows"
    ),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1": (
        "Safari on iPhone"
    ),
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36": "Chrome on Android",
    "python-httpx/0.28": None,
    "": None,
    "<script>alert(1)</script>": None,
}


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


async def log_in(client: httpx.AsyncClient, who: Person, agent: str = FIREFOX) -> Any:
    form = {"username": who.email, "password": PASSWORD}
    answer = await client.post("/auth/login", data=form, headers={"User-Agent": agent})
    return answer.json() | {"headers": {"Authorization": f"Bearer {answer.json()['access_token']}"}}


async def sessions(client: httpx.AsyncClient, headers: Any, **params: Any) -> Any:
    answer = await client.get("/auth/sessions", headers=dict(headers), params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("agent", "device"), AGENTS.items(), ids=[str(name) for name in AGENTS.values()])
def test_a_browser_is_named_in_words_that_its_user_knows(agent: str, device: str | None) -> None:
    assert device_of(agent) == device


async def test_one_sees_where_one_is_logged_in(client: httpx.AsyncClient, nurse: Person, clock: FixedClock) -> None:
    opened = clock.now()
    clock.advance(timedelta(minutes=5))
    login = await log_in(client, nurse)
    clock.advance(timedelta(minutes=10))
    await client.post("/auth/refresh", json={"refresh_token": login["refresh_token"]})
    old, new = (await sessions(client, login["headers"]))["items"]
    assert (old["id"], old["device"], old["is_current"]) == (str(nurse.actor.session_id), None, False)
    assert (new["device"], new["is_current"]) == ("Firefox on Linux", True)
    assert [new[name] for name in ("created_at", "last_used_at", "expires_at")] == [
        f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in
        (opened + timedelta(minutes=5), clock.now(), opened + timedelta(days=30, minutes=5))]  # fmt: skip


async def test_what_has_ended_or_is_somebody_elses_is_not_seen(
    client: httpx.AsyncClient, clinic: Clinic, nurse: Person, settings: Settings, clock: FixedClock
) -> None:
    await log_in(client, await clinic.staff(Role.NURSE))
    await client.post("/auth/logout", headers=(await log_in(client, nurse))["headers"])
    assert len((await sessions(client, nurse.headers))["items"]) == 1
    object.__setattr__(settings, "session_idle_minutes", 60)
    clock.advance(timedelta(minutes=60))
    late = await log_in(client, nurse)
    assert len((await sessions(client, late["headers"]))["items"]) == 1


async def test_many_sessions_come_in_pages(client: httpx.AsyncClient, nurse: Person, sqlite_database: object) -> None:
    for _ in range(2):
        await log_in(client, nurse)
    first = await sessions(client, nurse.headers, limit=2)
    second = await sessions(client, nurse.headers, limit=2, cursor=first["next_cursor"])
    assert len({each["id"] for each in first["items"] + second["items"]}) == 3
    assert second["next_cursor"] is None


async def test_ending_a_session_elsewhere_leaves_this_one(client: httpx.AsyncClient, nurse: Person) -> None:
    lost = await log_in(client, nurse)
    (other,) = [each["id"] for each in (await sessions(client, lost["headers"]))["items"] if each["is_current"]]
    assert (await client.delete(f"/auth/sessions/{other}", headers=dict(nurse.headers))).status_code == 204
    assert (await client.get("/auth/me", headers=lost["headers"])).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": lost["refresh_token"]})).status_code == 401
    assert (await client.get("/auth/me", headers=dict(nurse.headers))).status_code == 200
    again = await client.delete(f"/auth/sessions/{other}", headers=dict(nurse.headers))
    never = await client.delete(f"/auth/sessions/{uuid4()}", headers=dict(nurse.headers))
    assert (again.status_code, again.content) == (404, never.content)


async def test_nobody_ends_the_session_of_another(client: httpx.AsyncClient, clinic: Clinic, nurse: Person) -> None:
    admin = await clinic.staff(Role.ADMIN)
    answer = await client.delete(f"/auth/sessions/{nurse.actor.session_id}", headers=dict(admin.headers))
    assert answer.status_code == 404
    assert (await client.get("/auth/me", headers=dict(nurse.headers))).status_code == 200


async def test_an_administrator_ends_all_sessions_of_somebody(
    client: httpx.AsyncClient, clinic: Clinic, nurse: Person
) -> None:
    admin, login = await clinic.staff(Role.ADMIN), await log_in(client, nurse)
    path = f"/users/{nurse.user_id}/sessions"
    assert (await client.delete(path, headers=dict(admin.headers))).status_code == 204
    for headers in (nurse.headers, login["headers"]):
        assert (await client.get("/auth/me", headers=dict(headers))).status_code == 401
    assert (await client.get("/auth/me", headers=dict(admin.headers))).status_code == 200
    assert (await client.get("/auth/me", headers=(await log_in(client, nurse))["headers"])).status_code == 200
    missing = await client.delete(f"/users/{UUID(int=7)}/sessions", headers=dict(admin.headers))
    assert missing.status_code == 404
