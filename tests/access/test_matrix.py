"""Who may do what, asked of every route as everybody."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ..support.factories import Clinic
from .fields import FIELDS, allowed, things_in
from .matrix import ACCESS, SIGHT, Row, Who, rows_of
from .requests import Ask, ask_of
from .routes import pages_of, routes_of
from .world import World, raw_contents_of, world_of

ROWS, SIGHTS = rows_of(ACCESS), rows_of(SIGHT)
PROBLEM = "application/problem+json"
PUBLIC = {"type", "title", "status", "detail", "code"}
SECRET_NAMES = ("hash", "_sealed", "secret", "password", "signature")


def test_every_route_has_its_row_and_every_row_its_route(app: FastAPI) -> None:
    assert {row.route for row in ROWS} == set(routes_of(app)) - pages_of(app)
    assert {row.route for row in SIGHTS} <= set(routes_of(app))


def test_every_answer_in_the_table_is_documented(app: FastAPI) -> None:
    documented = {
        f"{method.upper()} {path}": operation["responses"]
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }
    assert documented.keys() <= {row.route for row in ROWS}
    for row in ROWS:
        for status, code in {row.expected(who) for who in Who if row.route in documented}:
            answer = documented[row.route][str(status)]
            assert code is None or code in answer["content"][PROBLEM]["examples"], row.label


def test_every_answer_has_its_fields(app: FastAPI) -> None:
    """And nothing has fields that is not answered."""
    answering = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and "application/json" in answer.get("content", {})
    }
    assert answering == FIELDS.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
async def test_a_route_answers_everybody_as_the_table_says(row: Row, client: httpx.AsyncClient, clinic: Clinic) -> None:
    answers, world = {}, await world_for(row, clinic)
    for who in Who:
        await world.enter(who)
        ask = await ask_of(world, row)
        before = raw_contents_of(clinic) if is_telling(row, clinic) else None
        answer = await ask.send(client, world.headers)
        answers[who] = (answer.status_code, code_of(answer))
        if answer.is_success:
            check_shown(row, who, answer)
            # What was just changed is nothing to ask the next one about.
            world = world if ask.method == "GET" else await world_for(row, clinic, world)
            continue
        check_problem(answer)
        assert before is None or before == raw_contents_of(clinic), f"{who} was refused and yet changed something"
        if answer.status_code in (404, 422):
            await check_hidden(client, world, ask, answer)
    assert answers == {who: row.expected(who) for who in Who}


@pytest.mark.parametrize("row", SIGHTS, ids=lambda row: row.label)
async def test_a_list_shows_everybody_what_the_table_says(row: Row, client: httpx.AsyncClient, clinic: Clinic) -> None:
    world, shown = await world_for(row, clinic), {}
    ids = {str(world.patient.id), str(world.visit_id)}
    if "medical-records" in row.label:
        ids = {str(await world.record("preliminary" if "unsigned" in row.label else "final"))}
    for who in Who:
        await world.enter(who)
        answer = await (await ask_of(world, row)).send(client, world.headers)
        if answer.is_success:
            shown[who] = "yes" if any(item["id"] in ids for item in answer.json()["items"]) else "no"
    assert {who: shown.get(who, "-") for who in Who} == row.cells


async def world_for(row: Row, clinic: Clinic, before: World | None = None) -> World:
    return await world_of(
        clinic, has_visit="without a visit" not in row.label, others=before.others if before else None
    )


def is_telling(row: Row, clinic: Clinic) -> bool:
    """What a refusal leaves behind does not depend on the database, and the whole of SQLite's is read soonest."""
    return clinic.database.dialect == "sqlite" and not row.route.startswith("GET")


def code_of(answer: httpx.Response) -> str | None:
    return None if answer.is_success else answer.json().get("code")


def check_problem(answer: httpx.Response) -> None:
    """RFC 9457, and for a missing login RFC 6750 section 3."""
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json().keys() >= PUBLIC
    assert answer.json()["status"] == answer.status_code
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


async def check_hidden(client: httpx.AsyncClient, world: World, ask: Ask, answer: httpx.Response) -> None:
    """Somebody else's thing cannot be told from one that does not exist."""
    missing = await ask.elsewhere().send(client, world.headers)
    assert (missing.status_code, missing.content) == (answer.status_code, answer.content)
    assert comparable(missing) == comparable(answer)


def comparable(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


def check_shown(row: Row, who: Who, answer: httpx.Response) -> None:
    """Nothing but what the route may show to this one, and nowhere what nobody may see."""
    if answer.content and answer.headers["content-type"] == "application/json" and row.route != "GET /openapi.json":
        for thing in things_in(answer.json()):
            assert thing.keys() == allowed(row.route, who)
        names = {name for name, _ in pairs_in(answer.json())}
        assert not [name for name in names if any(secret in name for secret in SECRET_NAMES)]
        assert "$2b$" not in answer.text
        assert "/doctors" not in row.route or "@" not in answer.text


def pairs_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name in a JSON document, with what it stands for."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from pairs_in(inner)
    if isinstance(value, list):
        for inner in value:
            yield from pairs_in(inner)


def test_the_table_is_read_as_it_looks() -> None:
    row = rows_of("GET /here and there  401 403 404 409 409 200 200 200 200 | taken")[0]
    assert (row.route, row.label) == ("GET /here", "GET /here and there")
    assert row.expected(Who.PATIENT) == (403, "taken")
    assert "b_hash" in dict(pairs_in({"a": [{"b_hash": 1}]}))
