"""Turning the data key over: what the old one sealed is sealed by the new one, whoever reads and writes meanwhile."""

import asyncio
import base64
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import insert, select, update

from appointed import audit
from appointed.accounts.actor import Role
from appointed.core import rotation
from appointed.core.crypto import Vault
from appointed.core.db import Database, connect, transaction
from appointed.core.idempotency import Once, Replayed
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_columns, sealed_values
from appointed.core.settings import Settings
from appointed.patients import queries
from appointed.patients.codes import new_record_number
from appointed.patients.models import Patient
from appointed.resources.models import Resource
from tests.support.clock import MONDAY
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.fixtures import DATA_KEY
from tests.support.server import environment_of

OLD = base64.b64decode(DATA_KEY)
NEW = bytes(range(1, 33))
NEW_VAULT = Vault.of(NEW)
NAMES = ("phone", "address", "emergency_contact", "insurance_number")
SECONDS = 60


async def enrol(database: Database, vault: Vault, count: int) -> list[UUID]:
    """Patients with four sealed fields each."""
    ids = [new_id() for _ in range(count)]
    async with transaction(database.writes) as session:
        await session.execute(insert(Resource), [{"id": id_, "kind": "patient"} for id_ in ids])
        await session.execute(insert(Patient), [row_of(vault, number, id_) for number, id_ in enumerate(ids)])
    return ids


def row_of(vault: Vault, number: int, id_: UUID) -> dict[str, Any]:
    texts = {"phone": f"+49 30 {number:06}", "address": f"{number} Road", "emergency_contact": f"kin {number}",
             "insurance_number": f"A{number:06}"}  # fmt: skip
    return {"id": id_, "record_number": new_record_number(), "first_name": "Pat", "last_name": f"Sample {number}",
            "first_name_key": "pat", "last_name_key": f"sample {number}", "is_active": True, "created_at": MONDAY,
            **sealed_values(vault, "patients", id_, **texts)}  # fmt: skip


@pytest.fixture
async def turned(backend: Backend) -> AsyncIterator[Database]:
    """The same database with the new key, and the old one beside it."""
    database = connect(backend.url, Vault.of(NEW, OLD), pool_size=5)
    yield database
    await database.dispose()


@pytest.fixture
async def renewed(backend: Backend) -> AsyncIterator[Database]:
    """The same database with the new key alone."""
    database = connect(backend.url, NEW_VAULT, pool_size=5)
    yield database
    await database.dispose()


async def phones(database: Database, ids: Iterable[UUID]) -> list[str | None]:
    async with database.reads() as session:
        rows = (await session.scalars(select(Patient).where(Patient.id.in_(ids)).order_by(Patient.id))).all()
        return [row.phone for row in rows]


async def keys_in(database: Database) -> dict[bytes, int]:
    counts: dict[bytes, int] = {}
    async with database.reads() as session:
        for held in await rotation.held(session):
            counts[held.key_id] = counts.get(held.key_id, 0) + held.count
    return counts


async def test_all_is_sealed_anew_found_and_read_when_the_old_key_is_gone(
    clinic: Clinic, turned: Database, renewed: Database
) -> None:
    ids = await enrol(clinic.database, Vault.of(OLD), 25)
    desk = (await clinic.patient()).actor
    once = Once(desk.user_id, "POST /x", b"k" * 32, b"b" * 32)
    async with transaction(clinic.database.writes) as session:
        await once.keep(session, 201, b"{}", MONDAY)
    told: list[tuple[int, int]] = []
    outcome = await rotation.rotate(turned, batch=10, pause=0, on_progress=lambda *so_far: told.append(so_far))
    assert (outcome.resealed, outcome.unreadable, outcome.left) == (101, [], 0)
    assert (told[0], told[-1]) == ((0, 101), (101, 101))
    assert await keys_in(renewed) == {NEW_VAULT.key_id: 101}
    assert await phones(renewed, ids) == [f"+49 30 {number:06}" for number in range(25)]
    async with renewed.reads() as session:
        hashes = [NEW_VAULT.blind("phone_last4", "0007"), NEW_VAULT.blind("insurance_number", "A000008")]
        for column, hash_ in zip((Patient.phone_last4_index, Patient.insurance_number_index), hashes, strict=True):
            assert len((await session.scalars(select(Patient.id).where(column == hash_))).all()) == 1
        with pytest.raises(Replayed):
            await once.check(session, MONDAY)
    assert (await rotation.rotate(turned, pause=0)).resealed == 0


