"""A request is one transaction: all of it or nothing, again after a deadlock, and answered only when it is kept."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.core.crypto import Vault
from appointed.core.db import Database, transaction
from appointed.core.retry import ATTEMPTS
from appointed.deps import session as sessions
from tests.support.app import client_of
from tests.support.clock import FixedClock
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.faults import (
    DEADLOCK,
    FULL,
    TICKS,
    Fault,
    another_process,
    counts,
    cut_off_at_commit,
    failing_after,
    failing_at_commit,
    watched,
)
from tests.support.racing import tally
from tests.support.scene import Scene, check_unavailable, scene_in, until_waiting
from tests.support.soundness import flaws, remains

SERVERS = ("postgresql", "mysql")


@pytest.fixture
async def scene(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> Scene:
    return await scene_in(client, clinic, clock)


# --- commits ---------------------------------------------------------------------------------------------------------


async def test_a_commit_that_fails_never_reads_as_booked(scene: Scene, backend: Backend) -> None:
    before = await counts(backend.database)
    with failing_at_commit(backend, FULL, times=1) as fault:
        answer = await scene.book()
    assert fault.said == 1
    assert tally([answer]) == {"500 internal_error": 1}
    assert await counts(backend.database) == before


@pytest.mark.backends(*SERVERS)
async def test_a_connection_that_is_lost_at_the_commit_reads_as_unavailable(scene: Scene, backend: Backend) -> None:
    before = await counts(backend.database)
    with cut_off_at_commit(backend):
        check_unavailable(await scene.book())
    assert await counts(backend.database) == before
    assert tally([await scene.book()]) == {"201": 1}


@pytest.mark.parametrize(("scope", "status"), [("function", 500), ("request", 201)])
async def test_a_session_that_commits_after_the_answer_would_lie(
    scope: Any, status: int, app: FastAPI, clinic: Clinic, backend: Backend, sqlite_database: Database
) -> None:
    """The session's scope is one word, and this is what hangs on it."""
    trial = FastAPI()
    trial.state.appointed = app.state.appointed
    TrialSession = Annotated[AsyncSession, Depends(sessions._writing, scope=scope)]  # noqa: N806 - a type

    @trial.post("/names", status_code=201)
    async def rename(session: TrialSession) -> None:
        await session.execute(text("UPDATE locations SET name = 'Elsewhere'"))

    async with client_of(trial) as client:
        with failing_at_commit(backend, FULL, times=1):
            assert (await client.post("/names")).status_code == status
    async with sqlite_database.reads() as session:
        assert await session.scalar(text("SELECT name FROM locations")) != "Elsewhere"


# --- running again ---------------------------------------------------------------------------------------------------


Failing = Callable[[Backend, int], AbstractContextManager[Fault]]
MOMENTS: dict[str, Failing] = {
    "in the service": lambda backend, times: failing_after(backend, TICKS, DEADLOCK, times),
    "at the commit": lambda backend, times: failing_at_commit(backend, DEADLOCK, times),
}
each_moment = pytest.mark.parametrize("failing", MOMENTS.values(), ids=MOMENTS)


@each_moment
@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
async def test_after_a_deadlock_the_request_runs_again_as_if_nothing_had_been(
    failing: Failing, times: int, scene: Scene, backend: Backend
) -> None:
    before = await counts(backend.database)
    with watched(backend.database) as watch, failing(backend, times) as fault:
        answer = await scene.book()
    assert (fault.said, watch.retryable, watch.begun) == (times, times, times + 1)
    assert tally([answer]) == {"201": 1}
    assert [str(visit.id) for visit in (await remains(backend.database)).visits] == [answer.json()["id"]]
    assert await flaws(backend.database) == []
    after = await counts(backend.database)
    grown = {table: after[table] - before[table] for table in after if after[table] != before[table]}
    assert grown == {"appointments": 1, "busy_ticks": 12, "care_relations": 1, "outbox": 1, "audit_events": 1,
                     "idempotency_keys": 1}  # fmt: skip


@each_moment
async def test_when_every_attempt_fails_the_service_is_unavailable_and_nothing_is_left(
    failing: Failing, scene: Scene, backend: Backend
) -> None:
    before = await counts(backend.database)
    with failing(backend, ATTEMPTS) as fault:
        check_unavailable(await scene.book())
    assert fault.said == ATTEMPTS
    assert await counts(backend.database) == before
    assert tally([await scene.book()]) == {"201": 1}


async def test_a_cancellation_that_meets_a_deadlock_happens_once(scene: Scene, backend: Backend) -> None:
    visit = (await scene.book()).json()
    with failing_at_commit(backend, DEADLOCK, times=1) as fault:
        answer = await scene.client.delete(f"/appointments/{visit['id']}", headers=scene.patient.headers)
    assert fault.said == 1
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert await flaws(backend.database) == []


@pytest.mark.backends(*SERVERS)
async def test_a_real_deadlock_is_survived(scene: Scene, backend: Backend, vault: Vault) -> None:
    """Somebody locks the patient and then the doctor, against the order that everybody keeps."""
    first, second = sorted([scene.doctor.profile_id, scene.patient.profile_id])
    async with another_process(backend, vault) as database:
        with watched(backend.database) as watch:
            async with transaction(database.writes) as session:
                # InnoDB gives up the transaction that has changed least; PostgreSQL the one that finds the circle.
                await session.execute(text("UPDATE users SET display_name = 'Robin'"))
                await leave_finding_it_to_others(session, backend)
                await resources.lock(session, [second])
                posting = asyncio.create_task(scene.book())
                await until_waiting(watch, posting)
                await resources.lock(session, [first])
            answer = await posting
    assert watch.retryable == 1
    assert tally([answer]) == {"201": 1}
    assert await flaws(backend.database) == []


async def leave_finding_it_to_others(session: AsyncSession, backend: Backend) -> None:
    """Of two that wait in a circle, PostgreSQL ends the one that looks for circles first."""
    if backend.name == "postgresql" and await session.scalar(text("SELECT current_setting('is_superuser')")) == "on":
        await session.execute(text("SET LOCAL deadlock_timeout = '30s'"))
