"""Time that can be busy once: locked, taken, freed and read."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from appointed import resources
from appointed.core.db import Database, constraint_of, transaction
from appointed.core.errors import NotFound
from appointed.core.ids import new_id
from appointed.resources import Busy, Claim
from appointed.resources.models import BusyTick
from tests.support.clock import FixedClock

SERVERS = ("postgresql", "mysql")
DOCTOR, ROOM, PATIENT = UUID(int=1), UUID(int=2), UUID(int=3)
VISIT, OTHER_VISIT = UUID(int=11), UUID(int=12)


@pytest.fixture(autouse=True)
async def everybody(database: Database) -> None:
    async with transaction(database.writes) as session:
        for resource_id, kind in ((DOCTOR, "doctor"), (ROOM, "room"), (PATIENT, "patient")):
            resources.add(session, resource_id, kind)


def claim(resource_id: UUID, first: int, last: int, buffer: int = 0) -> Claim:
    """A visit in [first, last) with so many ticks of buffer on either side."""
    return Claim(resource_id, first - buffer, last + buffer, first, last)


async def take(database: Database, *claims: Claim, owner: UUID = VISIT, **more: Any) -> None:
    async with transaction(database.writes) as session:
        resources.take(session, claims, owner, "appointment", **more)


async def release(database: Database, owner: UUID) -> None:
    async with transaction(database.writes) as session:
        await resources.release(session, owner)


async def busy(
    database: Database,
    clock: FixedClock,
    *ids: UUID,
    first: int = 0,
    last: int = 1_000,
    ignoring: UUID | None = None,
) -> Sequence[tuple[UUID, int, int, bool]]:
    async with database.reads() as session:
        runs = await resources.busy(session, ids or (DOCTOR, ROOM, PATIENT), first, last, clock.now(),
                                    ignoring=ignoring)  # fmt: skip
    return [(run.resource_id, run.first, run.last, run.is_buffer) for run in runs]


# --- taking and reading ----------------------------------------------------------------------------------------------


async def test_nothing_taken_is_nothing_busy(database: Database, clock: FixedClock) -> None:
    assert await busy(database, clock) == []


async def test_what_is_taken_is_busy_for_each_of_its_resources(database: Database, clock: FixedClock) -> None:
    await take(database, claim(PATIENT, 100, 106), claim(DOCTOR, 100, 106, buffer=2))
    assert await busy(database, clock) == [
        (DOCTOR, 98, 100, True), (DOCTOR, 100, 106, False), (DOCTOR, 106, 108, True), (PATIENT, 100, 106, False),
    ]  # fmt: skip
    assert await busy(database, clock, PATIENT) == [(PATIENT, 100, 106, False)]
    assert await busy(database, clock, ROOM) == []


async def test_visits_that_touch_make_one_run_and_a_gap_makes_two(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12), claim(DOCTOR, 12, 14), claim(DOCTOR, 15, 16))
    assert await busy(database, clock) == [(DOCTOR, 10, 14, False), (DOCTOR, 15, 16, False)]


async def test_only_the_asked_for_time_is_told(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 20))
    assert await busy(database, clock, first=12, last=15) == [(DOCTOR, 12, 15, False)]
    assert await busy(database, clock, first=20, last=30) == []
    assert await busy(database, clock, first=0, last=10) == []


async def test_taken_time_cannot_be_taken_again(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12))
    with pytest.raises(IntegrityError) as refused:
        await take(database, claim(PATIENT, 8, 14), claim(DOCTOR, 8, 11), owner=OTHER_VISIT)
    assert constraint_of(refused.value) == "pk_busy_ticks"
    assert await busy(database, clock) == [(DOCTOR, 10, 12, False)], "half a visit is no visit"


async def test_buffers_are_time_like_any_other(database: Database) -> None:
    await take(database, claim(DOCTOR, 10, 12, buffer=1))
    with pytest.raises(IntegrityError):
        await take(database, claim(DOCTOR, 12, 13), owner=OTHER_VISIT)


async def test_time_of_something_that_does_not_exist_cannot_be_taken(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await take(database, claim(new_id(), 10, 12))


async def test_ticks_are_written_in_the_order_of_resource_and_time(database: Database) -> None:
    """In any other order two bookings at once can lock each other out."""
    claims = [claim(PATIENT, 5, 7), claim(DOCTOR, 9, 11), claim(ROOM, 1, 3), claim(DOCTOR, 5, 7)]
    async with database.writes() as session:
        resources.take(session, claims, VISIT, "appointment")
        rows = session.info["batch"][BusyTick.__table__]
    order = [(row["resource_id"], row["tick"]) for row in rows]
    assert len(order) == 8
    assert all(one < other for one, other in pairwise(order))


async def test_what_the_ignored_owner_has_is_not_busy(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12), claim(PATIENT, 10, 12))
    await take(database, claim(DOCTOR, 12, 14, buffer=0), owner=OTHER_VISIT)
    assert await busy(database, clock, ignoring=VISIT) == [(DOCTOR, 12, 14, False)]
    assert await busy(database, clock, DOCTOR, ignoring=OTHER_VISIT) == [(DOCTOR, 10, 12, False)]


# --- freeing ---------------------------------------------------------------------------------------------------------


async def test_freed_time_is_free_at_once_and_can_be_taken_again(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12), claim(PATIENT, 10, 12))
    await release(database, VISIT)
    assert await busy(database, clock) == []
    await take(database, claim(DOCTOR, 10, 12), owner=OTHER_VISIT)


async def test_freeing_frees_nothing_that_is_somebody_elses(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12))
    await release(database, VISIT)
    await take(database, claim(DOCTOR, 10, 12), owner=OTHER_VISIT)
    await release(database, VISIT)
    assert await busy(database, clock) == [(DOCTOR, 10, 12, False)]


async def test_time_can_be_freed_and_taken_in_one_transaction(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12))
    async with transaction(database.writes) as session:
        await resources.release(session, VISIT)
        resources.take(session, [claim(DOCTOR, 11, 13)], VISIT, "appointment")
    assert await busy(database, clock) == [(DOCTOR, 11, 13, False)]


# --- holds -----------------------------------------------------------------------------------------------------------


async def test_a_hold_counts_until_it_ends_and_not_at_that_instant(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12), expires_at=clock.now() + timedelta(minutes=5))
    clock.advance(timedelta(minutes=5) - timedelta(microseconds=1))
    assert await busy(database, clock) == [(DOCTOR, 10, 12, False)]
    clock.advance(timedelta(microseconds=1))
    assert await busy(database, clock) == []


async def test_an_ended_hold_divides_what_lies_around_it(database: Database, clock: FixedClock) -> None:
    await take(database, claim(DOCTOR, 10, 12), claim(DOCTOR, 14, 16))
    await take(database, claim(DOCTOR, 12, 14), owner=OTHER_VISIT, expires_at=clock.now() + timedelta(minutes=5))
    assert await busy(database, clock) == [(DOCTOR, 10, 16, False)]
    clock.advance(timedelta(minutes=5))
    assert await busy(database, clock) == [(DOCTOR, 10, 12, False), (DOCTOR, 14, 16, False)]


async def test_an_ended_hold_still_keeps_its_key_until_somebody_removes_it(
    database: Database, clock: FixedClock
) -> None:
    """So whoever books over it ends it first."""
    await take(database, claim(DOCTOR, 10, 12), expires_at=clock.now())
    with pytest.raises(IntegrityError):
        await take(database, claim(DOCTOR, 10, 12), owner=OTHER_VISIT)


# --- runs against the plainest way to find them ----------------------------------------------------------------------

ticks = st.dictionaries(st.integers(0, 30), st.tuples(st.booleans(), st.sampled_from([None, -1, 0, 1])))


def plain_runs(taken: dict[int, tuple[bool, int | None]], first: int, last: int) -> set[tuple[int, int, bool]]:
    """Tick by tick: a run goes on while the next tick is busy in the same way."""
    counts = {
        tick: is_buffer
        for tick, (is_buffer, ends) in taken.items()
        if first <= tick < last and (ends is None or ends > 0)
    }
    runs = set()
    for tick, is_buffer in counts.items():
        if counts.get(tick - 1) is not is_buffer:
            end = tick
            while counts.get(end) is is_buffer:
                end += 1
            runs.add((tick, end, is_buffer))
    return runs


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=ticks, first=st.integers(0, 30), last=st.integers(0, 31))
async def test_runs_are_what_counting_tick_by_tick_finds(
    database: Database, clock: FixedClock, taken: dict[int, tuple[bool, int | None]], first: int, last: int
) -> None:
    rows = [{"resource_id": DOCTOR, "tick": tick, "owner_id": VISIT, "owner_kind": "x", "is_buffer": is_buffer,
             "expires_at": None if ends is None else clock.now() + timedelta(microseconds=ends)}
            for tick, (is_buffer, ends) in taken.items()]  # fmt: skip
    async with database.writes() as session:  # never committed, so that every example starts with nothing
        if rows:
            await session.execute(insert(BusyTick), rows)
        found = await resources.busy(session, [DOCTOR], first, last, clock.now())
    assert {(run.first, run.last, run.is_buffer) for run in found} == plain_runs(taken, first, last)
    assert [run.first for run in found] == sorted(run.first for run in found)


# --- locking ---------------------------------------------------------------------------------------------------------


async def test_a_resource_that_does_not_exist_cannot_be_locked(database: Database) -> None:
    with pytest.raises(NotFound):
        async with transaction(database.writes) as session:
            await resources.lock(session, [DOCTOR, new_id()])


async def test_the_same_resource_may_be_named_twice(database: Database) -> None:
    async with transaction(database.writes) as session:
        await resources.lock(session, [DOCTOR, DOCTOR])
        await resources.lock(session, [])


async def test_whoever_locks_second_sees_what_the_first_has_taken(database: Database, clock: FixedClock) -> None:
    locked, order = asyncio.Event(), []

    async def first() -> None:
        async with transaction(database.writes) as session:
            await resources.lock(session, [DOCTOR, PATIENT])
            locked.set()
            await asyncio.sleep(0.1)
            resources.take(session, [claim(DOCTOR, 10, 12)], VISIT, "appointment")
            order.append("taken")

    async def second() -> list[Busy]:
        await locked.wait()
        async with transaction(database.writes) as session:
            await resources.lock(session, [ROOM, DOCTOR])
            order.append("locked")
            return list(await resources.busy(session, [DOCTOR], 0, 100, clock.now()))

    _, found = await asyncio.gather(first(), second())
    assert order == ["taken", "locked"]
    assert found == [Busy(DOCTOR, 10, 12, is_buffer=False)]


@pytest.mark.backends(*SERVERS)
async def test_resources_that_differ_do_not_wait_for_each_other(database: Database) -> None:
    async with transaction(database.writes) as one, transaction(database.writes) as other:
        await resources.lock(one, [DOCTOR])
        async with asyncio.timeout(2):
            await resources.lock(other, [ROOM, PATIENT])


@pytest.mark.backends(*SERVERS)
async def test_locks_in_any_named_order_never_lock_each_other_out(database: Database) -> None:
    """In the order in which they are named, these would meet a deadlock within a few rounds."""

    async def both(*ids: UUID) -> None:
        async with transaction(database.writes) as session:
            await resources.lock(session, ids)
            await asyncio.sleep(0)

    for _ in range(10):
        await asyncio.gather(both(DOCTOR, ROOM), both(ROOM, DOCTOR), both(PATIENT, DOCTOR), both(ROOM, PATIENT))


@pytest.mark.backends("postgresql")
async def test_a_locked_resource_can_still_be_referred_to(database: Database) -> None:
    """A new row's foreign key looks at its parent; that does not wait for whoever is booking."""
    async with transaction(database.writes) as session:
        await resources.lock(session, [DOCTOR])
        async with asyncio.timeout(2):
            await take(database, claim(DOCTOR, 1, 2))
