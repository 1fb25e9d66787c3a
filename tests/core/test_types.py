"""Columns that behave alike: asserted on the schema that the migrations made, and on what comes back out of it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Column, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from appointed.accounts.models import User
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, constraint_of, metadata, transaction
from appointed.core.ids import new_id
from appointed.core.leases import Lease
from appointed.core.types import Digest, Guid, HumanString, Instant, MachineString, SealedBytes
from appointed.patients.models import Patient
from appointed.resources.models import Resource
from tests.support.clock import MONDAY

# What the server calls a column of each type, and its collation: type, length or precision, collation.
WANTED: dict[str, dict[type, tuple[Any, ...]]] = {
    "postgresql": {
        Guid: ("uuid", None, None),
        Instant: ("timestamp with time zone", 6, None),
        MachineString: ("character varying", "length", "C"),
        HumanString: ("character varying", "length", None),
        Digest: ("bytea", None, None),
        SealedBytes: ("bytea", None, None),
    },
    "mysql": {
        Guid: ("binary", 16, None),
        Instant: ("datetime", 6, None),
        MachineString: ("varchar", "length", "utf8mb4_bin"),
        HumanString: ("varchar", "length", "utf8mb4_unicode_ci"),
        Digest: ("binary", 32, None),
        SealedBytes: ("mediumblob", 16_777_215, None),
    },
}
OURS = (Guid, Instant, MachineString, HumanString, Digest, SealedBytes)
COLUMNS: list[Column[Any]] = [c for table in metadata.sorted_tables for c in table.c if isinstance(c.type, OURS)]
SCHEMA = text(
    "SELECT table_name, column_name, data_type, coalesce(datetime_precision, character_maximum_length),"
    " collation_name FROM information_schema.columns WHERE table_schema = :schema"
)


def test_there_is_a_column_of_every_type() -> None:
    assert {type(column.type) for column in COLUMNS} == set(OURS)


@pytest.mark.backends("postgresql", "mysql")
async def test_every_column_is_what_its_type_promises_on_a_server(database: Database) -> None:
    async with database.reads() as session:
        name = str(session.get_bind().engine.url.database)
        schema = "public" if database.dialect == "postgresql" else name
        rows = await session.execute(SCHEMA, {"schema": schema})
        found = {(row[0], row[1]): tuple(row[2:]) for row in rows}
    for column in COLUMNS:
        data_type, size, collation = WANTED[database.dialect][type(column.type)]
        wanted = (data_type, getattr(column.type, "length", 0) if size == "length" else size, collation)
        assert found[column.table.name, column.name] == wanted, column


async def test_every_column_is_what_its_type_promises_on_sqlite(sqlite_database: Database) -> None:
    declared = {Guid: "BLOB", Instant: "DATETIME", Digest: "BLOB", SealedBytes: "BLOB"}
    async with sqlite_database.reads() as session:
        for column in COLUMNS:
            info = await session.execute(text(f"PRAGMA table_info({column.table.name})"))
            found = {row.name: row.type for row in info}[column.name]
            assert found == declared.get(type(column.type), f"VARCHAR({getattr(column.type, 'length', 0)})"), column


async def test_a_uuid_takes_sixteen_bytes(database: Database) -> None:
    # A zero or a space at the end is what padding would lose.
    ids = [UUID(int=0), UUID(int=(1 << 128) - 1), UUID(bytes=b"0123456789abcde\x00"), UUID(bytes=b"0123456789abcde ")]
    async with transaction(database.writes) as session:
        await session.execute(insert(Resource), [{"id": each, "kind": "room"} for each in ids])
    async with database.reads() as session:
        for each in ids:
            assert await session.scalar(select(Resource.id).where(Resource.id == each)) == each
        if database.dialect != "postgresql":
            assert (await session.scalars(text("SELECT DISTINCT length(id) FROM resources"))).all() == [16]


async def test_uuids_are_ordered_as_python_orders_them(database: Database) -> None:
    """Locks are taken in the order that the database gives; rows are made in the order that Python gives."""
    ids = [UUID(int=1 << shift) for shift in (0, 7, 63, 64, 120, 127)]
    async with transaction(database.writes) as session:
        await session.execute(insert(Resource), [{"id": each, "kind": "room"} for each in reversed(ids)])
    async with database.reads() as session:
        assert (await session.scalars(select(Resource.id).order_by(Resource.id))).all() == sorted(ids)


async def lease(database: Database, name: str, expires_at: datetime = MONDAY) -> None:
    async with transaction(database.writes) as session:
        await session.execute(insert(Lease), [{"name": name, "holder": new_id(), "expires_at": expires_at}])


async def expiry_of(database: Database, name: str) -> datetime | None:
    async with database.reads() as session:
        found: datetime | None = await session.scalar(select(Lease.expires_at).where(Lease.name == name))
        return found


NAMES = ["a", "A", "á", "Á", "ß", "ss", "ſ", "ı", "i", "İ", "ﬁ", "fi"]


async def test_machine_strings_that_differ_in_case_or_accent_are_different_keys(database: Database) -> None:
    for name in NAMES:
        await lease(database, name)
    async with database.reads() as session:
        for name in NAMES:
            assert (await session.scalars(select(Lease.name).where(Lease.name == name))).all() == [name]


async def test_an_equal_machine_string_is_refused(database: Database) -> None:
    await lease(database, "á")
    with pytest.raises(IntegrityError) as refused:
        await lease(database, "á")
    assert constraint_of(refused.value) == "pk_leases"


async def test_machine_strings_are_ordered_by_their_bytes(database: Database) -> None:
    for name in NAMES:
        await lease(database, name)
    async with database.reads() as session:
        found = (await session.scalars(select(Lease.name).order_by(Lease.name))).all()
    assert found == sorted(NAMES, key=str.encode)


def user(email: str, name: str = "Zoë 🩺 Łukasz") -> dict[str, Any]:
    return {"id": new_id(), "email": email, "password_hash": "1:x", "display_name": name, "is_active": True,
            "created_at": MONDAY}  # fmt: skip


async def test_unique_constraints_tell_letter_cases_apart(database: Database) -> None:
    """Which is why addresses are folded before they are stored."""
    async with transaction(database.writes) as session:
        await session.execute(insert(User), [user("zoe@example.org"), user("Zoe@example.org"), user("zoë@example.org")])
    with pytest.raises(IntegrityError) as refused:
        async with transaction(database.writes) as session:
            await session.execute(insert(User), [user("zoe@example.org")])
    assert constraint_of(refused.value) == "uq_users_email"


async def test_a_name_keeps_every_character(database: Database) -> None:
    async with transaction(database.writes) as session:
        await session.execute(insert(User), [user("zoe@example.org", "Zoë 🩺 Łukasz 王 العربية")])
    async with database.reads() as session:
        assert await session.scalar(select(User.display_name)) == "Zoë 🩺 Łukasz 王 العربية"


@pytest.mark.parametrize("microsecond", [0, 1, 499_999, 500_000, 999_999])
async def test_an_instant_keeps_its_microseconds(database: Database, microsecond: int) -> None:
    instant = MONDAY.replace(microsecond=microsecond)
    await lease(database, "microseconds", instant)
    found = await expiry_of(database, "microseconds")
    assert found == instant
    assert found.tzinfo is UTC


async def test_an_instant_is_the_same_whatever_zone_it_is_written_in(database: Database) -> None:
    elsewhere = MONDAY.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    await lease(database, "elsewhere", elsewhere)
    found = await expiry_of(database, "elsewhere")
    assert found == MONDAY
    assert found.utcoffset() == timedelta(0)


async def test_the_two_hours_of_a_clock_that_is_put_back_stay_two(database: Database) -> None:
    first, second = (datetime(2031, 10, 26, hour, 30, tzinfo=UTC) for hour in (0, 1))  # both 02:30 in Berlin
    await lease(database, "first", first)
    await lease(database, "second", second)
    assert (await expiry_of(database, "first"), await expiry_of(database, "second")) == (first, second)


async def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="needs a time zone"):
        await lease(database, "naive", MONDAY.replace(tzinfo=None))
    assert await expiry_of(database, "naive") is None


async def test_a_digest_keeps_the_bytes_at_its_end(database: Database) -> None:
    digests = [bytes(32), b"\xff" * 31 + b"\x00", b"\x00" * 31 + b" "]
    rows = [{"id": new_id(), "recorded_at": MONDAY, "action": "x.y", "outcome": "done", "entity": "x", "detail": {},
             "signature": digest} for digest in digests]  # fmt: skip
    async with transaction(database.writes) as session:
        await session.execute(insert(AuditEvent), rows)
    async with database.reads() as session:
        found = (await session.scalars(select(AuditEvent.signature).order_by(AuditEvent.id))).all()
    assert found == digests


async def test_sealed_text_may_be_as_long_as_the_longest_note(database: Database) -> None:
    sealed = bytes(range(256)) * 3_200  # 200,000 characters of four bytes, and what sealing adds
    row = {"id": new_id(), "record_number": "1", "first_name": "A", "last_name": "B", "first_name_key": "a",
           "last_name_key": "b", "is_active": True, "created_at": MONDAY, "address_sealed": sealed}  # fmt: skip
    async with transaction(database.writes) as session:
        await session.execute(insert(Resource), [{"id": row["id"], "kind": "patient"}])
        await session.execute(insert(Patient), [row])
    async with database.reads() as session:
        assert await session.scalar(select(Patient.address_sealed)) == sealed
