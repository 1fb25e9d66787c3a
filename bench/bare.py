"""The yardstick: handlers that make the same durable writes, or a plain SELECT, and nothing else.

No login, no lock, no rule is looked at, nothing is sealed or signed: what is left is the web framework, the driver and
the database. Run by uvicorn like the real server.
"""

import gc
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import make_url
from typing_extensions import TypedDict

from appointed.core.ids import new_id

from .stores import Statement, Store, Values, connect

VISIT = timedelta(minutes=30)
CARE = timedelta(days=365)
TICK_SECONDS = 300
SIGNATURE = bytes(32)

From = Annotated[datetime, Query(alias="from")]


class Busy(TypedDict):
    """Instants are texts on SQLite."""

    id: UUID
    patient_id: UUID
    starts_at: datetime | str
    ends_at: datetime | str
    status: str


class Visit(Busy):
    doctor_id: UUID
    visit_type_id: UUID
    location_id: UUID
    version: int
    is_extra: bool | int
    channel: str
    booked_by: UUID
    notified: str
    needs_attention: bool | int
    created_at: datetime | str


# Told what to expect, Pydantic writes a driver's rows three times as fast as when it looks at each value.
MONTH, PAGE = TypeAdapter(list[Busy]), TypeAdapter(list[Visit])
BUSY_COLUMNS, VISIT_COLUMNS = tuple(Busy.__annotations__), tuple(Visit.__annotations__)


def _insert(table: str, *columns: str) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - ours


INSERT_VISIT = _insert("appointments", *VISIT_COLUMNS)
INSERT_TICK = _insert("busy_ticks", "resource_id", "tick", "owner_id", "owner_kind", "is_buffer")
INSERT_RELATION = _insert("care_relations", "appointment_id", "patient_id", "doctor_id", "doctor_user_id",
                          "location_id", "valid_from", "valid_until")  # fmt: skip
INSERT_MESSAGE = _insert("outbox", "id", "name", "payload", "created_at", "due_at", "attempts")
INSERT_TRAIL = _insert(
    "audit_events", "id", "recorded_at", "actor_id", "action", "outcome", "entity", "entity_id", "patient_id",
    "request_id", "detail", "signature",
)  # fmt: skip
CANCEL_VISIT = ("UPDATE appointments SET status = ?, version = version + 1, cancelled_at = ?, cancelled_by = ?"
                " WHERE id = ?")  # fmt: skip
DELETE_TICKS = "DELETE FROM busy_ticks WHERE owner_id = ?"
DELETE_RELATION = "DELETE FROM care_relations WHERE appointment_id = ?"
SELECT_MONTH = (f"SELECT {', '.join(BUSY_COLUMNS)} FROM appointments"  # noqa: S608 - ours
                " WHERE doctor_id IN ({}) AND starts_at >= ? AND starts_at < ? ORDER BY starts_at")  # fmt: skip
SELECT_PAGE = (f"SELECT {', '.join(VISIT_COLUMNS)} FROM appointments"  # noqa: S608 - ours
               " WHERE starts_at >= ? AND starts_at < ? ORDER BY starts_at, id LIMIT 51")  # fmt: skip
SELECT_FREE = """
    SELECT schedules.doctor_id, schedules.location_id
    FROM schedules JOIN doctors ON doctors.id = schedules.doctor_id
    WHERE doctors.is_active AND weekday = ? AND start_minute <= ? AND end_minute >= ? AND NOT EXISTS
        (SELECT 1 FROM busy_ticks WHERE resource_id = schedules.doctor_id AND tick >= ? AND tick < ?)
    ORDER BY schedules.doctor_id LIMIT ?
"""


class Free(TypedDict):
    doctor_id: UUID
    location_id: UUID
    starts_at: datetime
    ends_at: datetime


FREE = TypeAdapter(list[Free])


class Who(BaseModel):
    """What the real server looks up, this one is told."""

    patient_id: UUID
    patient_user_id: UUID


class Booking(Who):
    doctor_id: UUID
    doctor_user_id: UUID
    visit_type_id: UUID
    location_id: UUID
    starts_at: datetime


