"""The trail: a row for what was done and what was looked at, signed so that an edit is found."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from appointed import audit
from appointed.audit.models import AuditEvent
from appointed.audit.trail import SIGNED, signature
from appointed.core.crypto import Vault
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from tests.support.clock import FixedClock

ZOE, VISIT, PATIENT = UUID(int=1), UUID(int=2), UUID(int=3)


async def trail(database: Database) -> list[AuditEvent]:
    async with database.reads() as session:
        return list((await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all())


def row_of(event: AuditEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in SIGNED}


async def book(database: Database, clock: FixedClock, **detail: str) -> AuditEvent:
    async with transaction(database.writes) as session:
        audit.record(session, clock.now(), ZOE, "appointment.book", "appointment", VISIT, patient_id=PATIENT, **detail)
    return (await trail(database))[-1]


@contextmanager
def request(request_id: str) -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield


async def test_what_was_done_is_told_whole(database: Database, clock: FixedClock) -> None:
    with request("r-1"):
        event = await book(database, clock, channel="phone")
    assert (event.recorded_at, event.actor_id, event.action, event.outcome) == (
        clock.now(), ZOE, "appointment.book", "done")  # fmt: skip
    assert (event.entity, event.entity_id, event.patient_id) == ("appointment", VISIT, PATIENT)
    assert (event.request_id, event.detail) == ("r-1", {"channel": "phone"})


async def test_what_nobody_did_and_what_is_about_nobody_is_told_too(database: Database, clock: FixedClock) -> None:
    async with transaction(database.writes) as session:
        audit.record(session, clock.now(), None, "session.open", "session", outcome="invalid_credentials")
    [event] = await trail(database)
    assert (event.actor_id, event.entity_id, event.patient_id, event.request_id) == (None, None, None, None)
    assert event.outcome == "invalid_credentials"


async def test_what_was_rolled_back_was_not_done(database: Database, clock: FixedClock) -> None:
    async def fail() -> None:
        async with transaction(database.writes) as session:
            audit.record(session, clock.now(), ZOE, "appointment.book", "appointment")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await trail(database) == []


async def test_rows_are_in_the_order_in_which_they_were_recorded(database: Database, clock: FixedClock) -> None:
    async with transaction(database.writes) as session:
        for number in range(20):
            audit.record(session, clock.now(), ZOE, f"x.{number}", "x")
    assert [event.action for event in await trail(database)] == [f"x.{number}" for number in range(20)]


# --- looking ---------------------------------------------------------------------------------------------------------


async def test_a_look_is_recorded_when_it_is_written_and_not_before(database: Database, clock: FixedClock) -> None:
    async with database.reads() as session:
        audit.record(session, clock.now(), ZOE, "record.read", "record", VISIT, patient_id=PATIENT)
        assert await trail(database) == []
        await audit.write_looks(session, database.writes)
        assert [event.action for event in await trail(database)] == ["record.read"]
        await audit.write_looks(session, database.writes)
    assert len(await trail(database)) == 1


async def test_reading_without_a_look_writes_nothing(database: Database) -> None:
    async with database.reads() as session:
        await audit.write_looks(session, database.writes)
    assert await trail(database) == []


async def test_a_look_that_cannot_be_written_is_an_error(database: Database, clock: FixedClock) -> None:
    async with database.reads() as session:
        audit.record(session, clock.now(), ZOE, "record.read", "record")
        with pytest.raises(DBAPIError):
            await audit.write_looks(session, database.reads)


# --- signatures ------------------------------------------------------------------------------------------------------


async def test_a_row_is_signed_as_it_comes_out_of_the_database(
    database: Database, clock: FixedClock, vault: Vault
) -> None:
    clock.advance(timedelta(microseconds=123_457))
    with request("r-1"):
        event = await book(database, clock, zeta="é 🩺", alpha='"\\', empty="")
    assert signature(vault, row_of(event)) == event.signature


ALTERED: dict[str, Any] = {
    "id": new_id(),
    "recorded_at": datetime(2031, 3, 3, 8, 0, 0, 1, tzinfo=UTC),
    "actor_id": None,
    "action": "appointment.Book",
    "outcome": "refused",
    "entity": "appointments",
    "entity_id": PATIENT,
    "patient_id": VISIT,
    "request_id": "",
    "detail": {"channel": "desk"},
}


def test_every_column_but_the_signature_is_signed() -> None:
    assert set(ALTERED) == set(SIGNED) == {column.key for column in AuditEvent.__table__.c} - {"signature"}


@pytest.mark.parametrize("column", SIGNED)
async def test_an_edit_of_any_column_is_found(database: Database, clock: FixedClock, vault: Vault, column: str) -> None:
    await book(database, clock, channel="phone")
    async with transaction(database.writes) as session:
        await session.execute(update(AuditEvent).values({column: ALTERED[column]}))
    [event] = await trail(database)
    assert signature(vault, row_of(event)) != event.signature


ROW: dict[str, Any] = dict.fromkeys(SIGNED) | {"recorded_at": datetime(2031, 3, 3, tzinfo=UTC), "detail": {}}
instants = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given one


@given(instants)
def test_a_microsecond_makes_another_signature(instant: datetime) -> None:
    vault = Vault.of(b"k" * 32)
    later = ROW | {"recorded_at": instant + timedelta(microseconds=1)}
    assert signature(vault, ROW | {"recorded_at": instant}) != signature(vault, later)


@given(st.text(), st.text())
def test_what_moves_from_one_column_to_the_next_makes_another_signature(one: str, other: str) -> None:
    vault = Vault.of(b"k" * 32)
    row, moved = ROW | {"action": one, "outcome": other}, ROW | {"action": one + other, "outcome": ""}
    assert (signature(vault, row) == signature(vault, moved)) == (row == moved)


def test_another_key_makes_another_signature() -> None:
    assert signature(Vault.of(b"k" * 32), ROW) != signature(Vault.of(b"o" * 32), ROW)