async def test_half_way_through_everybody_is_found_by_number(clinic: Clinic, turned: Database) -> None:
    await enrol(clinic.database, Vault.of(OLD), 3)
    async with transaction(turned.writes) as session:
        row = (await session.scalars(select(Patient).order_by(Patient.id))).first()
        assert row is not None
        values = sealed_values(Vault.of(NEW), "patients", row.id, phone=row.phone)
        await session.execute(update(Patient).where(Patient.id == row.id).values(values))
    desk = (await clinic.staff(Role.RECEPTIONIST)).actor
    async with turned.reads() as session:
        for number in range(3):
            page = await queries.page(session, desk, f"+4930{number:06}", MONDAY, limit=5, cursor=None, is_active=None)
            assert [found.phone for found in page.items] == [f"+49 30 {number:06}"]


async def test_nobody_who_reads_or_writes_meanwhile_is_in_the_way_or_loses_anything(
    database: Database, turned: Database, renewed: Database
) -> None:
    ids = await enrol(database, Vault.of(OLD), 120)
    written: dict[UUID, str] = {}
    done = asyncio.Event()

    async def write(number: int) -> None:
        while not done.is_set():
            id_, phone = secrets.choice(ids[number::4]), f"+49 40 {secrets.randbelow(10**6):06}"
            async with transaction(turned.writes) as session:
                values = sealed_values(Vault.of(NEW, OLD), "patients", id_, phone=phone)
                await session.execute(update(Patient).where(Patient.id == id_).values(values))
            written[id_] = phone
            await asyncio.sleep(0)

    async def read() -> int:
        count = 0
        while not done.is_set():
            count += len(await phones(turned, ids))
        return count

    reading, *writing = asyncio.create_task(read()), *(asyncio.create_task(write(number)) for number in range(2))
    await rotation.rotate(turned, batch=20, pause=0.005)
    done.set()
    await asyncio.gather(*writing)
    assert await reading >= len(ids)
    assert written
    assert (await rotation.rotate(turned, pause=0)).left == 0
    assert await keys_in(renewed) == {NEW_VAULT.key_id: 480}
    found = dict(zip(ids, await phones(renewed, ids), strict=True))
    assert {id_: found[id_] for id_ in written} == written


async def test_a_value_that_was_written_after_it_was_read_is_left_to_its_writer(
    database: Database, turned: Database
) -> None:
    [id_] = await enrol(database, Vault.of(OLD), 1)
    columns = [each for each in sealed_columns() if each.table.name == "patients"]
    async with turned.reads() as session:
        [row] = (await session.execute(rotation._page(columns, Vault.of(NEW, OLD), None, 10))).all()
    change = rotation._change_of(row, columns, Vault.of(NEW, OLD), rotation.Outcome())
    assert change is not None
    async with transaction(database.writes) as session:
        values = sealed_values(Vault.of(OLD), "patients", id_, phone="+49 40 1")
        await session.execute(update(Patient).values(values))
    assert await rotation._write(turned, columns, [change]) == 0
    assert await phones(turned, [id_]) == ["+49 40 1"]


async def test_a_killed_rotation_goes_on_where_it_was(
    database: Database, settings: Settings, backend: Backend, turned: Database, renewed: Database, tmp_path: Path
) -> None:
    ids = await enrol(database, Vault.of(OLD), 60)
    new_key = base64.b64encode(NEW).decode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", "keys", "rotate", "--batch", "5", "--pause", "0.3", cwd=tmp_path,
        env=environment_of(settings, DATA_KEY=new_key, OLD_DATA_KEYS=DATA_KEY), stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            while (await keys_in(database)).get(NEW_VAULT.key_id, 0) == 0:
                assert process.returncode is None
                await asyncio.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    counts = await keys_in(database)
    assert counts[NEW_VAULT.key_id] % 20 == 0, "a batch is whole or not at all"
    assert counts[Vault.of(OLD).key_id] == 240 - counts[NEW_VAULT.key_id] > 0
    assert len(set(await phones(turned, ids))) == 60
    assert (await rotation.rotate(turned, pause=0)).resealed == 240 - counts[NEW_VAULT.key_id]
    assert len(set(await phones(renewed, ids))) == 60


@pytest.mark.backends("sqlite")
async def test_without_the_keys_nothing_is_touched(database: Database, renewed: Database) -> None:
    await enrol(database, Vault.of(OLD), 2)
    before = await keys_in(database)
    with pytest.raises(rotation.KeysMissing, match=f"8 values .*{Vault.of(OLD).key_id.hex()}.*OLD_DATA_KEYS"):
        await rotation.rotate(renewed)
    assert await keys_in(database) == before


