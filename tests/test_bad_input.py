"""What cannot be accepted is refused with a problem document that names the field; never with a 500."""

import json
from typing import Any

import httpx
import pytest

from appointed.core.errors import AppError, Kind

from .access.matrix import ACCESS, Who, rows_of
from .access.requests import PARAMETER, ask_of
from .access.routes import routes_of
from .access.world import World, world_of
from .bad_requests import (
    BOOK,
    DOCTOR,
    IN_BODIES,
    IN_HEADERS,
    IN_QUERIES,
    REGISTER,
    SLOTS,
    STAFF,
    UNKNOWN,
    Bad,
    P,
)
from .support.factories import Clinic

PROBLEM = "application/problem+json"
ROWS = {row.label: row for row in rows_of(ACCESS)}


async def sent(bad: Bad, world: World, client: httpx.AsyncClient) -> httpx.Response:
    """The row's good request with the bad part in place of the good one; numbers as Python writes them."""
    ask = await ask_of(world, ROWS[bad.label])
    good = {**world.headers, "content-type": "application/json"}
    headers = {name.encode(): value.encode() for name, value in good.items()}
    headers |= {name.encode(): value for name, value in (bad.headers or {}).items()}
    if ask.method in ("GET", "DELETE"):
        params = {**ask.params, **{name: str(value) for name, value in bad.changes.items()}}
        return await client.request(ask.method, ask.path.format(**ask.ids), params=params, headers=headers)
    content = json.dumps({**(ask.json or {}), **bad.changes})
    return await client.request(ask.method, ask.path.format(**ask.ids), content=content, headers=headers)


@pytest.fixture
async def world(clinic: Clinic, sqlite_database: object) -> World:
    return await world_of(clinic)


@pytest.mark.parametrize("who", sorted({bad.who for bad in (*IN_BODIES, *IN_QUERIES, *IN_HEADERS)}))
async def test_bad_input_is_refused_by_the_name_of_its_field(who: Who, world: World, client: httpx.AsyncClient) -> None:
    await world.enter(who)
    faults = []
    for bad in [each for each in (*IN_BODIES, *IN_QUERIES, *IN_HEADERS) if each.who is who]:
        answer = await sent(bad, world, client)
        faults += [f"{bad.name}: {fault}" for fault in faults_of(answer, bad.status, bad.code, bad.field)]
    assert not faults


def faults_of(answer: httpx.Response, status: int, code: str, field: str | None = None) -> list[str]:
    """What is missing from a problem document (RFC 9457) of that status and code which names the field."""
    if answer.headers.get("content-type") != PROBLEM:
        return [f"{answer.status_code} {answer.text[:200]}"]
    document = answer.json()
    wanted = {"status": status, "code": code, "type": f"urn:appointed:problem:{code}"}
    named = [each["name"] for each in document.get("fields", [])]
    is_complete = document.get("title") and document.get("detail") and document.items() >= wanted.items()
    is_named = field is None or any(name == field or name.startswith(f"{field}.") for name in named)
    return [] if answer.status_code == status and is_complete and is_named else [answer.text[:300]]


@pytest.mark.parametrize("address", ["{}", "{}".upper, "  {}  "], ids=["as it is", "in capitals", "with blanks"])
@pytest.mark.parametrize("label", [REGISTER, DOCTOR, STAFF])
async def test_an_address_is_taken_in_whatever_letters(
    label: str, address: Any, clinic: Clinic, client: httpx.AsyncClient
) -> None:
    world = await world_of(clinic)
    await world.enter(Who.ADMIN)
    taken = world.patient.email.upper() if callable(address) else address.format(world.patient.email)
    answer = await sent(Bad(label, Who.ADMIN, {"email": taken}), world, client)
    assert not faults_of(answer, 409, "email_taken")


@pytest.mark.parametrize("where", ["body", "query"])
async def test_an_instant_is_the_same_in_every_offset(where: str, world: World, client: httpx.AsyncClient) -> None:
    await world.enter(P)
    at = "2031-03-04T09:59:00+23:59"
    if where == "body":
        answer = await sent(Bad(BOOK, P, {"starts_at": at}), world, client)
        assert (answer.status_code, answer.json()["starts_at"]) == (201, "2031-03-03T10:00:00Z")
    else:
        answer = await sent(Bad(SLOTS, P, {"from": at, "to": "2031-03-03T11:00:00Z"}), world, client)
        assert [slot["starts_at"] for slot in answer.json()["slots"]] == [
            "2031-03-03T10:00:00Z",
            "2031-03-03T10:30:00Z",
        ]


