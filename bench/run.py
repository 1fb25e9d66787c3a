"""Measures the real server against bare handlers in one run: `make bench`, or `python -m bench.run postgresql`."""

import argparse
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table
from tests.support.server import environment_of
from tests.support.servers import BACKENDS, Missing, Server, find

from . import operations
from .counting import statements
from .load import Answer, drive
from .operations import Batch
from .serving import BARE, OURS, serving
from .setup import Clinic, Size, fill, scratch

CLIENTS = 16
console = Console(width=110)


@dataclass(slots=True)
class Measured:
    """Rates of ours and of bare, requests a second, a pair a round."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    load: float = 0.0

    @property
    def ratios(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]


class Bench:
    """The ports of both servers, and what was measured so far."""

    def __init__(self, ours: Sequence[int], bare: Sequence[int]) -> None:
        self._ours, self._bare = ours, bare
        self.measured: dict[str, Measured] = defaultdict(Measured)

    async def round(self, clinic: Clinic, count: int) -> None:
        """Every operation once on ours and once on bare, so that the machine's noise meets both alike."""
        book, visits = operations.booking(clinic, count)
        ours, bare = await self._both(book)
        for batch in (operations.month(clinic, count), operations.page(clinic, count),
                      operations.cancelling(visits, ours, bare)):  # fmt: skip
            await self._both(batch)

    async def _both(self, batch: Batch) -> tuple[Sequence[Answer], Sequence[Answer]]:
        measured = self.measured[batch.name]
        # Who goes first changes, in case what went before slows down what follows.
        if len(measured.ours) % 2:
            ours = await drive(self._ours, batch.ours, CLIENTS)
            bare = await drive(self._bare, batch.bare, CLIENTS)
        else:
            bare = await drive(self._bare, batch.bare, CLIENTS)
            ours = await drive(self._ours, batch.ours, CLIENTS)
        for answer in (*ours.answers, *bare.answers):
            if answer.status != batch.status:
                raise SystemExit(f"{batch.name}: {answer.status} {answer.body[:300]!r}")
        measured.ours.append(ours.rate)
        measured.bare.append(bare.rate)
        measured.load = max(measured.load, ours.own_share, bare.own_share)
        return ours.answers, bare.answers


async def measure(server: Server, *, count: int, rounds: int, size: Size) -> Table:
    """A table for one database, which is made for it and dropped."""
    with tempfile.TemporaryDirectory() as folder:
        async with scratch(server, Path(folder)) as settings:
            clinic = await fill(settings, size)
            counted = await statements(settings, clinic)
            environment = environment_of(settings) | {"PYTHONPATH": os.pathsep.join(sys.path)}
            async with (
                serving(OURS, environment, Path(folder)) as ours,
                serving(BARE, environment, Path(folder)) as bare,
            ):
                bench = Bench(ours, bare)
                await bench.round(clinic, max(count // 10, CLIENTS))
                bench.measured.clear()
                for number in range(rounds):
                    console.print(f"{server.name}: round {number + 1} of {rounds}", style="dim")
                    await bench.round(clinic, count)
    return _table(server, bench.measured, counted)


def _table(server: Server, measured: dict[str, Measured], counted: dict[str, str]) -> Table:
    table = Table(title=f"{server.version}: ours / bare, median of rounds", title_justify="left")
    for column in ("", "ratio", "from – to", "ours /s", "bare /s", "load's share of a core", "statements"):
        table.add_column(column, justify="left" if column in ("", "statements") else "right")
    for name, each in measured.items():
        ratios = each.ratios
        table.add_row(
            name,
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} – {max(ratios):.2f}",
            f"{statistics.median(each.ours):.0f}",
            f"{statistics.median(each.bare):.0f}",
            f"{each.load:.2f}",
            counted[name],
        )
    return table


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "databases", nargs="*", default=list(BACKENDS), help=f"of {', '.join(BACKENDS)}; all if none is named"
    )
    parser.add_argument("--requests", type=int, default=400, help="of each operation in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--doctors", type=int, default=Size().doctors)
    parser.add_argument("--patients", type=int, default=Size().patients)
    given = parser.parse_args()
    found = await find()
    for name in given.databases:
        server = found[name]
        if isinstance(server, Missing):
            console.print(f"{name} was not found: {server.why}")
            continue
        size = Size(given.doctors, given.patients)
        console.print(await measure(server, count=given.requests, rounds=given.rounds, size=size))


if __name__ == "__main__":
    uvloop.run(main())
