"""What a transaction sees, what a reader cannot do, and what the database's errors mean."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import URL, PrimaryKeyConstraint, UniqueConstraint, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from appointed.core import batch
from appointed.core.crypto import Vault
from appointed.core.db import (
    Database,
    Sessions,
    connect,
    constraint_of,
    is_reading,
    is_retryable,
    is_unreachable,
    metadata,
    transaction,
    vault_of,
)
from appointed.core.ids import new_id
from appointed.core.leases import Lease
from tests.support.clock import MONDAY
from tests.support.databases import Backend

SERVERS = ("postgresql", "mysql")
LATER = MONDAY + timedelta(hours=1)
HOLDER = new_id()


def row(name: str) -> dict[str, object]:
    return {"name": name, "holder": HOLDER, "expires_at": MONDAY}


async def keep(database: Database, *names: str) -> None:
    async with transaction(database.writes) as session:
        await session.execute(insert(Lease), [row(name) for name in names])


async def names(sessions: Sessions) -> list[str]:
    async with sessions() as session:
        return list((await session.scalars(select(Lease.name).order_by(Lease.name))).all())


async def postpone(session: AsyncSession, name: str) -> None:
    await session.execute(update(Lease).where(Lease.name == name).values(expires_at=LATER))


# --- transactions ----------------------------------------------------------------------------------------------------


async def test_a_block_that_succeeds_is_committed(database: Database) -> None:
    await keep(database, "a")
    assert await names(database.reads) == ["a"]


async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    async def half() -> None:
        async with transaction(database.writes) as session:
            await session.execute(insert(Lease), [row("a")])
            batch.put(session, Lease.__table__, [row("b")])
            await batch.flush(session)
            raise LookupError

    with pytest.raises(LookupError):
        await half()
    assert await names(database.reads) == []


async def test_a_batch_that_is_refused_at_the_end_takes_the_rest_with_it(database: Database) -> None:
    await keep(database, "b")

    async def clash() -> None:
        async with transaction(database.writes) as session:
            session.add(Lease(**row("a")))
            batch.put(session, Lease.__table__, [row("b")])

    with pytest.raises(IntegrityError) as refused:
        await clash()
    assert constraint_of(refused.value) == "pk_leases"
    assert await names(database.reads) == ["b"]


async def test_a_session_knows_its_vault_and_whether_it_can_write(database: Database, vault: Vault) -> None:
    async with database.reads() as reading, database.writes() as writing:
        assert vault_of(reading) is vault_of(writing) is vault
        assert (is_reading(reading), is_reading(writing)) == (True, False)


# --- what is seen ----------------------------------------------------------------------------------------------------


@pytest.mark.backends(*SERVERS)
async def test_what_was_committed_since_the_first_read_is_seen_by_the_next(database: Database) -> None:
    await keep(database, "a")
    async with transaction(database.writes) as session:
        assert await names_in(session) == ["a"]
        await keep(database, "b")
        async with transaction(database.writes) as other:
            await postpone(other, "a")
        assert await names_in(session) == ["a", "b"]
        assert await session.scalar(select(Lease.expires_at).where(Lease.name == "a")) == LATER


@pytest.mark.backends(*SERVERS)
async def test_what_was_committed_between_a_read_and_a_lock_is_seen_after_the_lock(database: Database) -> None:
    await keep(database, "a")
    async with transaction(database.writes) as session:
        lease = await session.get_one(Lease, "a")
        assert lease.expires_at == MONDAY
        async with transaction(database.writes) as other:
            await postpone(other, "a")
            locking = asyncio.create_task(lock(session, "a"))
            await asyncio.sleep(0.1)
            assert not locking.done(), "the lock is held by the other"
        await locking
        assert lease.expires_at == LATER


async def lock(session: AsyncSession, name: str) -> None:
    query = select(Lease).where(Lease.name == name).with_for_update().execution_options(populate_existing=True)
    (await session.scalars(query)).one()


async def names_in(session: AsyncSession) -> list[str]:
    return list((await session.scalars(select(Lease.name).order_by(Lease.name))).all())


async def test_on_sqlite_nobody_writes_between_a_writers_first_read_and_its_commit(
    sqlite_database: Database, backend: Backend
) -> None:
    await keep(sqlite_database, "a")
    async with transaction(sqlite_database.writes) as session:
        assert await names_in(session) == ["a"]
        with pytest.raises(DBAPIError) as busy:
            await begin_immediate(backend.url)
        assert is_retryable(busy.value)
    await begin_immediate(backend.url)


async def begin_immediate(url: URL) -> None:
    """What another process does first, without its patience."""
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"isolation_level": None, "timeout": 0})
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.exec_driver_sql("ROLLBACK")
    finally:
        await engine.dispose()


async def test_readers_are_not_kept_waiting_by_a_writer(database: Database) -> None:
    await keep(database, "a")
    async with transaction(database.writes) as session:
        await postpone(session, "a")
        async with asyncio.timeout(2):
            assert await names(database.reads) == ["a"]


async def test_writers_in_one_process_wait_for_each_other_instead_of_failing(database: Database) -> None:
    await keep(database, "a")

    async def one_more() -> None:
        async with transaction(database.writes) as session:
            await lock(session, "a")
            expires_at = (await session.get_one(Lease, "a")).expires_at
            await session.execute(update(Lease).values(expires_at=expires_at + timedelta(seconds=1)))

    await asyncio.gather(*(one_more() for _ in range(10)))
    async with database.reads() as session:
        assert await session.scalar(select(Lease.expires_at)) == MONDAY + timedelta(seconds=10)


# --- readers ---------------------------------------------------------------------------------------------------------


async def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        await write_as_a_reader(database)
    assert await names(database.reads) == []


async def write_as_a_reader(database: Database) -> None:
    async with database.reads() as session:
        await session.execute(insert(Lease), [row("a")])
        await session.commit()


@pytest.mark.backends(*SERVERS)
async def test_a_reader_sees_each_commit_at_once(database: Database) -> None:
    async with database.reads() as session:
        assert await names_in(session) == []
        await keep(database, "a")
        assert await names_in(session) == ["a"]


async def test_sqlite_waits_for_the_disk_and_keeps_its_foreign_keys(sqlite_database: Database) -> None:
    async with sqlite_database.writes() as session:
        found = {name: await session.scalar(text(f"PRAGMA {name}")) for name in
                 ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5_000}


# --- what errors mean ------------------------------------------------------------------------------------------------


@pytest.mark.backends(*SERVERS)
async def test_a_deadlock_may_be_tried_again(database: Database) -> None:
    await keep(database, "a", "b")
    both = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        async with transaction(database.writes) as session:
            await postpone(session, first)
            await both.wait()
            await postpone(session, second)

    ended = await asyncio.gather(cross("a", "b"), cross("b", "a"), return_exceptions=True)
    errors = [each for each in ended if each is not None]
    assert [is_retryable(error) for error in errors] == [True]
    assert not is_unreachable(errors[0])


@pytest.mark.backends(*SERVERS)
async def test_a_lock_that_is_not_had_in_time_may_be_tried_again(backend: Backend, vault: Vault) -> None:
    await keep(backend.database, "a")
    short = {"postgresql": "SET LOCAL lock_timeout = '100ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}

    async def wait_in_vain(database: Database) -> None:
        async with transaction(database.writes) as session:
            await session.execute(text(short[backend.name]))
            await lock(session, "a")

    async with other_process(backend, vault) as database, transaction(backend.database.writes) as session:
        await lock(session, "a")
        with pytest.raises(DBAPIError) as late:
            await wait_in_vain(database)
    assert is_retryable(late.value)


@asynccontextmanager
async def other_process(backend: Backend, vault: Vault) -> AsyncIterator[Database]:
    """The same database with connections of its own."""
    database = connect(backend.url, vault, pool_size=1)
    try:
        yield database
    finally:
        await database.dispose()


# In one order on every worker; a table's constraints are a set.
UNIQUE: list[Any] = sorted(
    (each for table in metadata.sorted_tables for each in table.constraints
     if isinstance(each, UniqueConstraint | PrimaryKeyConstraint)),
    key=lambda each: each.name,
)  # fmt: skip


@pytest.mark.parametrize("unique", UNIQUE, ids=[unique.name for unique in UNIQUE])
def test_a_constraint_that_sqlite_tells_by_its_columns_is_found_by_them(unique: Any) -> None:
    """Other constraints of the same columns, a foreign key for one, must not be taken for it."""
    columns = ", ".join(f"{unique.table.name}.{column.name}" for column in unique.columns)
    cause = sqlite3.IntegrityError(f"UNIQUE constraint failed: {columns}")
    assert constraint_of(IntegrityError("INSERT", None, cause)) == unique.name


async def test_a_refused_row_is_not_tried_again(database: Database) -> None:
    await keep(database, "a")
    with pytest.raises(IntegrityError) as refused:
        await keep(database, "a")
    assert not is_retryable(refused.value)
    assert not is_unreachable(refused.value)


@pytest.mark.backends(*SERVERS)
async def test_a_server_that_does_not_answer_is_unreachable(backend: Backend, vault: Vault) -> None:
    assert await is_nowhere(backend.url.set(port=1), vault)


@pytest.mark.backends(*SERVERS)
async def test_a_server_whose_name_is_not_known_is_unreachable(backend: Backend, vault: Vault) -> None:
    assert await is_nowhere(backend.url.set(host="database.invalid"), vault)


async def is_nowhere(url: URL, vault: Vault) -> bool:
    database = connect(url, vault, pool_size=1)
    try:
        await names(database.reads)
    except Exception as error:
        return is_unreachable(error) and not is_retryable(error)
    finally:
        await database.dispose()
    return False


@pytest.mark.backends(*SERVERS)
async def test_a_connection_that_was_cut_is_unreachable_and_the_next_one_works(backend: Backend, vault: Vault) -> None:
    own_id = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}[backend.name]
    cut = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}[backend.name]
    async with other_process(backend, vault) as database:
        async with database.writes() as session:
            connection_id = await session.scalar(text(own_id))
            async with backend.database.writes() as killer:
                await killer.execute(text(cut.format(connection_id)))
            await asyncio.sleep(0.05)
            with pytest.raises(DBAPIError) as lost:
                await session.execute(select(Lease))
        assert is_unreachable(lost.value)
        assert not is_retryable(lost.value)
        assert await names(database.writes) == []


async def test_a_pool_without_a_free_connection_is_unreachable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = database.engines[-1].sync_engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.05)
    size = pool.size()  # type: ignore[attr-defined]
    sessions = [database.writes() for _ in range(size)]
    try:
        for session in sessions:
            await session.connection()
        async with database.writes() as one_too_many:
            with pytest.raises(Exception, match="QueuePool limit") as none_free:
                await one_too_many.connection()
    finally:
        for session in sessions:
            await session.close()
    assert is_unreachable(none_free.value)


def test_what_is_no_database_error_is_neither() -> None:
    for error in (ValueError("1213"), KeyError("40001"), OSError("disk")):
        assert not is_retryable(error)
        assert not is_unreachable(error)


async def test_a_statement_that_fails_does_not_show_its_values(database: Database) -> None:
    """Values are personal data, and errors are logged."""
    await keep(database, "a")
    with pytest.raises(IntegrityError) as refused:
        await keep(database, "a")
    assert HOLDER.hex not in str(refused.value).replace("-", "")
    assert "[SQL parameters hidden" in str(refused.value)