async def test_what_is_no_id_in_a_path_is_named(world: World, client: httpx.AsyncClient) -> None:
    await world.enter(Who.ADMIN)
    routes = [route for route in routes_of(client._transport.app) if "_id}" in route]  # type: ignore[attr-defined]
    assert len(routes) > 15
    for route in routes:
        method, path = route.split()
        name, *others = PARAMETER.findall(path)
        path = path.format(**{name: "{" + name + "}"}, **dict.fromkeys(others, UNKNOWN))
        for text in ("x", "%00", "%ED%A0%80", "%FF", "1", "0" * 300, "%F0%9F%99%82", "..;", "{" + name + "}"):
            answer = await client.request(method, path.replace("{" + name + "}", text), headers=world.headers)
            if answer.status_code != 403:
                assert not faults_of(answer, 422, "invalid", name)


async def test_what_is_no_path_is_not_found(client: httpx.AsyncClient, sqlite_database: object) -> None:
    assets = ("%00", "..%2f..%2fapp.py", "%2e%2e/routes.py", "%2e%2e%2froutes.py", "x" * 5_000, "..%5c..%5capp.py")
    paths = ["/nowhere", "/patients/a/b", "/%00", "/%ff", "/..%2f..%2fetc/passwd", "/" + "a/" * 900]
    for path in paths + [f"/{folder}/{asset}" for folder in ("api-docs-assets", "static") for asset in assets]:
        assert not faults_of(await client.get(path), 404, "not_found")


async def test_a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has(
    client: httpx.AsyncClient, sqlite_database: object
) -> None:
    having: dict[str, set[str]] = {}
    for route in routes_of(client._transport.app):  # type: ignore[attr-defined]
        method, path = route.split()
        having.setdefault(path, set()).add(method)
    for path, methods in having.items():
        if path.endswith("{path}") or path == "/openapi.json":
            continue
        for wrong in {"PUT", "TRACE", "OPTIONS", "HEAD", "BREW", "POST", "DELETE"} - methods:
            answer = await client.request(wrong, path.format(**dict.fromkeys(PARAMETER.findall(path), UNKNOWN)))
            # What has a name of its own may also be read as an id.
            if answer.status_code in (401, 404, 422):
                assert path.rpartition("/")[0] + "/" in {other.partition("{")[0] for other in having}
                continue
            assert answer.status_code == 405, f"{wrong} {path}"
            assert methods <= set(answer.headers["allow"].split(", ")), path
            assert wrong == "HEAD" or answer.json()["code"] == "method_not_allowed"


async def test_a_parameter_given_twice_is_no_defect(world: World, client: httpx.AsyncClient) -> None:
    await world.enter(Who.RECEPTIONIST)
    for query in (
        "limit=1&limit=2",
        "q=a&q=b",
        "cursor=&cursor=x",
        "limit=1&limit=x",
        "is_active=true&is_active=false",
    ):
        answer = await client.get(f"/patients?{query}", headers=world.headers)
        assert answer.status_code in (200, 422), query
    both = await client.get("/appointments?status=booked&status=cancelled", headers=world.headers)
    assert len(both.json()["items"]) == 1


async def test_a_query_that_is_no_utf8_is_no_defect(world: World, client: httpx.AsyncClient) -> None:
    await world.enter(Who.RECEPTIONIST)
    for junk in ("%ff", "%ED%A0%80", "%C0%80", "%", "%zz", "%F8%88%80%80%80", "&&==&", "q", "=x", ";", "%u0000", "+"):
        answer = await client.get(f"/patients?q={junk}&{junk}", headers=world.headers)
        assert answer.status_code in (200, 422), junk


def test_every_refusal_of_a_field_can_name_it() -> None:
    def below(kind: type[AppError]) -> list[type[AppError]]:
        return [kind, *[each for child in kind.__subclasses__() for each in below(child)]]

    unnamed = [kind for kind in below(AppError) if kind.kind is Kind.INVALID and not kind.at]
    # One that is made for a field each time, and one that names whichever time is off.
    assert {kind.__name__ for kind in unnamed} == {"Invalid", "OffGrid"}
