"""A request that takes too long is given up, and what it held is free again."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select, update

from appointed.appointments.models import Appointment
from appointed.core.db import LOCK_TIMEOUT_SECONDS, transaction
from appointed.core.settings import Settings
from appointed.resources.models import Resource

from ..support.clock import FixedClock
from ..support.factories import Clinic
from ..support.fixtures import settings_of
from ..support.scene import Scene, check_unavailable, scene_in


def within(app: FastAPI, settings: Settings, seconds: float) -> None:
    """Let the running application give up requests after so long."""
    changed = settings_of(settings.var_dir, database_url=settings.database_url, request_seconds=seconds)
    app.state.appointed = replace(app.state.appointed, settings=changed)


async def booked(scene: Scene) -> int:
    async with scene.clinic.database.reads() as session:
        return (await session.scalars(select(func.count()).select_from(Appointment))).one()


async def test_a_request_that_waits_too_long_for_a_lock_is_given_up(
    app: FastAPI, settings: Settings, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    scene = await scene_in(client, clinic, clock)
    within(app, settings, 0.5)
    async with transaction(clinic.database.writes) as session:
        # On a server it locks the doctor, on SQLite everything.
        await session.execute(update(Resource).where(Resource.id == scene.doctor.id).values(kind="doctor"))
        started = time.perf_counter()
        answers = await asyncio.gather(*(scene.book() for _ in range(4)))
        # Less than the database itself would have waited.
        assert time.perf_counter() - started < LOCK_TIMEOUT_SECONDS
    for answer in answers:
        check_unavailable(answer)
    assert await booked(scene) == 0
    within(app, settings, 30)
    assert (await scene.book()).status_code == 201
    assert await booked(scene) == 1


async def test_a_body_that_never_ends_is_not_waited_for(
    app: FastAPI, settings: Settings, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    within(app, settings, 0.5)
    answer = await client.post("/patients/join", content=trickle(), headers={"content-type": "application/json"})
    check_unavailable(answer)
    assert answer.headers["x-frame-options"] == "DENY"
