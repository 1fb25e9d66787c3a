"""Every write of somebody who is logged in is carried out once for an `Idempotency-Key`, whichever route it is."""

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, select

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.core.idempotency import StoredAnswer
from appointed.deps.auth import somebody
from appointed.deps.retry import WRITING, within

from ..support.factories import PASSWORD, Clinic
from .matrix import ACCESS, Row, Who, rows_of
from .requests import Ask, ask_of
from .world import contents_of, world_of

KEY = {"Idempotency-Key": '"8e03978e"'}


def is_written_by_somebody(row: Row) -> bool:
    return row.route.split()[0] in WRITING and not row.route.split()[1].startswith("/auth/")


# Whoever joins is not logged in yet.
ROWS = [row for row in rows_of(ACCESS) if is_written_by_somebody(row) and row.route != "POST /patients/join"]


def test_every_such_route_is_asked(app: FastAPI, sqlite_database: object) -> None:
    knowing = {
        f"{method} {context.path}"
        for context in iter_route_contexts(app.routes)
        for method in WRITING & set(context.methods or ())
        if any(each.call is somebody for each in within(context.dependant))
    }
    assert {row.route for row in ROWS} == {route for route in knowing if not route.split()[1].startswith("/auth/")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
async def test_a_repeated_write_is_answered_like_the_first_and_changes_nothing(
    row: Row, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    ask, headers = await allowed(row, clinic)
    first = await ask.send(client, headers)
    assert first.is_success
    before = await contents_of(clinic)
    again = await ask.send(client, headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert ("Idempotency-Replayed" in first.headers, "Idempotency-Replayed" in again.headers) == (False, True)
    assert await contents_of(clinic) == before
    others = [replace(ask, params={**ask.params, "other": "1"})]
    if ask.json is not None:
        others.append(replace(ask, json={**ask.json, "other": 1}))
    for other in others:
        answer = await other.send(client, headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await contents_of(clinic) == before


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
async def test_a_write_with_a_malformed_key_is_not_carried_out(
    row: Row, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    ask, headers = await allowed(row, clinic)
    before = await contents_of(clinic)
    answer = await ask.send(client, headers | {"Idempotency-Key": "8e03978e"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert await contents_of(clinic) == before


async def test_a_refused_write_leaves_no_answer(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    for row in ROWS:
        who = next((each for each in Who if each is not Who.ANONYMOUS and row.expected(each)[0] >= 400), None)
        if who:
            ask, headers = await asked_by(row, who, clinic)
            assert (await ask.send(client, headers)).status_code == row.expected(who)[0], row.label
    async with sqlite_database.reads() as session:
        assert await session.scalar(select(func.count()).select_from(StoredAnswer)) == 0


async def test_who_may_not_any_more_is_not_given_the_answer_that_they_had(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    desk, admin = await clinic.staff(Role.RECEPTIONIST), await clinic.staff(Role.ADMIN)
    body = {"first_name": "Sam", "last_name": "Sample", "birth_date": "1950-01-01"}
    first = await client.post("/patients/new-patient", json=body, headers={**desk.headers, **KEY})
    assert first.is_success
    assert (await client.delete(f"/patients/{first.json()['id']}", headers={**desk.headers, **KEY})).is_success
    await client.patch(f"/users/{desk.user_id}", json={"roles": ["auditor"]}, headers=admin.headers)
    login = (await client.post("/auth/login", data={"username": desk.email, "password": PASSWORD})).json()
    headers = {"Authorization": f"Bearer {login['access_token']}"} | KEY
    answer = await client.delete(f"/patients/{first.json()['id']}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def allowed(row: Row, clinic: Clinic) -> tuple[Ask, dict[str, str]]:
    """The row's request, with a key, as somebody who may make it and is still logged in afterwards."""
    who = next(each for each in reversed(Who) if each is not Who.ANONYMOUS and row.expected(each)[0] < 300)
    return await asked_by(row, who, clinic)


async def asked_by(row: Row, who: Who, clinic: Clinic) -> tuple[Ask, dict[str, str]]:
    world = await world_of(clinic, has_visit="without a visit" not in row.label)
    await world.enter(who)
    return await ask_of(world, row), world.headers | KEY
