"""The proof that the races can be lost: with lock and key off, the same test sees two winners."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from appointed.app import create_app
from appointed.core.crypto import Vault
from appointed.core.db import Database
from appointed.core.settings import Settings
from tests.support.app import client_of
from tests.support.clock import FixedClock
from tests.support.databases import Backend, fresh
from tests.support.factories import Clinic, Person
from tests.support.interference import take_the_key_away, unlocked, widened
from tests.support.racing import HALF_HOUR, at_once, booking, check_one_winner, enrol, tally, winners
from tests.support.soundness import flaws

RACERS = 8


@pytest.fixture
async def keyless(backend: Backend, tmp_path: Path, vault: Vault) -> AsyncIterator[Backend]:
    """A database of its own whose ticks have no primary key."""
    async with fresh(backend.server, tmp_path, vault) as made:
        await take_the_key_away(made)
        yield made


async def race(database: Database, settings: Settings, clock: FixedClock) -> list[httpx.Response]:
    """All want the next half hour, and each decides before anybody has written, unless something keeps them from it."""
    clinic = Clinic(database, settings, clock)
    await clinic.open()
    doctor = await clinic.doctor()
    people = await enrol(clinic, RACERS)
    app = create_app(settings, clock=clock, database=database, hint=lambda _ids: None)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(logged_in(app, person)) for person in people]
        stack.enter_context(widened(database))
        return await at_once([booking(client, doctor.profile_id, clock.now() + 4 * HALF_HOUR) for client in clients])


def logged_in(app: FastAPI, person: Person) -> httpx.AsyncClient:
    client = client_of(app)
    client.headers.update(person.headers)
    return client


async def test_with_lock_and_key_one_has_the_time(backend: Backend, settings: Settings, clock: FixedClock) -> None:
    check_one_winner(await race(backend.database, settings, clock))
    assert await flaws(backend.database) == []


async def test_without_the_lock_the_key_lets_one_through_and_tells_the_others(
    backend: Backend, settings: Settings, clock: FixedClock, vault: Vault
) -> None:
    async with unlocked(backend, vault) as database:
        check_one_winner(await race(database, settings, clock))
    assert await flaws(backend.database) == []


async def test_without_the_key_the_lock_lets_one_through_and_tells_the_others(
    keyless: Backend, settings: Settings, clock: FixedClock
) -> None:
    check_one_winner(await race(keyless.database, settings, clock))
    assert await flaws(keyless.database) == []


async def test_without_lock_and_key_the_same_race_has_two_winners(
    keyless: Backend, settings: Settings, clock: FixedClock, vault: Vault
) -> None:
    async with unlocked(keyless, vault) as database:
        answers = await race(database, settings, clock)
    assert len(winners(answers)) > 1, tally(answers)
    assert any("double booked" in flaw for flaw in await flaws(keyless.database))
    with pytest.raises(AssertionError):
        check_one_winner(answers)
