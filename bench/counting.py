"""How many statements a request sends, with the beginnings and ends of the transactions that can write."""

from collections import Counter
from typing import Any

import httpx
import structlog
from sqlalchemy import event

from appointed.app import create_app
from appointed.core.settings import Settings

from .operations import asked_of_ours
from .setup import Clinic


async def statements(settings: Settings, clinic: Clinic) -> dict[str, str]:
    """By operation: `6 + BEGIN + COMMIT`. The second of two equal requests, when everything is prepared."""
    app = create_app(settings, hint=lambda _ids: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    database = app.state.appointed.database
    seen: Counter[str] = Counter()

    def count(kind: str) -> Any:
        return lambda *_: seen.update([kind])

    def count_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # SQLite is sent its BEGIN as a statement.
        seen.update([] if statement.startswith("BEGIN") else ["statement"])

    for engine in database.engines:
        event.listen(engine.sync_engine, "before_cursor_execute", count_statement)
    event.listen(database.engines[-1].sync_engine, "begin", count("BEGIN"))
    event.listen(database.engines[-1].sync_engine, "commit", count("COMMIT"))
    counted = {}
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as client:
            for _ in range(2):
                visit = next(clinic.free)
                patient, desk = ({"Authorization": f"Bearer {one.token}"} for one in (visit.patient, clinic.desk))
                days = {"from": str(clinic.first_day), "to": str(clinic.last_day)}
                seen.clear()
                booked = await client.post("/appointments", json=asked_of_ours(visit), headers=patient)
                counted["book"] = _told(seen)
                await client.get("/slots", params=days | {"doctor_id": str(visit.doctor.id)})
                counted["month of free times"] = _told(seen)
                await client.get("/appointments", params=days, headers=desk)
                counted["page of visits"] = _told(seen)
                await client.post(f"/appointments/{booked.json()['id']}/cancel", headers=patient)
                counted["cancel"] = _told(seen)
    finally:
        await database.dispose()
    return counted


def _told(seen: Counter[str]) -> str:
    told = " + ".join([str(seen["statement"]), *(kind for kind in ("BEGIN", "COMMIT") if seen[kind])])
    seen.clear()
    return told
