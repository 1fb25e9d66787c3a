"""A request with a key is carried out once, and repeated it gets the same answer."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from appointed.accounts.models import User
from appointed.core.db import Database, constraint_of, transaction
from appointed.core.idempotency import KEPT, KeyReused, Once, Replayed, StoredAnswer
from appointed.core.ids import new_id
from tests.support.clock import FixedClock

ANSWER = '{"name":"Zoë 🩺"}'.encode()
ZOE, ADA = UUID(int=1), UUID(int=2)
ONCE = Once(ZOE, "POST /appointments", sha256(b'"key"').digest(), sha256(b"{}").digest())


@pytest.fixture(autouse=True)
async def people(database: Database, clock: FixedClock) -> None:
    users = [{"id": each, "email": f"{each}@example.org", "password_hash": "1:", "display_name": "A",
              "is_active": True, "created_at": clock.now()} for each in (ZOE, ADA)]  # fmt: skip
    async with transaction(database.writes) as session:
        await session.execute(insert(User), users)


async def carry_out(database: Database, once: Once, clock: FixedClock, answer: bytes = ANSWER) -> None:
    async with transaction(database.writes) as session:
        await once.check(session, clock.now())
        await once.keep(session, 201, answer, clock.now())


async def stored(database: Database) -> int:
    async with database.reads() as session:
        return await session.scalar(select(func.count()).select_from(StoredAnswer)) or 0


async def test_a_repeated_request_gets_the_first_answer(database: Database, clock: FixedClock) -> None:
    await carry_out(database, ONCE, clock)
    clock.advance(KEPT - timedelta(microseconds=1))
    for _ in range(2):
        with pytest.raises(Replayed) as replayed:
            await carry_out(database, ONCE, clock, b"another")
        assert (replayed.value.status, replayed.value.body) == (201, ANSWER)
    assert await stored(database) == 1


async def test_a_key_with_another_body_is_refused(database: Database, clock: FixedClock) -> None:
    await carry_out(database, ONCE, clock)
    with pytest.raises(KeyReused):
        await carry_out(database, replace(ONCE, body_hash=sha256(b"[]").digest()), clock)


@pytest.mark.parametrize(
    "other",
    [replace(ONCE, actor_id=ADA), replace(ONCE, route="POST /users"), replace(ONCE, route="post /appointments"),
     replace(ONCE, key_hash=sha256(b'"Key"').digest())],
    ids=["another actor", "another route", "a route in other letters", "another key"],
)  # fmt: skip
async def test_somebody_elses_answer_is_never_given(database: Database, clock: FixedClock, other: Once) -> None:
    await carry_out(database, ONCE, clock)
    await carry_out(database, other, clock, b"mine")
    with pytest.raises(Replayed) as replayed:
        await carry_out(database, other, clock)
    assert replayed.value.body == b"mine"


async def test_after_a_day_a_key_is_new(database: Database, clock: FixedClock) -> None:
    await carry_out(database, ONCE, clock)
    clock.advance(KEPT)
    await carry_out(database, replace(ONCE, body_hash=sha256(b"[]").digest()), clock, b"tomorrow")
    with pytest.raises(Replayed) as replayed:
        await carry_out(database, replace(ONCE, body_hash=sha256(b"[]").digest()), clock)
    assert replayed.value.body == b"tomorrow"
    assert await stored(database) == 1


async def test_the_answer_is_not_readable_in_the_database(database: Database, clock: FixedClock) -> None:
    await carry_out(database, ONCE, clock)
    async with database.reads() as session:
        sealed = (await session.scalars(select(StoredAnswer.answer_sealed))).one()
    assert b"Zo" not in sealed


async def test_a_request_that_fails_leaves_no_answer(database: Database, clock: FixedClock) -> None:
    async def fail() -> None:
        async with transaction(database.writes) as session:
            await ONCE.keep(session, 201, ANSWER, clock.now())
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await carry_out(database, ONCE, clock)


async def test_of_equal_requests_at_once_the_database_lets_one_through(database: Database, clock: FixedClock) -> None:
    async def attempt(answer: bytes) -> str:
        try:
            await carry_out(database, ONCE, clock, answer)
        except Replayed:
            return "replayed"
        except IntegrityError as refused:
            return str(constraint_of(refused))
        return "carried out"

    ended = await asyncio.gather(*(attempt(str(new_id()).encode()) for _ in range(10)))
    assert ended.count("carried out") == 1
    assert set(ended) <= {"carried out", "replayed", "pk_idempotency_keys"}
    assert await stored(database) == 1
