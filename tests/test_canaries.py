"""What people write goes where it is meant to go, and nowhere else: no log, no queue, no counter, no column beside.

Every text of every request carries a word that is found again by its name: `canary` and the field.
"""

import logging
import re
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio as redis
import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from structlog.typing import EventDict, WrappedLogger

from appointed.core.db import Database, metadata
from appointed.core.limits import Limiter
from appointed.core.settings import Settings
from appointed.metrics import exposition
from appointed.worker import celery_app, hint

from .access.matrix import ACCESS, Who, rows_of
from .access.requests import PARAMETER, Ask, ask_of
from .access.world import World, world_of
from .support.browser import Browser
from .support.databases import Backend
from .support.factories import Clinic
from .test_bad_text import Schema, bodies, laid, operations, ready, texts_in

CANARY = re.compile(rb"canary[a-z_]*|1775550199", re.IGNORECASE)
PHONE = "canaryphone"
# What takes no free text keeps its good value, or the request would not get far.
BOUND = ("enum", "const", "pattern", "format")
# Texts that are for everybody, or that people are found and shown by, and the columns that hold them. All else of what
# is sent is sealed, hashed or thrown away.
KEPT = {
    "users": {"email": "email", "display_name": "display_name first_name last_name preferred_name"},
    "patients": {"first_name": "first_name", "first_name_key": "first_name", "last_name": "last_name",
                 "last_name_key": "last_name", "preferred_name": "preferred_name",
                 "insurance_provider": "insurance_provider"},
    "doctors": {"title": "title", "first_name": "first_name", "last_name": "last_name", "last_name_key": "last_name",
                "specialization": "specialization", "specialization_key": "specialization", "bio": "bio"},
    "invitations": {"email": "email"},
    "passkeys": {"name": "name"},
    "related_people": {"email": "email"},
    "locations": {"name": "name", "address": "address"},
    "location_days": {"name": "name"},
    "rooms": {"name": "name", "kind": "kind"},
    "visit_types": {"name": "name", "instructions": "instructions", "room_kind": "room_kind"},
    "group_sessions": {"title": "title"},
    "oauth_clients": {"name": "name"},
}  # fmt: skip
HEADERS = ("user-agent", "referer", "accept-language", "cookie", "x-request-id", "x-forwarded-for", "forwarded",
           "origin", "x-anything")  # fmt: skip
# Why a rule was passed over is said to these, and not in the first row of the route.
BY_THE_DESK = {"POST /appointments fitted in": ("extra", "reason"),
               "POST /appointments against the rules": ("override", "reason")}  # fmt: skip
CALENDAR = "PUT /availability/vavailability"
LABELLED = {row.label: row for row in rows_of(ACCESS)}
numbers = count()


def canary_of(name: str, schema: Schema) -> str:
    """A text for the field; each one of its own where it must be."""
    word = f"canary{name}"
    if name == "phone":
        return "+49 177 5550199"
    if schema.get("format") == "email":
        return f"{word}.{next(numbers)}@example.org"
    return f"{word} {next(numbers)}"[: schema.get("maxLength", 99)]


def is_free(name: object, schema: Schema) -> bool:
    return (
        name == "phone" or schema.get("format") in ("email", "password") or not any(bound in schema for bound in BOUND)
    )


def headers_of(world: World) -> dict[str, str]:
    """With a word in every header, and a key that is honoured."""
    said = {name: f"canary{name.replace('-', '_')}" for name in HEADERS}
    return {**world.headers, **said, "idempotency-key": f'"canarykey{next(numbers)}"'}