@pytest.mark.backends("sqlite")
async def test_a_value_that_was_put_into_another_row_is_told_and_left_as_it_is(
    database: Database, turned: Database
) -> None:
    one, other = await enrol(database, Vault.of(OLD), 2)
    async with transaction(database.writes) as session:
        sealed = await session.scalar(select(Patient.phone_sealed).where(Patient.id == one))
        await session.execute(update(Patient).where(Patient.id == other).values(phone_sealed=sealed))
    outcome = await rotation.rotate(turned, pause=0)
    assert (outcome.resealed, outcome.unreadable, outcome.left) == (7, [("patients.phone", other)], 1)
    with pytest.raises(InvalidTag):
        await phones(turned, [other])
    async with transaction(turned.writes) as session:
        sealed = await session.scalar(select(Patient.address_sealed).where(Patient.id == one))
        await session.execute(update(Patient).where(Patient.id == other).values(address_sealed=sealed))
    async with turned.reads() as session:
        with pytest.raises(InvalidTag):
            _ = (await session.get_one(Patient, other)).address


async def test_the_trail_verifies_across_a_rotation_and_when_the_old_key_is_gone(
    database: Database, turned: Database, renewed: Database, tmp_path: Path
) -> None:
    heads = audit.heads_in(tmp_path)
    for base in (database, turned):
        async with transaction(base.writes) as session:
            for _ in range(3):
                audit.record(session, MONDAY, None, "appointment.book", "appointment")
        await audit.seal(base, heads, MONDAY)
    assert await findings(turned, heads) == []
    assert await findings(renewed, heads) != []
    for _ in range(2):
        async with transaction(turned.writes) as session:
            await audit.retire(session, MONDAY)
    assert await findings(renewed, heads) == []
    # Whoever has the old key, and can write to the database, adds what did not happen.
    async with transaction(database.writes) as session:
        audit.record(session, MONDAY + timedelta(seconds=1), None, "appointment.book", "appointment")
    assert len(await findings(renewed, heads)) == len(await findings(turned, heads)) == 1
    async with transaction(turned.writes) as session:
        await audit.retire(session, MONDAY + timedelta(minutes=1))
    assert await findings(renewed, heads) == []
    stranger = Vault.of(bytes(32))
    async with transaction(renewed.writes) as session:
        session.info["vault"] = stranger
        audit.record(session, MONDAY, None, "appointment.book", "appointment")
    assert "not recorded by us" in " ".join(await findings(renewed, heads))


async def test_the_keys_of_the_trail_are_sealed_anew_like_everything_else(
    database: Database, turned: Database, backend: Backend, tmp_path: Path
) -> None:
    heads = audit.heads_in(tmp_path)
    async with transaction(database.writes) as session:
        audit.record(session, MONDAY, None, "appointment.book", "appointment")
    await audit.seal(database, heads, MONDAY)
    async with transaction(turned.writes) as session:
        await audit.retire(session, MONDAY)
    newest = bytes(range(2, 34))
    third = connect(backend.url, Vault.of(newest, NEW), pool_size=2)
    alone = connect(backend.url, Vault.of(newest), pool_size=2)
    try:
        assert (await rotation.rotate(third, pause=0)).resealed == 1
        assert await findings(alone, heads) == []
    finally:
        await third.dispose()
        await alone.dispose()


async def findings(database: Database, heads: Path) -> list[str]:
    async with database.reads() as session:
        return [str(finding) for finding in (await audit.verify(session, heads)).findings]


async def keys(settings: Settings, *arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", "keys", *arguments, cwd=settings.var_dir,
        env=environment_of(settings, **environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, " ".join(output.decode().split())


@pytest.mark.backends("sqlite")
async def test_the_commands_say_what_is_and_what_was_done(database: Database, settings: Settings) -> None:
    await enrol(database, Vault.of(OLD), 2)
    new_key = base64.b64encode(NEW).decode()
    new, old = NEW_VAULT.key_id.hex(), Vault.of(OLD).key_id.hex()
    code, said = await keys(settings, "status", DATA_KEY=new_key, OLD_DATA_KEYS=DATA_KEY)
    assert code == 0
    assert f"{new} (current): 0 values" in said
    assert f"{old} (older): 8 values" in said
    code, said = await keys(settings, "rotate", DATA_KEY=new_key, OLD_DATA_KEYS=DATA_KEY)
    assert code == 0
    assert "8 values sealed anew. Nothing is sealed by older keys any more" in said
    code, said = await keys(settings, "status", DATA_KEY=new_key)
    assert (code, f"{new} (current): 9 values" in said) == (0, True), "one is the old key of the trail"
