"""Rows of several tables that are written together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.models import User, UserRole
from appointed.audit.models import AuditEvent
from appointed.core import batch
from appointed.core.db import Database, constraint_of, transaction
from appointed.core.idempotency import StoredAnswer
from appointed.core.ids import new_id
from appointed.core.outbox import OutboxMessage
from appointed.doctors.models import Doctor
from appointed.patients.models import Patient
from appointed.resources.models import BusyTick, Resource
from tests.support.clock import MONDAY

ROOM = UUID(int=7)


def tick(number: int, **changes: Any) -> dict[str, Any]:
    return {"resource_id": ROOM, "tick": number, "owner_id": ROOM, "owner_kind": "visit", "is_buffer": number % 2 == 0,
            "expires_at": None} | changes  # fmt: skip


def message(**payload: str) -> dict[str, Any]:
    return {"id": new_id(), "name": "x.y", "payload": payload, "created_at": MONDAY, "due_at": MONDAY, "attempts": 0}


def room() -> dict[str, Any]:
    return {"id": ROOM, "kind": "room"}


@asynccontextmanager
async def putting(database: Database) -> AsyncIterator[AsyncSession]:
    """A transaction in a clinic with one room."""
    async with transaction(database.writes) as session:
        if await session.get(Resource, ROOM) is None:
            await session.execute(insert(Resource), [room()])
    async with transaction(database.writes) as session:
        yield session


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The INSERTs that are sent while the block lasts."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "INSERT" in statement:
            seen.append(statement)

    engine = database.engines[-1].sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def count(database: Database, model: Any) -> int:
    async with database.reads() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def test_rows_of_several_tables_are_written_together(database: Database) -> None:
    async with putting(database) as session:
        batch.put(session, BusyTick.__table__, [tick(1), tick(2), tick(3, expires_at=MONDAY)])
        batch.put(session, OutboxMessage.__table__, [message(a="🩺 é \"'\\", b="{1,2}")])
        batch.put(session, BusyTick.__table__, [tick(4)])
    async with database.reads() as session:
        ticks = (await session.scalars(select(BusyTick).order_by(BusyTick.tick))).all()
        assert [(t.tick, t.is_buffer, t.expires_at) for t in ticks] == [
            (1, False, None), (2, True, None), (3, False, MONDAY), (4, True, None)]  # fmt: skip
        assert await session.scalar(select(OutboxMessage.payload)) == {"a": "🩺 é \"'\\", "b": "{1,2}"}


async def test_postgresql_is_sent_one_statement_and_the_others_one_a_table(database: Database) -> None:
    async with putting(database) as session:
        batch.put(session, BusyTick.__table__, [tick(number) for number in range(12)])
        batch.put(session, OutboxMessage.__table__, [message(), message()])
        with statements(database) as sent:
            await batch.flush(session)
    assert len(sent) == (1 if database.dialect == "postgresql" else 2)
    assert await count(database, BusyTick) == 12


async def test_tables_are_written_in_the_order_of_their_first_row(database: Database) -> None:
    """So that what is referred to is there: a row may name one that is put in the same transaction."""
    async with transaction(database.writes) as session:
        batch.put(session, Resource.__table__, [room()])
        batch.put(session, BusyTick.__table__, [tick(1)])
    assert await count(database, BusyTick) == 1


async def test_what_the_session_was_given_is_written_before_the_batch(database: Database) -> None:
    async with transaction(database.writes) as session:
        batch.put(session, BusyTick.__table__, [tick(1)])
        session.add(Resource(**room()))
    assert await count(database, BusyTick) == 1


async def test_nothing_put_is_nothing_sent(database: Database) -> None:
    async with putting(database) as session:
        with statements(database) as sent:
            batch.put(session, BusyTick.__table__, [])
            await batch.flush(session)
            await batch.flush(session)
    assert sent == []


async def test_what_was_flushed_is_not_written_again_at_the_commit(database: Database) -> None:
    async with putting(database) as session:
        batch.put(session, BusyTick.__table__, [tick(1)])
        await batch.flush(session)
    assert await count(database, BusyTick) == 1


@pytest.mark.parametrize(
    ("model", "row", "constraint"),
    [
        (BusyTick, tick(1), "pk_busy_ticks"),
        (UserRole, {"user_id": ROOM, "role": "admin"}, "pk_user_roles"),
        (AuditEvent, {"id": ROOM, "recorded_at": MONDAY, "action": "x.y", "outcome": "done", "entity": "x",
                      "detail": {}, "signature": bytes(32)}, "pk_audit_events"),
        (StoredAnswer, {"actor_id": ROOM, "route": "POST /x", "key_hash": bytes(32), "id": ROOM,
                        "body_hash": bytes(32), "status": 201, "answer_sealed": b"", "expires_at": MONDAY},
         "pk_idempotency_keys"),
    ],
    ids=["ticks", "roles", "trail", "idempotency"],
)  # fmt: skip
async def test_the_primary_key_that_refused_a_row_is_named(
    database: Database, model: Any, row: dict[str, Any], constraint: str
) -> None:
    async with putting(database) as session:
        await session.execute(insert(User), [user(ROOM, "a@example.org")])

    async def put() -> None:
        async with putting(database) as session:
            batch.put(session, OutboxMessage.__table__, [message()])
            batch.put(session, model.__table__, [row])

    await put()
    with pytest.raises(IntegrityError) as refused:
        await put()
    assert constraint_of(refused.value) == constraint
    assert await count(database, OutboxMessage) == 1, "a refused key takes everything with it"


def user(user_id: UUID, email: str) -> dict[str, Any]:
    return {"id": user_id, "email": email, "password_hash": "1:x", "display_name": "A", "is_active": True,
            "created_at": MONDAY}  # fmt: skip


def doctor(doctor_id: UUID, user_id: UUID) -> dict[str, Any]:
    return {"id": doctor_id, "user_id": user_id, "first_name": "A", "last_name": "B", "last_name_key": "b",
            "specialization": "C", "specialization_key": "c", "languages": ["de", "en"], "is_active": True,
            "created_at": MONDAY}  # fmt: skip


def patient(patient_id: UUID, record_number: str) -> dict[str, Any]:
    return {"id": patient_id, "record_number": record_number, "first_name": "A", "last_name": "B",
            "first_name_key": "a", "last_name_key": "b", "is_active": True, "created_at": MONDAY,
            "birth_date": MONDAY.date(), "phone_sealed": b"\x00\xff"}  # fmt: skip


async def test_the_unique_constraint_that_refused_a_row_is_named(database: Database) -> None:
    one, other = UUID(int=8), UUID(int=9)
    async with putting(database) as session:
        batch.put(session, User.__table__, [user(one, "a@example.org")])
        batch.put(session, Resource.__table__, [{"id": each, "kind": "x"} for each in (one, other)])
        batch.put(session, Doctor.__table__, [doctor(one, one)])
        batch.put(session, Patient.__table__, [patient(one, "P-1")])
    refused: dict[str, tuple[Any, dict[str, Any]]] = {
        "uq_users_email": (User, user(other, "a@example.org")),
        "uq_doctors_user_id": (Doctor, doctor(other, one)),
        "uq_patients_record_number": (Patient, patient(other, "P-1")),
    }
    for constraint, (model, row) in refused.items():
        for write in (put_row, insert_row, add_row):
            with pytest.raises(IntegrityError) as error:
                async with putting(database) as session:
                    await write(session, model, row)
            assert constraint_of(error.value) == constraint, write


async def put_row(session: AsyncSession, model: Any, row: dict[str, Any]) -> None:
    batch.put(session, model.__table__, [row])


async def insert_row(session: AsyncSession, model: Any, row: dict[str, Any]) -> None:
    await session.execute(insert(model), [row])


async def add_row(session: AsyncSession, model: Any, row: dict[str, Any]) -> None:
    session.add(model(**row))


async def test_a_missing_parent_is_no_unique_constraint(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        async with transaction(database.writes) as session:
            batch.put(session, BusyTick.__table__, [tick(1)])
    assert not (constraint_of(refused.value) or "").startswith(("pk_", "uq_"))


async def test_an_instant_without_a_zone_is_refused_in_a_batch_too(database: Database) -> None:
    with pytest.raises((StatementError, ValueError, DBAPIError), match="time zone"):
        async with putting(database) as session:
            batch.put(session, BusyTick.__table__, [tick(1, expires_at=MONDAY.replace(tzinfo=None))])
    assert await count(database, BusyTick) == 0


async def test_an_instant_of_another_zone_is_the_same_instant(database: Database) -> None:
    async with putting(database) as session:
        batch.put(session, BusyTick.__table__, [tick(1, expires_at=MONDAY + timedelta(microseconds=1))])
    async with database.reads() as session:
        assert await session.scalar(select(BusyTick.expires_at)) == MONDAY + timedelta(microseconds=1)
