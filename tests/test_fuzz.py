"""Whatever is sent, no route fails: what it cannot accept it refuses, in the way that is documented."""

import json
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .access.matrix import ACCESS, Row, Who, rows_of
from .access.requests import PARAMETER, Ask, ask_of
from .access.routes import FORMS
from .access.world import World, world_of
from .support.factories import Clinic
from .test_bad_text import JSON, bodies, laid, operations, ready, send, texts_in

# What changes something needs new things to change, so it is tried less often.
READINGS, CHANGES = 30, 15
FILES = ("GET /docs", "GET /redoc", "GET /openapi", "GET /health", "GET /join", "GET /reset-password",
         "GET /confirm-email", "GET /static", "GET /api-docs")  # fmt: skip
ROWS = [row for row in rows_of(ACCESS) if row.label == row.route and not row.route.startswith(FILES)]
NASTY_TEXTS = [
    "", " ", "\0", "\ud800", "%", "_", "\\", "'", '"', "';--", "{}", "null", "true", "NaN", "-1", "1e400", "0" * 300,
    "ß", "ı", "İ", "e\u0301", "🙂", "\u202e", "\ufeff", "\u2028", "ﷺ" * 30, "x" * 300, "../..", "%00", "\r\nX: y",
    "2031-02-30", "9999-12-31", "0001-01-01", "2031-03-03T10:00:00", "2031-03-03T10:00:00Z", "2200-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999-23:59", "00000000-0000-0000-0000-000000000000", "me", "new-patient", "booked",
]  # fmt: skip
NASTY_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    [None],
    {"": []},
]
texts = st.sampled_from(NASTY_TEXTS) | st.text(max_size=40)
numbers = st.integers() | st.floats() | st.sampled_from([10**30, -(10**400), 2**31, 2**63, 0, -1])
plain: st.SearchStrategy[Any] = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
raw = st.binary(max_size=30).map(quote_from_bytes) | texts.map(
    lambda text: quote_from_bytes(text.encode("utf-8", "replace"))
)


@st.composite
def attacks(draw: st.DrawFn, names: tuple[list[str], list[str], list[str]]) -> dict[str, Any]:
    """Which parts of a good request become something else: of its path, its query, its body."""
    in_path, in_query, in_body = names
    some = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
    return {
        "path": draw(st.dictionaries(st.sampled_from(in_path), raw, max_size=1)) if in_path else {},
        "query": draw(st.lists(st.tuples(st.sampled_from(in_query) | some if in_query else some, raw), max_size=4)),
        "body": draw(st.dictionaries(st.sampled_from(in_body) | some, values, min_size=1, max_size=4))
        if in_body
        else None,
        "whole": draw(st.none() | values | st.binary(max_size=60)) if draw(st.integers(0, 4)) == 0 else None,
        "key": draw(st.none() | st.binary(max_size=20)),
    }


HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.parametrize("row", [row for row in ROWS if row.route.startswith("GET")], ids=lambda row: row.label)
@given(data=st.data())
@settings(max_examples=READINGS, derandomize=True, database=None, suppress_health_check=HEALTH)
async def test_no_reading_fails(
    row: Row, data: st.DataObject, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    await attacked(row, data, app, client, clinic)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.route.startswith("GET")], ids=lambda row: row.label)