def create_app() -> FastAPI:
    app = FastAPI(lifespan=_lifespan, openapi_url=None)

    @app.get("/health/ready")
    async def ready() -> str:
        return "ok"

    @app.post("/appointments")
    async def book(body: Booking) -> Response:
        visit, statements = _booked(body, datetime.now(UTC))
        await _store_of(app).write(statements)
        return _answer(visit, 201)

    @app.post("/appointments/{visit_id}/cancel")
    async def cancel(visit_id: UUID, body: Who) -> Response:
        await _store_of(app).write(_cancelled(visit_id, body, datetime.now(UTC)))
        return _answer({"id": visit_id, "status": "cancelled"})

    @app.get("/slots")
    async def month(doctor_id: Annotated[list[UUID], Query()], from_: From, to: datetime) -> Response:
        statement = SELECT_MONTH.format(", ".join("?" * len(doctor_id)))
        return _rows(MONTH, BUSY_COLUMNS, await _store_of(app).select(statement, *doctor_id, from_, to))

    @app.get("/slots/first")
    async def first(
        weekday: int, minute: Annotated[list[int], Query()], tick: Annotated[list[int], Query()], limit: int
    ) -> Response:
        half_hours = zip(minute, tick, strict=True)
        found = await _first_free(_store_of(app), weekday, half_hours, limit)
        return Response(FREE.dump_json(found), media_type="application/json")

    @app.get("/appointments")
    async def page(from_: From, to: datetime) -> Response:
        return _rows(PAGE, VISIT_COLUMNS, await _store_of(app).select(SELECT_PAGE, from_, to))

    # As the real server does.
    gc.collect()
    gc.freeze()
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with connect(make_url(os.environ["DATABASE_URL"])) as store:
        app.state.store = store
        yield


def _store_of(app: FastAPI) -> Store:
    store: Store = app.state.store
    return store


async def _first_free(store: Store, weekday: int, half_hours: Iterable[tuple[int, int]], limit: int) -> list[Free]:
    """Told the half hours of a day, each as its minute of the day and its tick; every visit takes one."""
    found: list[Free] = []
    for minute, tick in half_hours:
        found += await _free_at(store, weekday, minute, tick, limit - len(found))
        if len(found) == limit:
            break
    return found


async def _free_at(store: Store, weekday: int, minute: int, tick: int, limit: int) -> list[Free]:
    """The first doctors by id who are there in that half hour and have nothing to do."""
    until = minute + VISIT // timedelta(minutes=1), tick + VISIT // timedelta(seconds=TICK_SECONDS)
    rows = await store.select(SELECT_FREE, weekday, minute, until[0], tick, until[1], limit)
    starts_at, ends_at = (datetime.fromtimestamp(each * TICK_SECONDS, UTC) for each in (tick, until[1]))
    return [{"doctor_id": doctor_id, "location_id": location_id, "starts_at": starts_at, "ends_at": ends_at}
            for doctor_id, location_id in rows]  # fmt: skip


def _booked(body: Booking, now: datetime) -> tuple[Visit, list[Statement]]:
    """The rows that a booking leaves: the visit, its ticks, who treats whom, a message and a trail."""
    visit_id, ends_at = new_id(), body.starts_at + VISIT
    first, last = (int(instant.timestamp()) // TICK_SECONDS for instant in (body.starts_at, ends_at))
    visit: Visit = {
        "id": visit_id, "doctor_id": body.doctor_id, "patient_id": body.patient_id,
        "visit_type_id": body.visit_type_id, "location_id": body.location_id, "starts_at": body.starts_at,
        "ends_at": ends_at, "status": "booked", "version": 1, "is_extra": False, "channel": "online",
        "booked_by": body.patient_user_id, "notified": "queued", "needs_attention": False, "created_at": now,
    }  # fmt: skip
    ticks = [(resource, tick, visit_id, "appointment", False)
             for resource in sorted((body.doctor_id, body.patient_id)) for tick in range(first, last)]  # fmt: skip
    values = dict(visit)
    return visit, [
        (INSERT_VISIT, [[values[name] for name in VISIT_COLUMNS]]),
        (INSERT_TICK, ticks),
        (
            INSERT_RELATION,
            [(visit_id, body.patient_id, body.doctor_id, body.doctor_user_id, body.location_id, now, ends_at + CARE)],
        ),
        *_told("booked", visit_id, body, now),
    ]


def _cancelled(visit_id: UUID, body: Who, now: datetime) -> list[Statement]:
    return [
        (CANCEL_VISIT, [("cancelled", now, body.patient_user_id, visit_id)]),
        (DELETE_TICKS, [(visit_id,)]),
        (DELETE_RELATION, [(visit_id,)]),
        *_told("cancelled", visit_id, body, now),
    ]


def _told(what: str, visit_id: UUID, body: Who, now: datetime) -> list[Statement]:
    message = (new_id(), f"appointment.{what}", f'{{"appointment_id": "{visit_id}", "version": "1"}}', now, now, 0)
    trail = (new_id(), now, body.patient_user_id, f"appointment.{what}", "done", "appointment", visit_id,
             body.patient_id, new_id().hex, "{}", SIGNATURE)  # fmt: skip
    return [(INSERT_MESSAGE, [message]), (INSERT_TRAIL, [trail])]


def _rows(kind: TypeAdapter[Any], columns: tuple[str, ...], rows: list[Values]) -> Response:
    return Response(
        kind.dump_json([dict(zip(columns, row, strict=True)) for row in rows]), media_type="application/json"
    )


def _answer(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type="application/json")
