"""Too many wrong passwords: the address has to wait, longer each time, whichever process is asked."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select

from appointed import accounts
from appointed.accounts import attempts
from appointed.accounts.actor import Role
from appointed.accounts.models import LoginFailure
from appointed.accounts.passwords import Hasher
from appointed.app import state_with
from appointed.audit.models import AuditEvent
from appointed.core.crypto import Vault
from appointed.core.db import Database, transaction
from appointed.core.settings import Settings

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person

SECOND = timedelta(seconds=1)
WRONG = "a wrong one"


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


async def log_in(client: httpx.AsyncClient, email: str, password: str = WRONG) -> httpx.Response:
    return await client.post("/auth/login", data={"username": email, "password": password})


async def fail(client: httpx.AsyncClient, email: str, times: int = 5) -> list[int]:
    return [(await log_in(client, email)).status_code for _ in range(times)]


async def failures(database: Database) -> list[int]:
    async with database.reads() as session:
        return list(await session.scalars(select(LoginFailure.count)))


async def test_after_five_failures_even_the_right_password_waits(
    client: httpx.AsyncClient, nurse: Person, clock: FixedClock
) -> None:
    assert await fail(client, nurse.email) == [401] * 5
    early = await log_in(client, nurse.email, PASSWORD)
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (429, "too_many_requests", "30")
    clock.advance(30 * SECOND - timedelta(microseconds=1))
    assert (await log_in(client, nurse.email, PASSWORD)).headers["retry-after"] == "1"
    clock.advance(timedelta(microseconds=1))
    assert (await log_in(client, nurse.email, PASSWORD)).status_code == 200


async def test_four_failures_and_a_right_password_are_a_new_beginning(
    client: httpx.AsyncClient, nurse: Person, database: Database
) -> None:
    for _ in range(2):
        assert await fail(client, nurse.email, 4) == [401] * 4
        assert (await log_in(client, nurse.email, PASSWORD)).status_code == 200
        assert await failures(database) == []


@pytest.mark.parametrize("known", [True, False])
async def test_the_wait_grows_to_an_hour_and_is_the_same_for_an_address_that_nobody_has(
    client: httpx.AsyncClient, nurse: Person, clock: FixedClock, sqlite_database: object, known: bool
) -> None:
    email = nurse.email if known else "nobody@example.org"
    assert await fail(client, email) == [401] * 5
    waits = []
    for _ in range(9):
        waits.append(int((await log_in(client, email)).headers["retry-after"]))
        clock.advance(waits[-1] * SECOND)
        assert (await log_in(client, email)).status_code == 401
    # Each early try counts too, so that every second step is seen.
    assert waits == [30, 120, 480, 1920, 3600, 3600, 3600, 3600, 3600]


async def test_known_and_unknown_are_refused_in_the_same_words(
    client: httpx.AsyncClient, nurse: Person, sqlite_database: object
) -> None:
    for email in (nurse.email, "nobody@example.org"):
        await fail(client, email)
    answers = [await log_in(client, nurse.email), await log_in(client, nurse.email, PASSWORD),
               await log_in(client, "nobody@example.org")]  # fmt: skip
    assert {answer.status_code for answer in answers} == {429}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["retry-after"] for answer in answers} == {"30"}


async def test_trying_early_does_not_make_the_wait_longer_that_has_begun(
    client: httpx.AsyncClient, nurse: Person, clock: FixedClock, sqlite_database: object
) -> None:
    await fail(client, nurse.email)
    for _ in range(3):
        clock.advance(9 * SECOND)
        assert (await log_in(client, nurse.email)).status_code == 429
    clock.advance(3 * SECOND)
    assert (await log_in(client, nurse.email, PASSWORD)).status_code == 200


async def test_somebody_else_logs_in_from_the_same_place(
    client: httpx.AsyncClient, clinic: Clinic, nurse: Person
) -> None:
    other = await clinic.staff(Role.NURSE)
    await fail(client, nurse.email, 8)
    assert (await log_in(client, other.email, PASSWORD)).status_code == 200


async def test_letter_case_is_no_way_around(client: httpx.AsyncClient, nurse: Person, sqlite_database: object) -> None:
    await fail(client, nurse.email, 3)
    await fail(client, f" {nurse.email.upper()} ", 2)
    assert (await log_in(client, nurse.email, PASSWORD)).status_code == 429


async def test_twenty_wrong_passwords_at_once_count_as_twenty(
    client: httpx.AsyncClient, nurse: Person, database: Database
) -> None:
    answers = await asyncio.gather(*(log_in(client, nurse.email) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15
    assert await failures(database) == [20]


async def test_twenty_right_passwords_at_once_all_log_in(client: httpx.AsyncClient, nurse: Person) -> None:
    answers = await asyncio.gather(*(log_in(client, nurse.email, PASSWORD) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}


async def test_every_process_counts_for_the_others_and_none_needs_redis(
    app: FastAPI, client: httpx.AsyncClient, nurse: Person, settings: Settings, clock: FixedClock, database: Database
) -> None:
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    usual = app.state.appointed
    states = [state_with(nowhere, database, clock, lambda _ids: None) for _ in range(3)]
    for number in range(5):
        app.state.appointed = states[number % 3]
        assert (await log_in(client, nurse.email)).status_code == 401
    for state in (*states, usual):
        app.state.appointed = state
        assert (await log_in(client, nurse.email, PASSWORD)).status_code == 429


class CountingHasher(Hasher):
    """Says how many passwords it was asked to check."""

    checks = 0

    async def verify(self, password: str, hashed: str | None) -> bool:
        self.checks += 1
        return await super().verify(password, hashed)


@pytest.fixture
def hasher(app: FastAPI) -> CountingHasher:
    counting = CountingHasher(4)
    app.state.appointed = replace(app.state.appointed, hasher=counting)
    return counting


async def test_each_try_costs_one_check_of_a_hash_locked_or_not(
    hasher: CountingHasher, client: httpx.AsyncClient, nurse: Person, sqlite_database: object
) -> None:
    for email in (nurse.email, "nobody@example.org"):
        for times in range(1, 9):
            await log_in(client, email)
            assert hasher.checks == times, email
        hasher.checks = 0
    await log_in(client, nurse.email, PASSWORD)
    assert hasher.checks == 1


class SlowHasher(Hasher):
    """Takes so long that something happens to the account meanwhile."""

    meanwhile: asyncio.Event
    begun: asyncio.Event

    async def verify(self, password: str, hashed: str | None) -> bool:
        fits = await super().verify(password, hashed)
        self.begun.set()
        await self.meanwhile.wait()
        return fits


async def test_a_password_that_was_changed_while_it_was_checked_opens_nothing(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, nurse: Person
) -> None:
    slow = SlowHasher(4)
    slow.begun, slow.meanwhile = asyncio.Event(), asyncio.Event()
    app.state.appointed = replace(app.state.appointed, hasher=slow)
    login = asyncio.create_task(log_in(client, nurse.email, PASSWORD))
    await slow.begun.wait()
    await set_password(clinic, nurse)
    slow.meanwhile.set()
    assert (await login).status_code == 401


async def set_password(clinic: Clinic, who: Person) -> None:
    async with transaction(clinic.database.writes) as session:
        await accounts.set_password(session, who.user_id, "1:x", by=None, now=clinic.clock.now())


async def test_a_refused_try_is_in_the_trail_like_any_failed_login(
    client: httpx.AsyncClient, clinic: Clinic, nurse: Person, sqlite_database: object
) -> None:
    await fail(client, nurse.email, 6)
    async with clinic.database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.action == "session.open", AuditEvent.outcome != "done")
        rows = (await session.scalars(query.order_by(AuditEvent.id))).all()
    assert [row.outcome for row in rows] == ["invalid_credentials"] * 5 + ["too_many_requests"]
    assert {(row.actor_id, row.entity, row.entity_id) for row in rows} == {(None, "user", nurse.user_id)}


async def test_what_is_counted_names_nobody(
    client: httpx.AsyncClient, nurse: Person, database: Database, vault: Vault, sqlite_database: object
) -> None:
    await fail(client, nurse.email, 1)
    async with database.reads() as session:
        (subject,) = await session.scalars(select(LoginFailure.subject))
    assert subject == attempts.subject_of(vault, nurse.email)
    sharp, double = (attempts.subject_of(vault, f"{name}@example.org") for name in ("straße", "strasse"))
    assert sharp != double
