"""What the API's own description says it takes, given as nothing that a database can keep, and in every wrong shape."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from .access.matrix import ACCESS, Who, rows_of
from .access.requests import Ask, ask_of
from .access.routes import FORMS
from .access.world import World, contents_of, world_of
from .support.factories import Clinic
from .test_bad_input import faults_of

Path = tuple[str | int, ...]
Schema = dict[str, Any]
# One row a route: its first, with the first identity that the table lets through.
ROWS = {
    row.route: (row, who) for row in reversed(rows_of(ACCESS)) for who in reversed(Who) if int(row.cells[who]) < 400
}
# Passwords are bytes to be hashed and never stored: any text that is one will do.
HEADER_CODES = {"idempotency_key_malformed", "version_mismatch", "invalid"}
TAKES_NUL = {"password", "current_password", "new_password"}
JSON = {"content-type": "application/json"}
NUL, SURROGATE = "a\0bcdefgh", "a\ud800bcdefgh"


@pytest.fixture
async def world(clinic: Clinic, sqlite_database: object) -> World:
    return await world_of(clinic)


def operations(app: FastAPI) -> Iterator[tuple[str, Schema]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(app: FastAPI) -> Iterator[tuple[str, Schema, bool]]:
    """Route, schema of its body, and whether it is a form. Calendars are tried in tests of their own."""
    for route, operation in operations(app):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind != "text/calendar":
                yield route, content["schema"], "json" not in kind


def texts_in(schema: Schema, schemas: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Where a document of this schema holds texts: plain ones, and ids, days and choices too."""
    if "$ref" in schema:
        yield from texts_in(schemas[schema["$ref"].rpartition("/")[2]], schemas, path)
    for part in schema.get("anyOf", []):
        yield from texts_in(part, schemas, path)
    for name, part in schema.get("properties", {}).items():
        yield from texts_in(part, schemas, (*path, name))
    if "items" in schema:
        yield from texts_in(schema["items"], schemas, (*path, 0))
    if schema.get("type") == "string":
        yield path, schema


