"""What trust costs: bookings with and without their row in the trail, a long trail verified, and whether a failed login
tells by its time who has an account: `python -m bench.trail postgresql --rows 1000000`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from sqlalchemy import update
from tests.support.server import environment_of
from tests.support.servers import BACKENDS, Missing, Server, find

from appointed import audit
from appointed.accounts.models import User
from appointed.accounts.passwords import Hasher
from appointed.core.clock import SystemClock
from appointed.core.db import Database, connect, transaction
from appointed.core.ids import new_id
from appointed.core.settings import Settings

from .load import request
from .measuring import Bench
from .operations import CLIENTS, Batch, asked_of_ours
from .serving import OURS, TRAILLESS, serving
from .setup import Clinic, Size, fill, scratch

ROWS_A_TRANSACTION = 2_000
PASSWORD = "a password that somebody has"

console = Console(width=130)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of what is measured."""

    rows: int
    bookings: int
    rounds: int
    logins: int
    size: Size


async def measure(server: Server, counts: Counts) -> bool:
    """Whether the trail was as it should be; on a database that is made for it and dropped."""
    with tempfile.TemporaryDirectory() as folder:
        async with scratch(server, Path(folder)) as settings:
            clinic = await fill(settings, counts.size)
            environment = environment_of(settings) | {"PYTHONPATH": os.pathsep.join(sys.path)}
            console.print(f"[bold]{server.version}")
            database = connect(settings.database, settings.vault)
            try:
                async with (
                    serving(OURS, environment, Path(folder)) as trailed,
                    serving(TRAILLESS, environment, Path(folder)) as trailless,
                ):
                    await _side_by_side(trailed, trailless, clinic, counts)
                    await _give_passwords(database, settings)
                    await _failed_logins(trailed, counts.logins)
                return await _verified(database, settings, counts.rows)
            finally:
                await database.dispose()


async def _side_by_side(trailed: Sequence[int], trailless: Sequence[int], clinic: Clinic, counts: Counts) -> None:
    await Bench(trailed, trailless).both(_bookings(clinic, CLIENTS * 2))
    bench = Bench(trailed, trailless)
    for _ in range(counts.rounds):
        await bench.both(_bookings(clinic, counts.bookings))
    told = bench.measured["book"]
    dearer = [100 * (without / with_ - 1) for with_, without in zip(told.ours.rates, told.bare.rates, strict=True)]
    console.print(
        f"bookings with their row in the trail {told.ours.rate:.0f} /s, without {told.bare.rate:.0f} /s: "
        f"{median(dearer):.1f} % dearer ({min(dearer):.1f} to {max(dearer):.1f} in {counts.rounds} rounds); "
        f"alone {told.ours.alone:.1f} ms and {told.bare.alone:.1f} ms"
    )


def _bookings(clinic: Clinic, count: int) -> Batch:
    asked = [
        request("POST", "/appointments", token=visit.patient.token, body=asked_of_ours(visit))
        for visit in (next(clinic.free) for _ in range(2 * count))
    ]
    return Batch("book", asked[:count], asked[count:], 201)


async def _give_passwords(database: Database, settings: Settings) -> None:
    hashed = await Hasher(settings.bcrypt_cost).hash(PASSWORD)
    async with transaction(database.writes) as session:
        await session.execute(update(User).values(password_hash=hashed))


async def _failed_logins(ports: Sequence[int], count: int) -> None:
    """One at a time, known and unknown addresses in turns; each address once, so that none is locked out."""
    known, unknown = _logins("patient", count), _logins("nobody", count)
    bench = Bench(ports[:1], ports[:1])
    for number in range(count):
        await bench.both(Batch("log in", [known[number]], [unknown[number]], 401, clients=1))
    told = bench.measured["log in"]
    console.print(
        f"failed logins, medians of {count} each: wrong password {told.ours.alone:.1f} ms, "
        f"unknown address {told.bare.alone:.1f} ms: {told.ours.alone / told.bare.alone:.3f}"
    )


def _logins(who: str, count: int) -> Sequence[bytes]:
    return [
        request("POST", "/auth/login", form={"username": f"{who}{number}@example.org", "password": "not theirs"})
        for number in range(count)
    ]


async def _verified(database: Database, settings: Settings, rows: int) -> bool:
    await _record(database, rows)
    heads, started = audit.heads_in(settings.var_dir), time.perf_counter()
    await audit.seal(database, heads, SystemClock().now(), is_thorough=True)
    sealed, started = time.perf_counter() - started, time.perf_counter()
    async with database.reads() as session:
        report = await audit.verify(session, heads)
    took = time.perf_counter() - started
    console.print(
        f"{report.sealed:,} rows sealed in {sealed:.1f} s, verified in {took:.1f} s: "
        f"{report.sealed / took:,.0f} /s, {len(report.findings)} findings, {report.unsealed} unsealed"
    )
    return report.is_good and report.sealed >= rows


async def _record(database: Database, rows: int) -> None:
    """Rows as a booking leaves them."""
    clock, actors = SystemClock(), [new_id() for _ in range(100)]
    for start in range(0, rows, ROWS_A_TRANSACTION):
        async with transaction(database.writes) as session:
            for number in range(start, min(start + ROWS_A_TRANSACTION, rows)):
                audit.record(session, clock.now(), actors[number % 100], "appointment.book", "appointment", new_id(),
                             patient_id=new_id(), channel="online")  # fmt: skip


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="*", default=list(BACKENDS))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bookings", type=int, default=400, help="of each side in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--logins", type=int, default=60, help="of each kind")
    parser.add_argument("--doctors", type=int, default=20)
    parser.add_argument("--patients", type=int, default=200)
    given = parser.parse_args()
    size = Size(given.doctors, max(given.patients, given.logins))
    counts = Counts(given.rows, given.bookings, given.rounds, given.logins, size)
    found, results = await find(), []
    for name in given.databases:
        server = found[name]
        if isinstance(server, Missing):
            console.print(f"{name} was not found: {server.why}")
            continue
        results.append(await measure(server, counts))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
