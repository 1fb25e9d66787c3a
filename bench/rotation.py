"""Turning the data key over while patients are read and changed: `python -m bench.rotation sqlite --fields 100000`."""

import argparse
import asyncio
import base64
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, insert, select
from tests.support.server import environment_of
from tests.support.servers import Missing, find

from appointed import patients
from appointed.accounts.actor import Actor, Role
from appointed.core import rotation
from appointed.core.clock import SystemClock
from appointed.core.crypto import Vault
from appointed.core.db import Database, connect, transaction
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_columns, sealed_values
from appointed.core.settings import Settings
from appointed.deps.auth import PERMISSIONS
from appointed.migrations import upgrade
from appointed.patients import queries
from appointed.patients.codes import new_record_number
from appointed.patients.models import Patient
from appointed.resources.models import Resource

from .setup import scratch

FIELDS_EACH = 4
ROWS_A_STATEMENT = 1_000
DESK = Actor(new_id(), new_id(), frozenset({Role.RECEPTIONIST}), PERMISSIONS[Role.RECEPTIONIST])


@dataclass(slots=True)
class Crowd:
    """People at the desk, who look patients up and change their numbers for as long as it lasts."""

    database: Database
    ids: list[UUID]
    written: dict[UUID, str] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    is_over: bool = False

    async def read(self) -> None:
        while not self.is_over:
            await self._tried("reads", self._read_one())

    async def write(self, part: int, parts: int) -> None:
        while not self.is_over:
            await self._tried("writes", self._write_one(random.choice(self.ids[part::parts])))
            await asyncio.sleep(0.01)

    async def _tried(self, what: str, deed) -> None:  # type: ignore[no-untyped-def]  # any coroutine
        try:
            await deed
            self.done[what] += 1
        except Exception as error:
            self.failed.append(f"{what}: {error!r}")

    async def _read_one(self) -> None:
        number = random.randrange(len(self.ids))
        async with self.database.reads() as session:
            patient = await queries.get(session, DESK, self.ids[number], SystemClock().now())
            assert patient.phone
            assert patient.insurance_number == f"A{number:07}"
            assert patient.address == f"{number} Road"
            found = await queries.page(session, DESK, f"A{number:07}", SystemClock().now(), limit=5, cursor=None,
                                       is_active=None)  # fmt: skip
            assert [each.id for each in found.items] == [patient.id]

    async def _write_one(self, id_: UUID) -> None:
        phone = f"+49 40 {secrets.randbelow(10**7):07}"
        async with transaction(self.database.writes) as session:
            await patients.change(session, DESK, id_, {"phone": phone}, now=SystemClock().now())
        self.written[id_] = phone


async def fill(database: Database, vault: Vault, count: int) -> list[UUID]:
    ids = [new_id() for _ in range(count)]
    for start in range(0, count, ROWS_A_STATEMENT):
        part = list(enumerate(ids))[start : start + ROWS_A_STATEMENT]
        async with transaction(database.writes) as session:
            await session.execute(insert(Resource), [{"id": id_, "kind": "patient"} for _, id_ in part])
            await session.execute(insert(Patient), [_row(vault, number, id_) for number, id_ in part])
    return ids


def _row(vault: Vault, number: int, id_: UUID) -> dict[str, object]:
    texts = {"phone": f"+49 30 {number:07}", "address": f"{number} Road", "emergency_contact": f"kin {number}",
             "insurance_number": f"A{number:07}"}  # fmt: skip
    return {"id": id_, "record_number": new_record_number(), "first_name": "Pat", "last_name": f"Sample {number}",
            "first_name_key": "pat", "last_name_key": f"sample {number}", "is_active": True,
            "created_at": SystemClock().now(), **sealed_values(vault, "patients", id_, **texts)}  # fmt: skip


async def rotated(settings: Settings, old: str, database: Database, *, kill_at: int | None) -> float:
    """How many seconds `appointed keys rotate` took; with `kill_at` it is killed when it has sealed that many."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appointed", "keys", "rotate",
        env=environment_of(settings, OLD_DATA_KEYS=old), cwd=settings.var_dir, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    started = time.perf_counter()
    while kill_at and process.returncode is None and await _sealed(database, settings.vault) < kill_at:
        await asyncio.sleep(0.1)
    if kill_at and process.returncode is None:
        process.send_signal(signal.SIGKILL)
    code = await process.wait()
    assert code == (-signal.SIGKILL if kill_at else 0), code
    return time.perf_counter() - started


async def _sealed(database: Database, vault: Vault) -> int:
    columns = [each for each in sealed_columns() if each.table.name == "patients"]
    async with database.reads() as session:
        return sum([
            await session.scalar(select(func.count()).where(rotation.key_id_in(each) == vault.key_id)) or 0
            for each in columns
        ])  # fmt: skip


async def measure(name: str, fields: int, folder: Path) -> bool:
    server = (await find())[name]
    if isinstance(server, Missing):
        print(f"{name} was not found: {server.why}")
        return False
    async with scratch(server, folder) as before:
        old = before.data_key.get_secret_value()
        new = base64.b64encode(secrets.token_bytes(32)).decode()
        after = before.model_copy(update={"data_key": SecretStr(new)})
        for cached in ("data_key_bytes", "vault"):
            after.__dict__.pop(cached, None)
        vault = Vault.of(after.data_key_bytes, before.data_key_bytes)
        first = connect(before.database, before.vault)
        both = connect(before.database, vault, pool_size=8)
        alone = connect(before.database, Vault.of(after.data_key_bytes))
        try:
            await upgrade(first.engines[-1])
            ids = await fill(first, before.vault, fields // FIELDS_EACH)
            return await _under_load(server.version, Crowd(both, ids), alone, after, old)
        finally:
            for database in (first, both, alone):
                await database.dispose()


async def _under_load(version: str, crowd: Crowd, alone: Database, settings: Settings, old: str) -> bool:
    tasks = [*(asyncio.create_task(crowd.read()) for _ in range(3)),
             *(asyncio.create_task(crowd.write(part, 2)) for part in range(2))]  # fmt: skip
    killed = await rotated(settings, old, crowd.database, kill_at=len(crowd.ids))
    went_on = await rotated(settings, old, crowd.database, kill_at=None)
    crowd.is_over = True
    await asyncio.gather(*tasks)
    # With the old key gone: all that is there is read, and what was written last is what is there.
    wrong = 0
    async with alone.reads() as session:
        for number, id_ in enumerate(crowd.ids):
            patient = await session.get_one(Patient, id_)
            expected = crowd.written.get(id_, f"+49 30 {number:07}")
            wrong += (patient.phone, patient.address) != (expected, f"{number} Road")
            wrong += (patient.emergency_contact, patient.insurance_number) != (f"kin {number}", f"A{number:07}")
            session.expunge(patient)
    fields = len(crowd.ids) * FIELDS_EACH
    print(f"{version}: {fields:,} fields sealed anew in {killed:.1f} s, kill -9, {went_on:.1f} s; "
          f"meanwhile {crowd.done['reads']:,} reads and {crowd.done['writes']:,} writes, {len(crowd.failed)} failed; "
          f"{wrong} wrong without the old key")  # fmt: skip
    for failure in crowd.failed[:5]:
        print(failure)
    return not crowd.failed and not wrong


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="*", default=["sqlite"])
    parser.add_argument("--fields", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [await measure(name, given.fields, Path(folder)) for name in given.databases]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