@dataclass(slots=True)
class Walk:
    """Asks every route, and notes how it went."""

    app: FastAPI
    client: httpx.AsyncClient
    clinic: Clinic
    world: World
    done: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)

    async def write_everything(self) -> None:
        """Each body as a whole, and where that is refused, each of its texts by itself."""
        schemas = self.app.openapi()["components"]["schemas"]
        for route, schema, is_form in bodies(self.app):
            fields = [(path, part) for path, part in texts_in(schema, schemas) if is_free(path[-1], part)]
            if fields and not await self.write(route, fields, is_form=is_form):
                for each in fields:
                    await self.write(route, [each], is_form=is_form)
        for label, reason in BY_THE_DESK.items():
            await self.world.enter(Who.RECEPTIONIST)
            ask = await ask_of(self.world, LABELLED[label])
            assert await self.send(label, ask, json=laid(ask.json, reason, f"canary{'_'.join(reason)}"))
        ask = await ready(self.world, CALENDAR)
        content = str(ask.calendar).replace("END:AVAILABLE", "SUMMARY:canarysummary\r\nEND:AVAILABLE")
        assert await self.send(CALENDAR, ask, content=content, headers={"content-type": "text/calendar"})

    async def look_everywhere(self) -> None:
        for route, operation in operations(self.app):
            await self.look(route, [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"])

    async def use_pages(self) -> None:
        """Forms that do not get far, and one that does; with a word wherever there is room for one."""
        await self.world.enter(Who.NURSE)
        browser = Browser(self.client)
        said = {"email": "canarylogin@example.org", "password": "canarypassword", "next": "/canarynext"}
        headers = {name: text for name, text in headers_of(self.world).items() if name not in ("cookie", "origin")}
        await browser.open("/login?next=/canarynext%3Fcanary%3Dcanary&canaryquery=canary", **headers)
        assert (await browser.send("/login", **said)).status_code == 422
        assert (await browser.send("/login", **said, form_token="canarytoken")).status_code == 403
        browser.jar["appointed"] = "canary" * 7 + "x"
        assert (await browser.open("/account/canarypath?canary=canary", **headers)).status_code == 404
        assert (await browser.open("/account?canary=canary", **headers)).status_code == 303
        await browser.log_in(self.world.anybody.email)
        await browser.open("/account/password")
        wrong = await browser.send(
            "/account/password", current_password="canarypassword", new_password="canarypassword 1"
        )
        assert wrong.status_code == 422
        assert (await browser.post("/account/sessions/canarypath/end", {"canary": "canary"})).status_code == 403

    async def write(self, route: str, fields: list[tuple[Any, Schema]], *, is_form: bool) -> bool:
        ask = await ready(self.world, route)
        document: Any = dict(ask.form or ask.json or {})
        for path, schema in fields:
            document = laid(document, path, canary_of(str(path[-1] if isinstance(path[-1], str) else path[-2]), schema))
            self.sent.add(".".join(map(str, path)))
        return await self.send(route, ask, **{"data" if is_form else "json": document})

    async def look(self, route: str, names: list[str]) -> None:
        """Each parameter by itself, then ids and whole paths that are none; with a stale version at that."""
        ask = await ready(self.world, route)
        for name in names:
            params = {**ask.params, name: f"canaryquery_{name}"}
            await self.send(route, replace(ask, params=params), json=ask.json, data=ask.form, content=ask.calendar)
        junk = {**headers_of(self.world), "if-match": 'W/"canary"', "authorization": "Bearer canarytoken"}
        path = PARAMETER.sub("canarypath", ask.path)
        for where in (path, f"/canarynowhere{path}"):
            await self.client.request(ask.method, where, params=dict(ask.params), headers=junk, json={"canaryextra": 1})

    async def send(self, route: str, ask: Ask, **how: Any) -> bool:
        headers = headers_of(self.world) | how.pop("headers", {})
        answer = await self.client.request(ask.method, ask.path.format(**ask.ids), params=dict(ask.params),
                                           headers=headers, **how)  # fmt: skip
        assert answer.status_code < 500, f"{route}: {answer.text}"
        if answer.is_success and ask.method != "GET":
            self.done.add(route)
            # What was just changed is nothing to ask the next one about.
            self.world = await world_of(self.clinic, others=self.world.others)
        return answer.is_success


@pytest.fixture
async def walk(app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, redis_url: str) -> AsyncIterator[Walk]:
    """With Redis counting and the workers told, as in production."""
    settings = app.state.appointed.settings.model_copy(update={"redis_url": SecretStr(redis_url)})
    celery = celery_app(settings)
    hints, limiter = hint(celery), Limiter(redis_url)
    app.state.appointed = replace(app.state.appointed, hint=hints, limiter=limiter)
    yield Walk(app, client, clinic, await world_of(clinic))
    await limiter.close()
    hints.close()
    celery.close()


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """The lines of the log, as they are written in production."""
    lines: list[str] = []
    render = structlog.processors.JSONRenderer()

    def keep(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        lines.append(str(render(logger, method, event)))
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = processors[-1]
    processors[-1] = keep
    try:
        yield lines
    finally:
        processors[-1] = before


def words_in(value: object) -> set[str]:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    found = {word.decode().lower() for word in CANARY.findall(raw)}
    return {PHONE if word.isdigit() else word for word in found}


async def columns_of(database: Database) -> Mapping[tuple[str, str], set[str]]:
    """Which words stand in which column, of whatever table there is."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    async with database.engines[0].connect() as connection:
        for table in metadata.sorted_tables:
            for row in (await connection.execute(text(f"SELECT * FROM {table.name}"))).mappings():  # noqa: S608 - ours
                for column, value in row.items():
                    found[table.name, column] |= words_in(value)
    return {place: words for place, words in found.items() if words}


async def in_redis(url: str) -> set[str]:
    async with redis.from_url(url) as client:
        names = await client.keys()
        assert len(names) > 2
        return words_in(b"\n".join([bytes(await client.dump(name) or b"") + str(name).encode() for name in names]))


def allowed(table: str, column: str) -> set[str]:
    return {f"canary{name}" for name in KEPT.get(table, {}).get(column, "").split()}


async def break_registration(database: Database, walk: Walk) -> None:
    """A defect whose database error quotes what was sent."""
    body = {"first_name": "canaryfirst_name", "last_name": "canarylast_name", "password": "canarypassword of nobody",
            "insurance_provider": "canaryinsurance_provider"}  # fmt: skip
    drop = "DROP INDEX ix_defect" + (" ON patients" if database.dialect == "mysql" else "")
    async with database.engines[-1].begin() as connection:
        await connection.execute(text("CREATE UNIQUE INDEX ix_defect ON patients (insurance_provider)"))
    try:
        answers = [await walk.client.post("/patients/new-patient", json=body | {"email": f"canaryemail{n}@example.com"})
                   for n in range(2)]  # fmt: skip
    finally:
        async with database.engines[-1].begin() as connection:
            await connection.execute(text(drop))
    assert [answer.status_code for answer in answers] == [201, 500]


async def check_sealed_in(database: Database) -> None:
    """Every column that seals what people write has something to seal; that of the trail's keys is for turning over."""
    sealed = [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns
              if column.name.endswith("_sealed") and table.name != "trail_keys"]  # fmt: skip
    assert len(sealed) > 10
    async with database.reads() as session:
        for table, column in sealed:
            assert (await session.scalars(text(f"SELECT count({column}) FROM {table}"))).one(), f"{table}.{column}"  # noqa: S608


async def test_what_people_write_is_found_only_where_it_is_meant_to_be(
    walk: Walk,
    database: Database,
    backend: Backend,
    settings: Settings,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with log_lines() as lines:
        await break_registration(database, walk)
        await walk.write_everything()
        await walk.use_pages()
        if backend.name == "sqlite":
            # What is refused before it reaches a database is refused alike.
            await walk.look_everywhere()
    assert len(walk.done) > 45
    assert walk.sent >= {"first_name", "email", "phone", "notes", "reason", "note", "password", "diagnoses.0.display"}
    assert any("request_failed" in line and "IntegrityError" in line for line in lines)
    assert [line for line in lines if words_in(line)] == []
    shown = await exposition(walk.app.state.appointed)
    assert (b"/medical-records/record/{record_id}" in shown, words_in(shown)) == (True, set())
    assert set(re.findall(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", shown)) == set()
    assert [record for record in caplog.records if words_in(f"{record.getMessage()} {record.exc_text}")] == []
    assert await in_redis(redis_url) == set()
    strays = {place: words - allowed(*place) for place, words in (await columns_of(database)).items()}
    assert {place: words for place, words in strays.items() if words} == {}
    await check_sealed_in(database)
    assert in_files(settings, backend, walk.sent) == {}


def in_files(settings: Settings, backend: Backend, sent: set[str]) -> dict[str, set[bytes]]:
    """What must not be read stands in no file, the database's own included, where columns cannot be told apart."""
    kept = {word for table, columns in KEPT.items() for column in columns for word in allowed(table, column)}
    names = {next(part for part in reversed(name.split(".")) if not part.isdigit()) for name in sent}
    # One that another begins with cannot be told from it here.
    words = {f"canary{name}" for name in names if not any(word.startswith(f"canary{name}") for word in kept)}
    hidden = {word.encode() for word in words} | {b"1775550199"}
    assert hidden >= {b"canarynotes", b"canaryreason", b"canaryinsurance_number", b"canarypassword"}
    folders = [settings.var_dir] + ([Path(str(backend.url.database)).parent] if backend.name == "sqlite" else [])
    contents = {str(file): read(file) for each in folders for file in each.rglob("*") if file.is_file()}
    found = {name: {word for word in hidden if word in content} for name, content in contents.items()}
    return {name: words for name, words in found.items() if words}


def read(file: Path) -> bytes:
    """By another process: a file that is closed in this one takes SQLite's locks on it away, and the next process that
    is done with the database would remove the log that this one goes on writing to."""
    return subprocess.run(["cat", str(file)], capture_output=True, check=True).stdout