@given(data=st.data())
@settings(max_examples=CHANGES, derandomize=True, database=None, suppress_health_check=HEALTH)
async def test_no_change_fails(
    row: Row, data: st.DataObject, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    await attacked(row, data, app, client, clinic)


async def test_no_parameter_fails_whatever_it_is(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    for route, operation in operations(app):
        world = await world_of(clinic)
        ask = await ready(world, route)
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            for text in NASTY_TEXTS:
                changed = {**ask.params, parameter["name"]: text.encode("utf-8", "replace").decode()}
                answer = await client.request(
                    ask.method, ask.path.format(**ask.ids), params=changed, headers=world.headers
                )
                assert answer.status_code < 500, f"{route} {parameter['name']}={text!r}: {answer.text}"


async def test_no_field_fails_whatever_it_is(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    schemas = app.openapi()["components"]["schemas"]
    for route, schema, is_form in bodies(app):
        if is_form:
            continue
        world = await world_of(clinic)
        ask = await ready(world, route)
        for path, _ in texts_in(schema, schemas):
            for value in (*NASTY_TEXTS[::3], *NASTY_VALUES):
                content = json.dumps(laid(dict(ask.json or {}), path, value))
                answer = await send(client, world, ask, content=content, headers=JSON)
                assert answer.status_code < 500, f"{route} {path} = {value!r}: {answer.text}"


async def attacked(row: Row, data: st.DataObject, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic) -> None:
    world, ask = await prepared(row, client, clinic)
    attack = data.draw(attacks(parts_of(app, row)))
    answer = await client.send(request_of(client, ask, attack, world))
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        is_form = row.route in FORMS and answer.status_code in (400, 401)
        assert answer.headers["content-type"] == ("application/json" if is_form else "application/problem+json")
        assert answer.json()["code"]
    if not attack["path"]:  # another path may be another route
        assert str(answer.status_code) in documentation_of(app, row)["responses"], answer.text
    if answer.status_code == 401 or (answer.is_success and ask.method != "GET"):
        client.asking = None  # type: ignore[attr-defined]  # see below


async def prepared(row: Row, client: httpx.AsyncClient, clinic: Clinic) -> tuple[World, Ask]:
    """One world and one good request for all examples of a row, until one has changed something."""
    who = next(who for who in reversed(Who) if int(row.cells[who]) < 400)
    asking: tuple[World, Ask] | None = getattr(client, "asking", None)
    if asking is None:
        world = await world_of(clinic)
        await world.enter(who)
        asking = world, await ask_of(world, row)
        client.asking = asking  # type: ignore[attr-defined]  # the client lives as long as the row's test
    return asking


def documentation_of(app: FastAPI, row: Row) -> dict[str, Any]:
    method, path = row.route.split()
    operation: dict[str, Any] = app.openapi()["paths"].get(path, {}).get(method.lower(), {})
    return operation


def parts_of(app: FastAPI, row: Row) -> tuple[list[str], list[str], list[str]]:
    """The names that may stand in its path, its query and its body."""
    operation = documentation_of(app, row)
    queries = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    bodies: list[str] = []
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "text/calendar":
            continue
        schema = content["schema"].get("anyOf", [content["schema"]])[0]
        name = schema["$ref"].rpartition("/")[2]
        bodies = list(app.openapi()["components"]["schemas"][name]["properties"])
    return PARAMETER.findall(row.route), queries, bodies


def request_of(client: httpx.AsyncClient, ask: Ask, attack: dict[str, Any], world: World) -> httpx.Request:
    path = ask.path.format(**{**ask.ids, **attack["path"]})
    query = [(name, quote_from_bytes(str(value).encode())) for name, value in ask.params.items()] + attack["query"]
    headers = {name.encode(): value.encode() for name, value in world.headers.items()}
    if attack["key"] is not None:
        headers[b"idempotency-key"] = headers[b"if-match"] = attack["key"]
    body = attack["body"]
    content: str | bytes | None = None
    if ask.form is not None:
        headers[b"content-type"] = b"application/x-www-form-urlencoded"
        form = {**ask.form, **{name: value for name, value in (body or {}).items() if isinstance(value, str)}}
        content = "&".join(f"{name}={quote_from_bytes(text.encode('utf-8', 'replace'))}" for name, text in form.items())
    elif ask.calendar is not None:
        headers[b"content-type"] = b"text/calendar"
        content = attack["whole"] if isinstance(attack["whole"], bytes) else ask.calendar
    elif body is not None:
        headers[b"content-type"] = b"application/json"
        whole = attack["whole"] if attack["whole"] is not None else {**(ask.json or {}), **body}
        content = whole if isinstance(whole, bytes) else json.dumps(whole)
    url = f"http://appointed.test{path}?{'&'.join(f'{name}={value}' for name, value in query)}"
    return client.build_request(ask.method, url, headers=headers, content=content)
