"""`/metrics`: who may read it, what it counts, and that it names nobody."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from appointed import audit
from appointed.accounts.actor import Role
from appointed.accounts.events import PasswordChanged
from appointed.app import create_app, state_with
from appointed.core import outbox
from appointed.core.db import Database, connect, transaction
from appointed.core.ids import new_id
from appointed.core.limits import Limiter
from appointed.core.rehearsal import rehearsed
from appointed.core.settings import Settings

from .support.app import client_of, running
from .support.clock import FixedClock
from .support.factories import PASSWORD, Clinic
from .support.fixtures import settings_of

TOKEN = "a token of sixteen characters or more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NINE = "2031-03-03T09:00:00Z"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
async def measured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    made = create_app(settings_of(tmp_path_factory.mktemp("app"), metrics_token=TOKEN), hint=lambda _ids: None)
    async with running(made):
        yield made


@pytest.fixture
async def client(
    measured: FastAPI, settings: Settings, clock: FixedClock, database: Database
) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that shows its figures, none of which it has yet."""
    object.__setattr__(settings, "metrics_token", SecretStr(TOKEN))
    database.tally.clear()
    measured.state.appointed = state_with(settings, database, clock, lambda _ids: None)
    async with client_of(measured) as made:
        yield made


async def figures(client: httpx.AsyncClient) -> Figures:
    answer = await client.get("/metrics", headers=BEARER)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items() - {("process", str(os.getpid()))})): sample.value
        for family in families
        for sample in family.samples
    }


def of(found: Figures, name: str, **labels: str) -> float | None:
    return found.get((f"appointed_{name}", frozenset(labels.items())))


async def test_nobody_finds_it_without_the_token(client: httpx.AsyncClient, sqlite_database: Database) -> None:
    nowhere = await client.get("/nowhere")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer "},
                    {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):  # fmt: skip
        answer = await client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.content) == (404, nowhere.content)
    assert (await client.get(f"/metrics?token={TOKEN}")).status_code == 404
    assert (await client.get("/metrics", headers=BEARER)).status_code == 200


async def test_without_a_token_in_the_settings_it_is_not_there(app: FastAPI, sqlite_database: Database) -> None:
    async with client_of(app) as plain:
        for headers in ({}, BEARER, {"Authorization": "Bearer "}):
            assert (await plain.get("/metrics", headers=headers)).status_code == 404


@pytest.mark.parametrize("token", ["short", "fifteen letters"])
def test_a_token_that_can_be_guessed_is_refused(token: str, tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="metrics_token"):
        settings_of(tmp_path, metrics_token=token)


