"""The sealed trail: whatever is done to it behind the application's back is found, and the database refuses most."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.audit.chain import Head
from appointed.audit.models import AuditEvent, AuditSeal
from appointed.core.crypto import Vault
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.migrations import upgrade
from tests.support.clock import MONDAY
from tests.support.databases import Backend, fresh

ROWS = 60
Tampering = Callable[[AsyncSession, Random], Any]


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    return audit.heads_in(tmp_path)


async def record(database: Database, count: int) -> None:
    async with transaction(database.writes) as session:
        for number in range(count):
            audit.record(session, MONDAY, new_id(), "appointment.book", "appointment", new_id(), code=str(number))


async def report_of(database: Database, heads: Path) -> audit.Report:
    async with database.reads() as session:
        return await audit.verify(session, heads)


async def test_what_is_recorded_is_sealed_once_and_verified(database: Database, heads: Path) -> None:
    for count in (3, 0, 2):
        await record(database, count)
        assert await audit.seal(database, heads, MONDAY) == count
    report = await report_of(database, heads)
    assert (report.sealed, report.unsealed, report.findings) == (5, 0, [])
    assert [Head.read(line).seq for line in heads.read_text().splitlines()] == [3, 5]


async def test_what_is_not_sealed_yet_is_told_with_its_age(database: Database, heads: Path) -> None:
    await record(database, 1)
    await audit.seal(database, heads, MONDAY)
    async with database.reads() as session:
        assert await audit.oldest_unsealed(session) is None
    await record(database, 2)
    report = await report_of(database, heads)
    assert (report.sealed, report.unsealed, report.is_good) == (1, 2, True)
    async with database.reads() as session:
        assert await audit.oldest_unsealed(session) == report.oldest_unsealed_at is not None


@pytest.mark.backends("postgresql", "mysql")
async def test_a_row_whose_transaction_was_open_long_is_sealed_in_its_turn(database: Database, heads: Path) -> None:
    async with transaction(database.writes) as session:
        audit.record(session, MONDAY, None, "appointment.book", "appointment")
        await record(database, 2)
        assert await audit.seal(database, heads, MONDAY) == 2
    assert await audit.seal(database, heads, MONDAY) == 1
    assert (await report_of(database, heads)).is_good


async def test_two_sealers_at_once_make_one_chain(database: Database, heads: Path) -> None:
    await record(database, 30)
    counts = await asyncio.gather(*(audit.seal_if_due(database, heads, MONDAY) for _ in range(4)))
    assert sorted(counts) == [0, 0, 0, 30]
    await record(database, 1)
    assert await audit.seal_if_due(database, heads, MONDAY + timedelta(seconds=3)) == 0
    assert await audit.seal_if_due(database, heads, MONDAY + timedelta(seconds=4)) == 1
    assert (await report_of(database, heads)).is_good


async def test_a_head_that_a_killed_process_did_not_write_is_written_by_the_next(
    database: Database, heads: Path
) -> None:
    await record(database, 2)
    await audit.seal(database, heads, MONDAY)
    heads.write_text("")
    assert await audit.seal_if_due(database, heads, MONDAY + timedelta(minutes=1)) == 0
    assert Head.read(heads.read_text()).seq == 2


async def _seqs(session: AsyncSession, luck: Random, count: int) -> list[int]:
    return luck.sample((await session.scalars(select(AuditSeal.seq))).all(), count)


async def _ids(session: AsyncSession, luck: Random, count: int) -> list[Any]:
    ids: Sequence[Any] = (await session.scalars(select(AuditEvent.id).order_by(AuditEvent.id))).all()
    return luck.sample(ids, count)


async def edit(session: AsyncSession, luck: Random) -> None:
    """One column of one row."""
    (id_,) = await _ids(session, luck, 1)
    change = luck.choice((
        {"action": "appointment.read"}, {"outcome": "forbidden"}, {"actor_id": new_id()}, {"entity_id": None},
        {"recorded_at": MONDAY + timedelta(microseconds=1)}, {"detail": {"code": "x"}}, {"patient_id": new_id()},
        {"request_id": "r"}, {"entity": "patient"}, {"signature": luck.randbytes(32)},
    ))  # fmt: skip
    await session.execute(update(AuditEvent).where(AuditEvent.id == id_).values(change))


async def take_out(session: AsyncSession, luck: Random) -> None:
    """A row, or a row with its seal."""
    (seq,) = await _seqs(session, luck, 1)
    event_id = await session.scalar(select(AuditSeal.event_id).where(AuditSeal.seq == seq))
    await session.execute(delete(AuditEvent).where(AuditEvent.id == event_id))
    if luck.random() < 0.5:
        await session.execute(delete(AuditSeal).where(AuditSeal.seq == seq))
        if luck.random() < 0.5:
            # And nobody sees a gap.
            later = (
                await session.scalars(select(AuditSeal.seq).where(AuditSeal.seq > seq).order_by(AuditSeal.seq))
            ).all()
            for each in later:
                await session.execute(update(AuditSeal).where(AuditSeal.seq == each).values(seq=each - 1))


async def take_seal(session: AsyncSession, luck: Random) -> None:
    (seq,) = await _seqs(session, luck, 1)
    await session.execute(delete(AuditSeal).where(AuditSeal.seq == seq))


async def put_in(session: AsyncSession, luck: Random) -> None:
    """A row that looks like another, with a seal or without."""
    (id_,) = await _ids(session, luck, 1)
    row = (await session.execute(select(*AuditEvent.__table__.columns).where(AuditEvent.id == id_))).one()._asdict()
    forged = new_id()
    await session.execute(insert(AuditEvent).values(row | {"id": forged}))
    if luck.random() < 0.5:
        await session.execute(insert(AuditSeal).values(seq=ROWS + 1, event_id=forged, hash=luck.randbytes(32)))


async def reorder(session: AsyncSession, luck: Random) -> None:
    """Two seals change their places."""
    one, other = await _seqs(session, luck, 2)
    await session.execute(update(AuditSeal).where(AuditSeal.seq == one).values(seq=0))
    await session.execute(update(AuditSeal).where(AuditSeal.seq == other).values(seq=one))
    await session.execute(update(AuditSeal).where(AuditSeal.seq == 0).values(seq=other))


async def cut(session: AsyncSession, luck: Random) -> None:
    """The end of it, as if it had never been."""
    seq = luck.randint(1, ROWS)
    ids = (await session.scalars(select(AuditSeal.event_id).where(AuditSeal.seq >= seq))).all()
    await session.execute(delete(AuditSeal).where(AuditSeal.seq >= seq))
    await session.execute(delete(AuditEvent).where(AuditEvent.id.in_(ids)))


async def swap(session: AsyncSession, luck: Random) -> None:
    """Two rows change what they say, signatures and all."""
    one, other = await _ids(session, luck, 2)
    query = select(*(column for column in AuditEvent.__table__.columns if column.name != "id"))
    first, second = [(await session.execute(query.where(AuditEvent.id == id_))).one()._asdict() for id_ in (one, other)]
    await session.execute(update(AuditEvent).where(AuditEvent.id == one).values(second))
    await session.execute(update(AuditEvent).where(AuditEvent.id == other).values(first))


TAMPERINGS: Sequence[Tampering] = (edit, take_out, take_seal, put_in, reorder, cut, swap)
HOW_MANY = {"sqlite": 800, "postgresql": 100, "mysql": 100}


async def test_a_thousand_tamperings_are_all_found(database: Database, heads: Path) -> None:
    """A database administrator's, who has no key: each in a transaction that is looked at and rolled back."""
    for count in (20, 25, ROWS - 45):
        await record(database, count)
        await audit.seal(database, heads, MONDAY)
    luck, missed = Random("appointed"), []
    for number in range(HOW_MANY[database.dialect]):
        tamper = luck.choice(TAMPERINGS)
        async with database.writes() as session:
            await tamper(session, luck)
            if (await audit.verify(session, heads)).is_good:
                missed.append((number, tamper.__name__))
    assert missed == []
    assert (await report_of(database, heads)).is_good