def laid(document: Any, path: Path, value: Any) -> Any:
    """The document with the value at the path; what lies on the way is made if it is not there."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        return [laid(document[0] if document else None, rest, value)]
    return {**(document or {}), first: laid((document or {}).get(first), rest, value)}


async def ready(world: World, route: str) -> Ask:
    row, who = ROWS[route]
    await world.enter(who)
    return await ask_of(world, row)


async def send(client: httpx.AsyncClient, world: World, ask: Ask, **how: Any) -> httpx.Response:
    headers = world.headers | how.pop("headers", {})
    return await client.request(ask.method, ask.path.format(**ask.ids), params=dict(ask.params), headers=headers, **how)


async def test_no_text_of_any_body_takes_what_cannot_be_kept(
    app: FastAPI, world: World, client: httpx.AsyncClient
) -> None:
    seen, schemas = set(), app.openapi()["components"]["schemas"]
    for route, schema, is_form in bodies(app):
        for path, _ in texts_in(schema, schemas):
            ask = await ready(world, route)
            for text in (NUL, SURROGATE):
                is_kept = path[-1] in TAKES_NUL if text is NUL else is_form
                if is_kept:
                    continue
                document = laid(dict(ask.form or ask.json or {}), path, text)
                how = {"data": document} if is_form else {"content": json.dumps(document)}
                answer = await send(client, world, ask, **how, headers={} if is_form else JSON)
                name = ".".join(map(str, path))
                if route in FORMS:
                    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), f"{route} {name}"
                    continue
                assert not faults_of(answer, 422, "invalid", name.partition(".")[0]), f"{route} {name} {text!r}"
                seen.add(f"{route} {name}")
    assert len(seen) > 80
    assert {"POST /auth/login username", "POST /patients/new-patient first_name"} <= seen
    assert "POST /medical-records/new-medical-report/{patient_id} diagnoses.0.code" in seen


async def test_no_text_of_any_query_takes_nul(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    seen = set()
    for route, operation in operations(app):
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            ask = await ready(world, route)
            changed = {**ask.params, parameter["name"]: "a\0b"}
            answer = await client.request(ask.method, ask.path.format(**ask.ids), params=changed, headers=world.headers)
            assert not faults_of(answer, 422, "invalid", parameter["name"]), f"{route} {parameter['name']}"
            seen.add(parameter["name"])
    assert {"q", "specialization", "cursor", "from", "status", "doctor_id"} <= seen


async def test_no_header_breaks_a_route(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    names = {
        p["name"] for _, operation in operations(app) for p in operation.get("parameters", []) if p["in"] == "header"
    }
    assert {"idempotency-key", "if-match"} <= names
    junk = (b"\x00", b"\xff\xfe", b"\xed\xa0\x80", "🙂".encode(), b"", b" ", b"a" * 9_000, b"\t", b"%00")
    ask = await ready(world, "DELETE /appointments/{appointment_id}")
    for name in names | {"x-request-id", "accept", "accept-language", "content-type", "cookie", "range", "host"}:
        for value in junk:
            headers = {key.encode(): each.encode() for key, each in world.headers.items()} | {name.encode(): value}
            answer = await client.request(ask.method, ask.path.format(**ask.ids), headers=headers)
            assert answer.is_success or answer.json()["code"] in HEADER_CODES, f"{name}: {value!r}: {answer.text}"


SHAPES = {
    "list": b"[1, 2]", "number": b"7", "text": b'"x"', "true": b"true", "empty list": b"[]", "list of objects": b"[{}]",
    "nan": b"NaN", "infinity": b"-Infinity", "huge": b"9" * 4_000,
}  # fmt: skip
MALFORMED = {
    "cut off": b'{"a": ', "single quotes": b"{'a': 1}", "two documents": b"{} {}", "comma": b'{"a": 1,}',
    "markup": b"<a/>", "raw newline": b'{"a": "\n"}', "bad escape": b'{"a": "\\x"}', "brace": b"}",
}  # fmt: skip
UNREADABLE = {
    "deep list": b"[" * 100_000, "deep object": b'{"a":' * 50_000, "closed": b"[" * 50_000 + b"]" * 50_000,
    "no utf-8": b'{"a": "\xff\xfe"}', "longest number": b'{"a": ' + b"9" * 5_000 + b"}",
}  # fmt: skip


async def json_routes(app: FastAPI, world: World) -> AsyncIterator[tuple[str, Ask]]:
    for route, _, is_form in bodies(app):
        if not is_form:
            yield route, await ready(world, route)


async def test_a_document_that_is_no_object_is_refused(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    async for route, ask in json_routes(app, world):
        for name, content in SHAPES.items():
            answer = await send(client, world, ask, content=content, headers=JSON)
            assert not faults_of(answer, 422, "invalid", "body"), f"{name}: {route}"


async def test_a_document_that_is_no_json_is_refused(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    async for route, ask in json_routes(app, world):
        for name, content in MALFORMED.items():
            answer = await send(client, world, ask, content=content, headers=JSON)
            assert not faults_of(answer, 422, "invalid", "body"), f"{name}: {route}"


async def test_a_document_that_cannot_be_read_is_refused(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    async for route, ask in json_routes(app, world):
        for name, content in UNREADABLE.items():
            answer = await send(client, world, ask, content=content, headers=JSON)
            either = [faults_of(answer, 400, "malformed"), faults_of(answer, 422, "invalid", "body")]
            assert [] in either, f"{name}: {route}"


async def test_a_document_of_another_kind_is_refused(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    async for route, ask in json_routes(app, world):
        content = json.dumps(dict(ask.json or {"reason": "Well again"}))
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "image/png", "x", ""):
            answer = await send(client, world, ask, content=content, headers={"content-type": kind})
            assert not faults_of(answer, 422, "invalid", "body"), f"{kind}: {route}"


async def test_a_login_that_is_no_form_is_refused(world: World, client: httpx.AsyncClient) -> None:
    form = {"username": world.patient.email, "password": "x"}
    for how in ({"json": form}, {"content": b""}, {"content": b"\xff\xfe"}, {"data": {"username": "x"}}):
        answer = await client.post("/auth/login", **how)
        assert not faults_of(answer, 422, "invalid", "password")
    for boundary, content in (
        ("", b""),
        ("; boundary=x", b"junk"),
        ("; boundary=x", b"--x\r\n"),
        ("; boundary=x", b"\xff"),
    ):
        headers = {"content-type": f"multipart/form-data{boundary}"}
        answer = await client.post("/auth/login", content=content, headers=headers)
        assert answer.status_code in (400, 422), answer.text
    assert (await client.post("/auth/login", data=form | {"grant_type": "implicit"})).status_code == 422
    files = {"username": ("a.txt", b"x"), "password": ("b.txt", b"x")}
    assert not faults_of(await client.post("/auth/login", files=files), 422, "invalid", "password")


async def test_no_body_takes_a_field_that_it_does_not_have(
    app: FastAPI, world: World, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    async for route, ask in json_routes(app, world):
        before = await contents_of(clinic)
        for name in ("surprise", "x" * 10_000, "", "__proto__", "a.b", "_id"):
            answer = await send(client, world, ask, json={**(ask.json or {}), name: 1})
            assert not faults_of(answer, 422, "invalid"), route
            named = [field["name"] for field in answer.json()["fields"]]
            assert any(name[:50] in field and len(field) <= 200 for field in named), f"{route} {name[:20]}"
        assert before == await contents_of(clinic), route
