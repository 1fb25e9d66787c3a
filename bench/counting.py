"""How many statements a request sends, with the beginnings and ends of the transactions that can write."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import structlog
from sqlalchemy import event

from appointed.app import create_app
from appointed.core.db import Database
from appointed.core.settings import Settings

from . import operations
from .crowd import Crowd
from .setup import Clinic


class Counting:
    """What was sent, by operation: `6 + BEGIN + COMMIT`."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self.counted: dict[str, str] = {}
        self._client = client
        self._seen: Counter[str] = Counter()
        writing = database.engines[-1].sync_engine
        for engine in database.engines:
            event.listen(engine.sync_engine, "before_cursor_execute", self._count_statement)
        event.listen(writing, "begin", lambda *_: self._seen.update(["BEGIN"]))
        event.listen(writing, "commit", lambda *_: self._seen.update(["COMMIT"]))

    async def in_clinic(self, clinic: Clinic) -> None:
        # Of two equal requests the second counts, when everything is prepared.
        for _ in range(2):
            visit = next(clinic.free)
            patient, desk = ({"Authorization": f"Bearer {one.token}"} for one in (visit.patient, clinic.desk))
            asked, together = operations.asked_of_ours(visit), operations.together(clinic)
            booked = await self._ask("book", "POST", "/appointments", json=asked, headers=patient)
            for name, doctors in (("month of free times", [visit.doctor]),
                                  (operations.name_of_months(clinic), together)):  # fmt: skip
                await self._ask(name, "GET", "/slots", params=operations.asked_of_months(clinic, doctors))
            days = {"from": str(clinic.first_day), "to": str(clinic.last_day)}
            await self._ask("page of visits", "GET", "/appointments", headers=desk, params=days)
            await self._ask("cancel", "POST", f"/appointments/{booked['id']}/cancel", headers=patient)

    async def in_crowd(self, crowd: Crowd) -> None:
        for _ in range(2):
            name, asked = operations.name_of_first(crowd), operations.asked_of_crowd(crowd)
            await self._ask(name, "GET", "/slots", params=asked)

    async def _ask(self, name: str, method: str, path: str, **how: Any) -> Any:
        self._seen.clear()
        answer = await self._client.request(method, path, **how)
        seen = (kind for kind in ("BEGIN", "COMMIT") if self._seen[kind])
        self.counted[name] = " + ".join([str(self._seen["statement"]), *seen])
        return answer.raise_for_status().json()

    def _count_statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        # SQLite is sent its BEGIN as a statement.
        self._seen.update([] if statement.startswith("BEGIN") else ["statement"])


@asynccontextmanager
async def counting(settings: Settings) -> AsyncIterator[Counting]:
    """By an application in this process."""
    app = create_app(settings, hint=lambda _ids: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    database = app.state.appointed.database
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as client:
            yield Counting(client, database)
    finally:
        await database.dispose()