async def test_requests_are_counted_by_their_template(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    for path in (f"/patients/{patient.profile_id}", f"/patients/{new_id()}", "/nowhere", "/elsewhere", "/account"):
        await client.get(path, headers=dict(patient.headers))
    await client.request("NONSENSE", "/nowhere")
    found = await figures(client)
    assert of(found, "requests_total", method="GET", route="/patients/{patient_id}", status="2xx") == 1
    assert of(found, "requests_total", method="GET", route="/patients/{patient_id}", status="4xx") == 1
    assert of(found, "requests_total", method="GET", route="unrouted", status="4xx") == 2
    assert of(found, "requests_total", method="other", route="unrouted", status="4xx") == 1
    assert of(found, "requests_total", method="GET", route="/account", status="3xx") == 1
    assert of(found, "request_seconds_count", method="GET", route="/patients/{patient_id}") == 2
    assert of(found, "refusals_total", code="not_found", status="404") == 1


async def test_bookings_and_their_refusals_are_counted(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patients = await clinic.doctor(), [await clinic.patient() for _ in range(2)]
    for patient in patients:
        body = {"doctor_id": str(doctor.profile_id), "starts_at": NINE}
        await client.post("/appointments", json=body, headers=dict(patient.headers))
    found = await figures(client)
    assert of(found, "actions_total", action="appointment.book", outcome="done") == 1
    assert of(found, "refusals_total", code="slot_taken", status="409") == 1


async def test_logins_failures_and_lock_outs_are_counted(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    before = await figures(client)
    for password, times in ((PASSWORD, 2), ("wrong", 6)):
        for _ in range(times):
            await client.post("/auth/login", data={"username": nurse.email, "password": password})
    found = await figures(client)
    opened = {"action": "session.open", "outcome": "done"}
    assert (of(found, "actions_total", **opened) or 0) - (of(before, "actions_total", **opened) or 0) == 2
    assert of(found, "actions_total", action="session.open", outcome="invalid_credentials") == 5
    assert of(found, "actions_total", action="session.open", outcome="too_many_requests") == 1


async def fail(database: Database, clock: FixedClock) -> None:
    async with transaction(database.writes) as session:
        audit.record(session, clock.now(), None, "test.failed", "user", new_id())
        raise ZeroDivisionError


async def test_what_is_not_committed_is_not_counted(sqlite_database: Database, clock: FixedClock) -> None:
    database, before, user_id = sqlite_database, sqlite_database.tally.copy(), new_id()
    with pytest.raises(ZeroDivisionError):
        await fail(database, clock)
    async with transaction(database.writes) as session:
        audit.record(session, clock.now(), None, "test.done", "user", user_id)
        async with rehearsed(session):
            audit.record(session, clock.now(), None, "test.rehearsed", "user", user_id)
    assert database.tally - before == {("test.done", "done"): 1}


async def test_the_outbox_and_the_trail_are_measured(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, settings: Settings
) -> None:
    database, now = clinic.database, clock.now()
    await audit.seal(database, audit.heads_in(settings.var_dir), now)
    sealed = of(await figures(client), "audit_sealed_sequence")
    async with transaction(database.writes) as session:
        audit.record(session, now, None, "test.done", "user", new_id())
        for minutes in (0, 3, 60):
            outbox.publish(session, PasswordChanged(new_id()), now, due_at=now + timedelta(minutes=minutes))
    clock.advance(timedelta(minutes=5))
    found = await figures(client)
    assert (of(found, "outbox_waiting"), of(found, "outbox_lag_seconds"), of(found, "outbox_dead")) == (2, 300, 0)
    assert sealed == of(found, "audit_sealed_sequence")
    assert (of(found, "audit_unsealed_seconds") or 0) > 0
    await audit.seal(database, audit.heads_in(settings.var_dir), clock.now())
    found = await figures(client)
    assert (of(found, "audit_sealed_sequence"), of(found, "audit_unsealed_seconds")) == ((sealed or 0) + 1, 0)


async def test_it_asks_the_database_a_few_things_and_no_more(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    for engine in sqlite_database.engines:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        found = await figures(client)
    finally:
        for engine in sqlite_database.engines:
            event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert len([each for each in asked if each.startswith("SELECT")]) == 6
    assert not [each for each in asked if re.match("INSERT|UPDATE|DELETE", each)]
    assert of(found, "database_up") == 1


async def test_without_the_database_it_shows_the_rest(
    measured: FastAPI, client: httpx.AsyncClient, settings: Settings, clock: FixedClock, monkeypatch: Any,
    sqlite_database: Database,
) -> None:  # fmt: skip
    def broken(*_args: Any) -> None:
        raise SQLAlchemyError("no database")

    engine = sqlite_database.engines[0].sync_engine
    event.listen(engine, "before_cursor_execute", broken)
    try:
        found = await figures(client)
    finally:
        event.remove(engine, "before_cursor_execute", broken)
    assert of(found, "database_up") == 0
    assert of(found, "outbox_waiting") is None
    assert of(found, "build_info", version="0.1.0") == 1


async def test_a_database_that_does_not_answer_is_not_waited_for(
    measured: FastAPI, client: httpx.AsyncClient, settings: Settings, clock: FixedClock, sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """All its connections are taken, and stay so."""
    monkeypatch.setattr("appointed.metrics.PATIENCE_SECONDS", 0.05)
    tight = connect(settings.database, settings.vault, pool_size=1)
    measured.state.appointed = state_with(settings, tight, clock, lambda _ids: None)
    async with tight.engines[0].connect():
        found = await asyncio.wait_for(figures(client), 5)
    await tight.dispose()
    assert of(found, "database_up") == 0
    assert of(found, "database_connections_in_use", pool="reads") == 1
    assert of(found, "database_connections_in_use", pool="writes") == 0
    assert of(found, "database_connections_most", pool="reads") == 1


async def test_counting_for_oneself_for_want_of_redis_is_shown(
    measured: FastAPI, client: httpx.AsyncClient, sqlite_database: Database
) -> None:
    state = measured.state.appointed
    assert of(await figures(client), "limiter_fallback") == 0
    limiter = Limiter("redis://127.0.0.1:1/0")
    object.__setattr__(state, "limiter", limiter)
    await client.get("/nowhere")
    found = await figures(client)
    await limiter.close()
    assert of(found, "limiter_fallback") == 1


async def test_each_application_counts_for_itself(
    measured: FastAPI, client: httpx.AsyncClient, app: FastAPI, sqlite_database: Database
) -> None:
    async with client_of(app) as other:
        await other.get("/health/live")
    assert of(await figures(client), "requests_total", method="GET", route="/health/live", status="2xx") is None
