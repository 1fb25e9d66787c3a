"""What nobody needs any more goes, and nothing else."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from appointed.accounts.client_models import AuthorizationCode, UsedAssertion
from appointed.accounts.models import LoginSession
from appointed.core.db import Database, transaction
from appointed.core.idempotency import StoredAnswer
from appointed.core.ids import new_id
from appointed.core.outbox import OutboxMessage
from appointed.dispatch import tidy, tidy_if_due
from appointed.dispatch.housekeeping import BATCH
from appointed.notifications.context import Context
from appointed.resources.models import BusyTick, Resource
from tests.support.clock import FixedClock
from tests.support.factories import Clinic

DAY = timedelta(days=1)


async def put(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    async with transaction(database.writes) as session:
        await session.execute(insert(table), list(rows))


async def kept(database: Database, column: Any) -> list[Any]:
    async with database.reads() as session:
        return list(await session.scalars(select(column).order_by(column)))


def finished(name: str, done_at: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "name": name,
        "payload": {},
        "created_at": now,
        "due_at": now,
        "attempts": 1,
        "done_at": done_at,
    }


async def test_messages_that_were_done_long_ago_go(context: Context, clock: FixedClock) -> None:
    now = clock.now()
    rows = [
        finished("old", now - 31 * DAY, now),
        finished("recent", now - 29 * DAY, now),
        finished("waiting", None, now),
    ]
    given_up = finished("given up", None, now) | {"dead_at": now - 300 * DAY}
    await put(context.database, OutboxMessage, *rows)
    await put(context.database, OutboxMessage, given_up)
    assert (await tidy(context))["outbox"] == 1
    assert await kept(context.database, OutboxMessage.name) == ["given up", "recent", "waiting"]


async def test_ticks_of_the_past_go_in_batches(context: Context, clock: FixedClock) -> None:
    resource, owner = new_id(), new_id()
    limit = int((clock.now() - 2 * DAY).timestamp()) // 300
    await put(context.database, Resource, {"id": resource, "kind": "doctor"})
    row = {"resource_id": resource, "owner_id": owner, "owner_kind": "appointment", "is_buffer": False}
    ticks = [*range(limit - BATCH - 10, limit), limit, limit + 1, limit + 10_000]
    await put(context.database, BusyTick, *[row | {"tick": tick} for tick in ticks])
    assert (await tidy(context))["busy_ticks"] == BATCH + 10
    assert await kept(context.database, BusyTick.tick) == ticks[-3:]


async def test_answers_and_logins_go_when_they_are_of_no_more_use(
    context: Context, clinic: Clinic, clock: FixedClock
) -> None:
    user, now = (await clinic.patient()).user_id, clock.now()
    answer = {
        "actor_id": user,
        "route": "book",
        "id": new_id(),
        "body_hash": bytes(32),
        "status": 201,
        "answer_sealed": b"x",
    }
    await put(
        context.database,
        StoredAnswer,
        answer | {"key_hash": bytes([1] * 32), "expires_at": now},
        answer | {"key_hash": bytes([2] * 32), "expires_at": now + timedelta(seconds=1)},
    )
    login = {"user_id": user, "created_at": now - 90 * DAY, "expires_at": now + DAY, "ended_at": None}
    hashes = [bytes([number] * 32) for number in range(5)]
    await put(
        context.database,
        LoginSession,
        login | {"id": new_id(), "refresh_hash": hashes[1], "ended_at": now - 31 * DAY},
        login | {"id": new_id(), "refresh_hash": hashes[2], "expires_at": now - 31 * DAY},
        login | {"id": new_id(), "refresh_hash": hashes[3], "ended_at": now - DAY},
        login | {"id": new_id(), "refresh_hash": hashes[4]},
    )
    a_machines = login | {"client_id": (await clinic.machine([])).id, "id": new_id(), "refresh_hash": bytes([9] * 32)}
    await put(context.database, LoginSession, a_machines | {"expires_at": now - 2 * DAY})
    gone = await tidy(context)
    assert (gone["idempotency_keys"], gone["login_sessions"]) == (1, 3)
    assert await kept(context.database, StoredAnswer.key_hash) == [bytes([2] * 32)]
    assert set(hashes[3:]) <= set(await kept(context.database, LoginSession.refresh_hash))


async def test_codes_go_after_a_day_and_assertions_when_they_are_good_no_more(
    context: Context, clinic: Clinic, clock: FixedClock
) -> None:
    app, user, now = await clinic.app(), (await clinic.patient()).user_id, clock.now()
    code = {"client_id": app.id, "user_id": user, "redirect_uri": "https://app.example.org", "challenge": "x" * 43,
            "scope": "profile", "created_at": now}  # fmt: skip
    hashes, moment = [bytes([number] * 32) for number in range(2)], timedelta(microseconds=1)
    await put(context.database, AuthorizationCode,
              *(code | {"code_hash": each, "expires_at": end}
                for each, end in zip(hashes, (now - DAY, now - DAY + moment), strict=True)))  # fmt: skip
    await put(context.database, UsedAssertion,
              *({"client_id": app.id, "jti_hash": each, "expires_at": end}
                for each, end in zip(hashes, (now, now + moment), strict=True)))  # fmt: skip
    gone = await tidy(context)
    assert (gone["oauth_codes"], gone["oauth_assertions"]) == (1, 1)
    assert await kept(context.database, AuthorizationCode.code_hash) == hashes[1:]
    assert await kept(context.database, UsedAssertion.jti_hash) == hashes[1:]


async def test_tidying_again_finds_nothing(context: Context, clock: FixedClock) -> None:
    await put(context.database, OutboxMessage, finished("old", clock.now() - 31 * DAY, clock.now()))
    await tidy(context)
    assert set((await tidy(context)).values()) == {0}


async def test_of_all_who_ask_one_tidies_within_the_hour(context: Context, clock: FixedClock) -> None:
    async def waste() -> int:
        async with context.database.reads() as session:
            return await session.scalar(select(func.count()).select_from(OutboxMessage)) or 0

    await put(context.database, OutboxMessage, finished("old", clock.now() - 31 * DAY, clock.now()))
    await tidy_if_due(context)
    assert await waste() == 0
    await put(context.database, OutboxMessage, finished("old", clock.now() - 31 * DAY, clock.now()))
    clock.advance(timedelta(minutes=59))
    await tidy_if_due(context)
    assert await waste() == 1
    clock.advance(timedelta(minutes=1))
    await tidy_if_due(context)
    assert await waste() == 0
