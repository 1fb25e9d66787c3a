"""What goes wrong is logged by where it happened: what an error says may hold somebody's data."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from appointed.core.db import Database
from appointed.core.settings import Settings

from ..support.server import environment_of, serving

ADDRESS = "canary.sample@example.org"
BODY = {"first_name": "Canary", "last_name": "Sample", "password": "a canary's password", "contact_email": ADDRESS}


@pytest.fixture
async def defect(database: Database) -> AsyncIterator[None]:
    """A constraint that the program knows nothing of, and whose violation quotes what was sent."""
    async with database.engines[-1].begin() as connection:
        await connection.execute(text("CREATE UNIQUE INDEX ix_defect ON patients (contact_email)"))
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
