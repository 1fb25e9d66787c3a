"""What goes wrong is logged by where it happened: what an error says may hold somebody's data."""

import ast
import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from celery import Celery, signals
from sqlalchemy import text

import appointed
from appointed.accounts.tokens import Tokens
from appointed.core import logs
from appointed.core.db import Database
from appointed.core.logs import KEYS, LONGEST, only_listed
from appointed.core.settings import Environment, Settings
from appointed.worker import run_beat

from ..support.factories import Clinic
from ..support.server import environment_of, serving

ADDRESS = "canary.sample@example.org"
BODY = {"first_name": "Canary", "last_name": "Sample", "password": "a canary's password", "insurance_provider": ADDRESS}


@pytest.fixture
async def defect(database: Database) -> AsyncIterator[None]:
    """A constraint that the program knows nothing of, and whose violation quotes what was sent."""
    async with database.engines[-1].begin() as connection:
        await connection.execute(text("CREATE UNIQUE INDEX ix_defect ON patients (insurance_provider)"))
    yield
    async with database.engines[-1].begin() as connection:
        table = " ON patients" if database.dialect != "postgresql" else ""
        await connection.execute(text(f"DROP INDEX ix_defect{table}"))


@pytest.mark.backends("postgresql", "mysql")
@pytest.mark.parametrize("environment", ["development", "production"])
async def test_a_defect_is_logged_without_what_was_sent(
    defect: None, settings: Settings, tmp_path: Path, environment: str
) -> None:
    given = environment_of(settings, ENVIRONMENT=environment, BCRYPT_COST="12")
    async with serving(given, tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        answers = [await client.post("/patients/new-patient", json=BODY | {"email": f"canary{n}@example.org"})
                   for n in range(2)]  # fmt: skip
    assert [answer.status_code for answer in answers] == [201, 500]
    log = server.log.read_text()
    assert "request_failed" in log
    assert "IntegrityError" in log
    assert "patients/service.py" in log
    assert "canary" not in log.casefold()


def shown(**event: Any) -> dict[str, Any]:
    return dict(only_listed(None, "info", event))


def test_what_is_not_on_the_list_is_left_out_and_named() -> None:
    line = shown(event="request", status=200, email=ADDRESS, body=BODY, actor_id=None)
    assert line == {"event": "request", "status": 200, "left_out": ["body", "email"]}


def test_a_line_of_the_log_is_one_line_and_short() -> None:
    line = shown(event="request", error="a\nforged\r\nline " + "x" * 5_000, ms=0.5)
    assert line["error"].startswith("a forged line xxx")
    assert len(line["error"]) <= LONGEST
    assert line["ms"] == 0.5


def logged_keys() -> Iterator[tuple[str, str]]:
    """Where the program logs, and under which keys."""
    for path in Path(appointed.__file__).parent.rglob("*.py"):
        # Whatever is collected in the midst of parsing makes CPython 3.11 lose count of its depth.
        gc.disable()
        try:
            tree = ast.parse(path.read_text())
        finally:
            gc.enable()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value):
                yield from ((f"{path.name}:{node.lineno}", str(each.arg)) for each in node.keywords if each.arg)


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "log"


def test_whatever_the_program_logs_is_on_the_list() -> None:
    keys = list(logged_keys())
    assert len(keys) > 20
    assert [(where, key) for where, key in keys if key not in KEYS | {"exc_info"}] == []


async def test_each_line_says_which_request_and_who_asked(
    clinic: Clinic, settings: Settings, tmp_path: Path, sqlite_database: object
) -> None:
    somebody, sent = await clinic.patient(), "0198c0de-0000-7000-8000-000000000001"
    given = environment_of(settings, ENVIRONMENT="production", BCRYPT_COST="12", PUBLIC_URL="https://clinic.test")
    there = Tokens.of(settings.model_copy(update={"public_url": "https://clinic.test"}))
    token = there.issue(somebody.user_id, somebody.actor.session_id, clinic.clock.now())
    headers = {"x-request-id": sent, "x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.7"}
    async with serving(given, tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        known = await client.get("/patients/me", headers={"authorization": f"Bearer {token}", **headers})
        unknown = await client.get("/nowhere", headers={"x-request-id": "canary.sample"})
        odd = await client.request("TRACE", "/doctors")
        await send_nonsense(server.url)
    assert [answer.status_code for answer in (known, unknown, odd)] == [200, 404, 405]
    # The server itself would have believed the header, for it came from this machine.
    assert "strict-transport-security" not in known.headers
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request" and line.get("route") != "/health/ready"]
    assert [line.get("actor_id") for line in requests] == [str(somebody.user_id), None, None]
    ids = [answer.headers["x-request-id"] for answer in (known, unknown, odd)]
    assert [line["request_id"] for line in requests] == ids
    assert ids[0] == sent
    assert not [line for line in lines if "left_out" in line]
    [warning] = [line for line in lines if line.get("name") == "uvicorn.error"]
    assert (warning["level"], warning["event"]) == ("warning", "Invalid HTTP request received.")
    assert "canary" not in server.log.read_text()


async def send_nonsense(url: str) -> None:
    """What the server itself warns of."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"canary\r\n\r\n")
    assert b" 400 " in await reader.read()
    writer.close()


@pytest.fixture
def as_json() -> Iterator[None]:
    logs.configure(as_json=True)
    yield
    logs.configure(as_json=False)


def test_what_libraries_log_is_told_without_what_they_put_into_it(
    as_json: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("somebody.elses")
    try:
        int(ADDRESS)
    except ValueError:
        log.exception("Cannot reach %s.\nOr %s", f"redis://:{ADDRESS}@redis", ADDRESS)
    log.info("of no interest")
    [line] = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert (line["event"], line["level"], line["name"]) == ("Cannot reach %s.", "error", "somebody.elses")
    assert line["exception"].startswith("builtins.ValueError\n")
    assert ADDRESS not in str(line)


def test_celery_leaves_the_log_to_us_in_production(settings: Settings, as_json: None) -> None:
    receivers = list(signals.setup_logging.receivers)
    given = settings.model_copy(update={"redis_url": None})
    with pytest.raises(SystemExit, match="REDIS_URL"):
        run_beat([], given)
    assert signals.setup_logging.receivers == receivers
    try:
        with pytest.raises(SystemExit, match="REDIS_URL"):
            run_beat([], given.model_copy(update={"environment": Environment.PRODUCTION}))
        before = list(logging.getLogger().handlers)
        Celery(set_as_current=False).log.setup_logging_subsystem()
        assert logging.getLogger().handlers == before
        assert [type(each).__name__ for each in before].count("_Retelling") == 1
    finally:
        signals.setup_logging.receivers[:] = receivers
