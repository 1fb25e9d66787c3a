"""The API describes itself: completely, truthfully, and without help from anybody else's host."""

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from appointed.api_pages import ASSETS
from appointed.app import create_app
from appointed.core.settings import Settings

from .access.requests import PARAMETER
from .access.routes import routes_of
from .support.app import client_of, running

PROBLEM = "application/problem+json"
READABLE = re.compile(r"[a-z]+(_[a-z]+)+")
# What they answer is of the moment.
NEVER_TWICE = {"GET /health/ready", "POST /auth/login/passkey/options"}
PAGES = ("/docs", "/redoc", "/docs/oauth2-redirect", "/openapi.json", f"{ASSETS}/swagger-ui.css")


@pytest.fixture
def document(app: FastAPI, sqlite_database: object) -> dict[str, Any]:
    return app.openapi()


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for route, operation in operations_of(document):
        assert operation["summary"], route
        assert operation["description"].endswith("."), route
        assert operation["tags"], route


def test_every_operation_has_a_readable_name_of_its_own(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, operation in operations_of(document))
    assert [name for name, count in names.items() if count > 1 or not READABLE.fullmatch(name)] == []


def test_every_body_has_an_example_that_its_route_takes(app: FastAPI, document: dict[str, Any]) -> None:
    taking = {
        f"{method} {context.path}": context.body_field
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if getattr(context, "body_field", None)
    }
    assert len(taking) > 15
    operations = dict(operations_of(document))
    for route, body in taking.items():
        (content,) = operations[route]["requestBody"]["content"].values()
        assert content["example"], route
        _, errors = body.validate(content["example"], {}, loc=("body",))
        assert not errors, route


def test_every_parameter_that_must_be_given_has_an_example_or_is_an_id(document: dict[str, Any]) -> None:
    for route, operation in operations_of(document):
        for parameter in operation.get("parameters", []):
            is_id = parameter["in"] == "path" and parameter["schema"]["format"] == "uuid"
            has_example = parameter["schema"].get("examples") or "examples" in parameter
            assert is_id or has_example or not parameter["required"], f"{route}: {parameter['name']}"


def test_every_answer_has_a_schema(document: dict[str, Any]) -> None:
    for route, operation in operations_of(document):
        answers = {int(status): answer for status, answer in operation["responses"].items()}
        assert any(status < 300 for status in answers), route
        for status, answer in answers.items():
            if status < 300 and status != 204:
                assert all(content["schema"] for content in answer["content"].values()), route


def test_every_refusal_is_documented_as_a_problem_document(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Problem"]["properties"].keys() >= {"type", "title", "status", "code"}
    for route, operation in operations_of(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and route != "GET /health/ready":
                (content,) = [answer["content"][PROBLEM]]
                assert list(answer["content"]) == [PROBLEM], route
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                for code, example in content["examples"].items():
                    assert (example["value"]["status"], example["value"]["code"]) == (int(status), code), route
                    assert status != "422" or code in ("invalid", "off_grid") or example["value"]["fields"], route


def test_every_operation_documents_what_can_happen_to_any_like_it(document: dict[str, Any]) -> None:
    for route, operation in operations_of(document):
        if route.startswith("GET /health"):
            continue
        statuses = set(operation["responses"])
        assert "503" in statuses, route
        assert "401" in statuses or not operation.get("security"), route
        assert "404" in statuses or "{" not in route, route
        assert statuses >= {"400", "413", "422"} or "requestBody" not in operation, route
        assert "422" in statuses or not operation.get("parameters"), route


def test_no_schema_of_the_frameworks_own_errors_is_left(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_the_authorize_button_knows_where_to_log_in(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes == {
        "OAuth2PasswordBearer": {
            "type": "oauth2",
            "flows": {"password": {"scopes": {}, "tokenUrl": "auth/login", "refreshUrl": "auth/refresh"}},
        }
    }
    secured = {route for route, operation in operations_of(document) if operation.get("security")}
    optional = {route for route, operation in operations_of(document) if {} in operation.get("security", [])}
    assert optional == {"POST /patients/new-patient", "GET /slots", "GET /slots/days"}
    assert "GET /auth/me" in secured
    assert not secured & {"POST /auth/login", "GET /doctors", "GET /health/live", "POST /patients/join"}


async def test_a_slash_at_the_end_changes_nothing(
    app: FastAPI, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    for route in routes_of(app):
        method, path = route.split()
        path = path.format(**{name: uuid4() for name in PARAMETER.findall(path)})
        plain, slashed, twice = [await client.request(method, path + end) for end in ("", "/", "//")]
        assert plain.status_code < 300 or plain.status_code in (401, 404, 422), route
        assert slashed.status_code == twice.status_code == plain.status_code, route
        assert route in NEVER_TWICE or slashed.content == twice.content == plain.content, route


class Links(HTMLParser):
    """Whatever a page would have a browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "spec-url")]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_about_the_api_needs_no_other_host(
    path: str, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    page = (await client.get(path)).text
    links = Links(page).found
    assert len(links) >= 2
    assert "//" not in re.sub(r"^\s*//.*$", "", page, flags=re.MULTILINE)
    for link in links:
        assert link.startswith("/")
        assert (await client.get(link)).status_code == 200, link
    for sheet in [link for link in links if link.endswith(".css")]:
        assert not re.search(r"url\(['\"]?(https?:)?//", (await client.get(sheet)).text)


def test_the_check_of_links_sees_a_foreign_one() -> None:
    assert Links('<script src="https://cdn.example.org/x.js"></script><a href=/y>y</a>').found == [
        "https://cdn.example.org/x.js",
        "/y",
    ]


async def test_the_pages_about_the_api_can_be_left_out(settings: Settings, sqlite_database: object) -> None:
    quiet = create_app(settings.model_copy(update={"api_docs": False}), hint=lambda _ids: None)
    async with running(quiet), client_of(quiet) as client:
        for path in PAGES:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert not {f"GET {path}" for path in PAGES} & set(routes_of(quiet))


async def test_the_pages_about_the_api_are_there_by_default(client: httpx.AsyncClient, sqlite_database: object) -> None:
    assert [(await client.get(path)).status_code for path in PAGES] == [200] * len(PAGES)


def test_api_docs_off_is_how_they_are_left_out() -> None:
    assert not Settings(_env_file=None, api_docs="off", secret_key="s" * 32, data_key="A" * 43 + "=").api_docs
