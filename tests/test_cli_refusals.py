"""Commands that cannot do what they are told say so in a line or two, with what mends it and without any secret."""

import asyncio
import base64
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from appointed.core.settings import Settings

from .support.factories import Clinic
from .support.fixtures import settings_of
from .support.server import environment_of

KEPT = "kept-from-everybody"
MIGRATE = ("migrate",)


async def run(folder: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int | None, str]:
    """The exit code, and all that was printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", *arguments, cwd=folder, env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, " ".join(output.decode().split())


@pytest.mark.parametrize(
    "command",
    [("user", "disable", "robin@example.org"), ("outbox", "list"), ("outbox", "retry")],
    ids=lambda command: " ".join(command),
)
async def test_a_database_without_a_schema_is_to_be_migrated(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, said = await run(tmp_path, environment_of(settings_of(tmp_path)), *command)
    assert (code, said) == (1, "The database does not have the schema of this version. Run: appointed migrate")


@pytest.mark.parametrize(
    ("wrong", "command", "hint"),
    [
        ({"DATABASE_URL": f"nonsense {KEPT}"}, MIGRATE, "DATABASE_URL: Value error, is no address"),
        ({"DATABASE_URL": f"oracle://u:{KEPT}@localhost/x"}, MIGRATE, "must begin with postgresql"),
        ({"DATABASE_URL": "sqlite://"}, MIGRATE, "must name a file"),
        ({"DATABASE_URL": f"postgresql://u:{KEPT}@127.0.0.1:1/x"}, MIGRATE, "cannot be reached"),
        ({"VAR_DIR": "/proc/nowhere", "SECRET_KEY": ""}, MIGRATE, "VAR_DIR"),
        ({}, (*MIGRATE, "--revision", "nowhere"), "Can't locate revision"),
        ({"SMTP_PORT": KEPT}, ("worker",), "SMTP_PORT"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": ""}, ("beat",), "SECRET_KEY must be set in production"),
        ({"ENVIRONMENT": "production"}, ("demo",), "A demo clinic is not made in production"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_said_without_a_trace_or_a_secret(
    tmp_path: Path, wrong: dict[str, str], command: tuple[str, ...], hint: str
) -> None:
    environment = environment_of(settings_of(tmp_path), BCRYPT_COST="12", NO_COLOR="1")
    code, said = await run(tmp_path, environment | wrong, *command)
    assert code in (1, 2)
    assert hint in said
    assert "Traceback" not in said
    assert KEPT not in said


async def test_a_database_that_another_key_sealed_is_left_alone(
    clinic: Clinic, settings: Settings, tmp_path: Path, sqlite_database: object
) -> None:
    await clinic.patient(phone="+49 30 5550 1234")
    right = environment_of(settings)
    assert (await run(tmp_path, right, "migrate"))[0] == 0
    other = base64.b64encode(bytes(32)).decode()
    code, said = await run(tmp_path, right | {"DATA_KEY": other}, "serve")
    assert code == 1
    assert "sealed with another data key" in said


async def test_a_new_installation_is_told_what_its_data_key_is_worth(tmp_path: Path) -> None:
    environment = environment_of(settings_of(tmp_path))
    assert "losing it loses the data" in (await run(tmp_path, environment, "migrate"))[1]
    assert "losing it loses the data" not in (await run(tmp_path, environment, "migrate"))[1]


async def test_what_a_new_installation_keeps_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    given = {name: value for name, value in environment_of(settings_of(tmp_path)).items() if not name.endswith("_KEY")}
    assert (await run(tmp_path, given, "migrate"))[0] == 0
    kept = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"appointed.sqlite3", "data_key", "secret_key"} <= kept.keys()
    assert set(kept.values()) == {0o600}
