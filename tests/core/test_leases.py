"""Leases: one holder at a time, until it ends or is renewed."""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from appointed.core.db import Database
from appointed.core.ids import new_id
from appointed.core.leases import Lease, take
from tests.support.clock import FixedClock

MINUTE = timedelta(minutes=1)
ONE, OTHER = UUID(int=1), UUID(int=2)


async def holder_of(database: Database, name: str) -> UUID | None:
    async with database.reads() as session:
        holder: UUID | None = await session.scalar(select(Lease.holder).where(Lease.name == name))
        return holder


async def test_a_free_lease_is_taken(database: Database, clock: FixedClock) -> None:
    assert await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    assert await holder_of(database, "dispatch") == ONE


async def test_a_held_lease_is_not_taken(database: Database, clock: FixedClock) -> None:
    await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    clock.advance(MINUTE - timedelta(microseconds=1))
    assert not await take(database.writes, "dispatch", OTHER, MINUTE, clock.now())
    assert await holder_of(database, "dispatch") == ONE


async def test_an_ended_lease_is_taken_at_the_instant_that_it_ends(database: Database, clock: FixedClock) -> None:
    await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    clock.advance(MINUTE)
    assert await take(database.writes, "dispatch", OTHER, MINUTE, clock.now())
    assert not await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    assert await holder_of(database, "dispatch") == OTHER


async def test_its_holder_renews_a_lease(database: Database, clock: FixedClock) -> None:
    await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    clock.advance(MINUTE / 2)
    assert await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    clock.advance(MINUTE - timedelta(microseconds=1))
    assert not await take(database.writes, "dispatch", OTHER, MINUTE, clock.now())


async def test_a_renewal_that_changes_nothing_is_a_renewal(database: Database, clock: FixedClock) -> None:
    for _ in range(2):
        assert await take(database.writes, "dispatch", ONE, MINUTE, clock.now())


async def test_leases_of_different_names_are_different_leases(database: Database, clock: FixedClock) -> None:
    assert await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    assert await take(database.writes, "Dispatch", OTHER, MINUTE, clock.now())


async def takers(database: Database, clock: FixedClock) -> list[UUID]:
    """Who of ten that try at once has the lease."""
    everybody = [new_id() for _ in range(10)]
    had = await asyncio.gather(*(take(database.writes, "dispatch", each, MINUTE, clock.now()) for each in everybody))
    return [each for each, has in zip(everybody, had, strict=True) if has]


async def test_of_many_who_take_a_new_lease_at_once_one_has_it(database: Database, clock: FixedClock) -> None:
    assert await takers(database, clock) == [await holder_of(database, "dispatch")]


async def test_of_many_who_take_an_ended_lease_at_once_one_has_it(database: Database, clock: FixedClock) -> None:
    await take(database.writes, "dispatch", ONE, MINUTE, clock.now())
    clock.advance(MINUTE)
    assert await takers(database, clock) == [await holder_of(database, "dispatch")]