async def test_the_heads_are_not_altered_unseen_either(sqlite_database: Database, heads: Path) -> None:
    for count in (2, 3):
        await record(sqlite_database, count)
        await audit.seal(sqlite_database, heads, MONDAY)
    kept = heads.read_text()
    first, second = kept.splitlines(keepends=True)
    for altered in (kept.replace('"seq":5', '"seq":4'), kept + "{}\n", kept.replace(first, first.swapcase())):
        heads.write_text(altered)
        assert not (await report_of(sqlite_database, heads)).is_good
    heads.unlink()
    assert "there is no audit-heads.jsonl" in str((await report_of(sqlite_database, heads)).findings[0])
    heads.write_text(second)
    assert (await report_of(sqlite_database, heads)).is_good


async def test_another_key_verifies_nothing(sqlite_database: Database, heads: Path, backend: Backend) -> None:
    await record(sqlite_database, 2)
    await audit.seal(sqlite_database, heads, MONDAY)
    async with sqlite_database.reads() as session:
        session.info["vault"] = Vault.of(bytes(32))
        assert len((await audit.verify(session, heads)).findings) == 3


@pytest.fixture
async def guarded(backend: Backend, tmp_path: Path, vault: Vault) -> AsyncIterator[Database]:
    """With the triggers, which the other tests go without."""
    async with fresh(backend.server, tmp_path, vault, is_migrated=False) as made:
        await upgrade(made.database.engines[-1])
        yield made.database


async def test_the_database_refuses_to_change_or_delete_what_was_recorded(guarded: Database, heads: Path) -> None:
    await record(guarded, 2)
    await audit.seal(guarded, heads, MONDAY)
    orders = [
        "UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events", "UPDATE audit_seals SET seq = seq + 10",
        "DELETE FROM audit_seals",
        *(["TRUNCATE audit_events"] if guarded.dialect == "postgresql" else []),
    ]  # fmt: skip
    for order in orders:
        async with guarded.writes() as session:
            with pytest.raises(DBAPIError, match="the audit trail is never changed"):
                await session.execute(text(order))
    assert (await report_of(guarded, heads)).sealed == 2
