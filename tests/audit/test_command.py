"""`appointed audit verify`, as an administrator runs it."""

import asyncio
import sys

import pytest

from appointed import audit
from appointed.core.db import Database, transaction
from appointed.core.settings import Settings
from tests.support.clock import MONDAY
from tests.support.server import environment_of


async def verify(settings: Settings, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", "audit", "verify", *arguments, cwd=settings.var_dir,
        env=dict(environment_of(settings)), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, output.decode().strip()


@pytest.mark.backends("sqlite")
async def test_it_says_what_it_looked_at_and_what_is_not_as_recorded(database: Database, settings: Settings) -> None:
    async with transaction(database.writes) as session:
        for _ in range(3):
            audit.record(session, MONDAY, None, "appointment.book", "appointment")
    heads = audit.heads_in(settings.var_dir)
    await audit.seal(database, heads, MONDAY)
    assert await verify(settings) == (0, "3 sealed rows and 0 not sealed yet: all as recorded.")

    moved = heads.rename(settings.var_dir / "elsewhere.jsonl")
    assert await verify(settings, "--heads", str(moved)) == (0, "3 sealed rows and 0 not sealed yet: all as recorded.")
    code, said = await verify(settings)
    assert (code, said.splitlines()[-1]) == (1, "3 sealed rows and 0 not sealed yet: 1 findings.")
    assert said.startswith("Not as recorded: there is no audit-heads.jsonl")
