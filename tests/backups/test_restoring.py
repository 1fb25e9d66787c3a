"""A backup taken while visits are booked is restored on another engine, with everything in it."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from appointed import audit, backups
from appointed.accounts import queries as users
from appointed.accounts.factors import service as factors
from appointed.accounts.factors.passkeys import Made
from appointed.core.crypto import Vault
from appointed.core.db import Database, metadata, transaction
from appointed.core.ids import new_id
from appointed.core.settings import Settings
from appointed.patients.models import Patient
from appointed.records import service as records
from appointed.records.rules import Status
from appointed.records.service import Draft
from tests.support.clock import FixedClock
from tests.support.databases import Backend, fresh
from tests.support.factories import Clinic, Person
from tests.support.factors import code_now
from tests.support.racing import enrol
from tests.support.report import found_of
from tests.support.server import environment_of
from tests.support.servers import Server
from tests.support.soundness import flaws

BOOKINGS = int(os.environ.get("BACKUP_BOOKINGS", "40"))
DAYS = 7
NEXT = {"sqlite": "postgresql", "postgresql": "mysql", "mysql": "sqlite"}
HALF_HOUR = timedelta(minutes=30)


def quiet(*_said: object) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
async def empty(
    request: pytest.FixtureRequest, backend: Backend, tmp_path: Path, vault: Vault
) -> AsyncIterator[Backend]:
    """A database of another engine in which there is not even a table."""
    server = found_of(request.config)[NEXT[backend.name]]
    if not isinstance(server, Server):
        pytest.skip(f"{server.name} was not found: {server.why}")
    async with fresh(server, tmp_path, vault, is_migrated=False) as made:
        yield made


async def take(database: Database, vault: Vault, folder: Path, clock: FixedClock) -> Path:
    path = folder / f"{new_id().hex}.backup"
    await backups.take(database, vault, path, audit.heads_in(folder), clock.now(), on_progress=quiet)
    return path


async def contents(database: Database) -> dict[str, set[str]]:
    async with database.reads() as session:
        return {table.name: {repr(tuple(row)) for row in (await session.execute(select(table))).all()}
                for table in metadata.sorted_tables}  # fmt: skip


async def write_records(clinic: Clinic, doctor: Person, patient: Person) -> None:
    """A record that was amended twice: each names the next and the one before."""
    async with transaction(clinic.database.writes) as session:
        draft = Draft(notes="🩺 first", title="é", diagnoses=[{"system": "s", "code": "c", "display": "d"}],
                      appointment_id=None, status=Status.FINAL)  # fmt: skip
        record = await records.write(session, doctor.actor, patient.profile_id, draft, clock=clinic.clock)
    for notes in ("second", "third"):
        async with transaction(clinic.database.writes) as session:
            record = await records.amend(session, doctor.actor, record.id, {"notes": notes}, clock=clinic.clock)


async def add_factors(clinic: Clinic, who: Person) -> None:
    """An authenticator app, recovery codes and a passkey."""
    async with transaction(clinic.database.writes) as session:
        user = await users.get(session, who.user_id, for_update=True)
        owner = factors.Owner(user, who.actor.session_id, clinic.clock.now())
        key, _ = await factors.begin_totp(session, owner)
        await factors.confirm_totp(session, owner, code_now(key, clinic.clock))
        await factors.add_passkey(session, owner, Made("AAECAwQF", "pQECAyYg", 7), "Work laptop")


async def during_bookings(clinic: Clinic, backup: Awaitable[Path]) -> Path:
    """The backup that is taken after a third of the bookings, while the others go on."""
    doctors = [await clinic.doctor() for _ in range(-(-BOOKINGS // (DAYS * 14)))]
    crowd = await enrol(clinic, BOOKINGS)
    tomorrow = clinic.clock.now().replace(hour=9) + timedelta(days=1)
    times = [tomorrow + timedelta(days=day) + HALF_HOUR * number for day in range(DAYS) for number in range(14)]
    wanted = [(doctor, time) for time in times for doctor in doctors]
    third = asyncio.Event()
    made = 0

    async def book(part: int) -> None:
        nonlocal made
        for number in range(part, BOOKINGS, 4):
            doctor, time = wanted[number]
            await clinic.visit(crowd[number], doctor, time, reason=f"reason {number}")
            made += 1
            if made >= BOOKINGS // 3:
                third.set()

    booking = [asyncio.create_task(book(part)) for part in range(4)]
    await third.wait()
    path = await backup
    await asyncio.gather(*booking)
    assert made == BOOKINGS
    return path


async def test_a_backup_that_was_taken_during_bookings_is_whole_on_another_engine(
    clinic: Clinic, clock: FixedClock, vault: Vault, empty: Backend, tmp_path: Path
) -> None:
    source, target = clinic.database, empty.database
    doctor, patient = await clinic.doctor(), await clinic.patient(phone="+49 30 5550 1234", address="1 Road")
    await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    await add_factors(clinic, doctor)
    await write_records(clinic, doctor, patient)
    await audit.seal(source, audit.heads_in(tmp_path), clock.now())
    path = await during_bookings(clinic, take(source, vault, tmp_path, clock))
    there = tmp_path / "restored"
    checked = await backups.restore(target, vault, path, audit.heads_in(there), on_progress=quiet)
    assert checked.findings == []
    assert checked.rows > 300
    assert checked.sealed > BOOKINGS // 3
    assert await flaws(target) == []
    restored, now = await contents(target), await contents(source)
    assert {name for name, rows in restored.items() if not rows <= now[name]} == set()
    assert {name for name in restored if "records" in name and restored[name] != now[name]} == set()
    for table in ("totp_keys", "recovery_codes", "passkeys"):
        assert restored[table] == now[table] != set()
    assert BOOKINGS // 3 <= len(restored["appointments"]) <= BOOKINGS + 1
    async with target.reads() as session:
        assert (await session.get_one(Patient, patient.profile_id)).phone == "+49 30 5550 1234"
        assert (await audit.verify(session, audit.heads_in(there))).sealed > 0
    async with target.writes() as session:
        with pytest.raises(Exception, match="the audit trail is never changed"):
            await session.execute(text("DELETE FROM audit_events"))


@pytest.mark.backends("sqlite")
async def test_a_restored_database_is_backed_up_to_the_same_rows(
    clinic: Clinic, clock: FixedClock, vault: Vault, empty: Backend, tmp_path: Path
) -> None:
    doctor, patient = await clinic.doctor(languages=["en", "de"]), await clinic.patient()
    await clinic.visit_type(name="Check-up", allowed_lengths=[30, 60])
    await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2), reason="x")
    await write_records(clinic, doctor, patient)
    path = await take(clinic.database, vault, tmp_path, clock)
    heads = audit.heads_in(tmp_path / "there")
    await backups.restore(empty.database, vault, path, heads, on_progress=quiet)
    assert await contents(empty.database) == await contents(clinic.database)
    again = tmp_path / "again"
    await backups.take(empty.database, vault, again, heads, clock.now(), on_progress=quiet)
    with pytest.raises(backups.BackupRefused, match="is there already"):
        await backups.take(empty.database, vault, again, heads, clock.now(), on_progress=quiet)
    assert backups.inspect(again, vault)[1].rows == backups.inspect(path, vault)[1].rows
    assert again.stat().st_mode & 0o777 == 0o600


@pytest.fixture
async def target(backend: Backend, tmp_path: Path, vault: Vault) -> AsyncIterator[Database]:
    """Another database of the same engine, without a table."""
    async with fresh(backend.server, tmp_path, vault, is_migrated=False) as made:
        yield made.database


@pytest.mark.backends("sqlite")
async def test_what_cannot_be_restored_leaves_nothing_behind(
    clinic: Clinic, clock: FixedClock, vault: Vault, target: Database, tmp_path: Path
) -> None:
    path = await take(clinic.database, vault, tmp_path, clock)
    heads = audit.heads_in(tmp_path / "there")

    async def refused(database: Database, vault: Vault, why: str) -> None:
        with pytest.raises(backups.BackupRefused, match=why):
            await backups.restore(database, vault, path, heads, on_progress=quiet)

    await refused(target, Vault.of(bytes(32)), "which is not at hand")
    await refused(clinic.database, vault, "not empty")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    await refused(target, vault, "not whole")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    await refused(target, vault, "altered")
    path.write_bytes(whole)
    heads.parent.mkdir()
    heads.write_text("{}\n")
    await refused(target, vault, "another database's trail")
    heads.write_text("")
    assert not any((await contents(target)).values())
    assert (await backups.restore(target, vault, path, heads, on_progress=quiet)).findings == []


@pytest.mark.backends("sqlite")
async def test_a_database_that_cannot_take_all_of_it_takes_nothing(
    clinic: Clinic, clock: FixedClock, vault: Vault, target: Database, tmp_path: Path
) -> None:
    await clinic.patient()
    path = await take(clinic.database, vault, tmp_path, clock)
    heads = audit.heads_in(tmp_path / "there")
    heads.parent.mkdir()
    (heads.parent / f"{heads.name}.restoring").mkdir()
    with pytest.raises(OSError, match="restoring"):
        await backups.restore(target, vault, path, heads, on_progress=quiet)
    assert not any((await contents(target)).values())


@pytest.mark.backends("sqlite")
async def test_checking_finds_what_is_not_as_it_should_be(
    clinic: Clinic, clock: FixedClock, vault: Vault, tmp_path: Path
) -> None:
    database, heads = clinic.database, audit.heads_in(tmp_path)
    doctor = await clinic.doctor()
    one, other = [await clinic.patient(phone=f"+49 30 {number}00000") for number in (1, 2)]
    await clinic.visit(one, doctor, clock.now() + timedelta(hours=2))
    await audit.seal(database, heads, clock.now())

    async def findings() -> list[str]:
        async with database.reads() as session:
            return (await backups.check(session, heads)).findings

    assert await findings() == []
    async with transaction(database.writes) as session:
        sealed = await session.scalar(select(Patient.phone_sealed).where(Patient.id == one.profile_id))
        await session.execute(update(Patient).where(Patient.id == other.profile_id).values(phone_sealed=sealed))
        await session.execute(update(Patient).where(Patient.id == one.profile_id).values(phone_index=bytes(32)))
        await session.execute(text("DELETE FROM audit_events"))
    assert sorted(line for line in await findings() if "audit" not in line) == sorted(
        [f"patients.phone of {other.profile_id} cannot be opened",
         f"patients.phone of {one.profile_id} is not found by its index"]
    )  # fmt: skip
    assert any("audit trail: a row that was sealed is missing" in line for line in await findings())
    with closing(sqlite3.connect(str(database.engines[0].url.database))) as careless:
        careless.execute("DELETE FROM patients")
        careless.commit()
    assert "appointments.patient_id of 1 rows names what is not there" in await findings()


async def command(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", *arguments, cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, " ".join(output.decode().split())


@pytest.mark.backends("sqlite")
async def test_the_commands_say_what_they_did_and_fail_with_a_line(
    clinic: Clinic, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    await clinic.patient(phone="+49 30 5550 1234")
    await audit.seal(clinic.database, audit.heads_in(settings.var_dir), clock.now())
    here = environment_of(settings)
    there = here | {"DATABASE_URL": f"sqlite:///{tmp_path}/there.sqlite3", "VAR_DIR": str(tmp_path / "there")}
    code, said = await command(tmp_path, here, "backup", "b")
    assert code == 0, said
    assert "rows are in b:" in said
    code, said = await command(tmp_path, there, "restore", "b")
    assert (code, "all as it should be." in said) == (0, True), said
    audit.heads_in(tmp_path / "there").unlink()
    code, said = await command(tmp_path, there, "check")
    assert (code, "Not as it should be: audit trail: there is no audit-heads.jsonl" in said) == (1, True), said
