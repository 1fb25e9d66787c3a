"""Measures the real server against bare handlers in one run: `make bench`, or `python -m bench.run postgresql`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table
from tests.support.server import environment_of
from tests.support.servers import BACKENDS, Missing, Server, find

from .counting import counting
from .crowd import fill_crowd
from .measuring import Bench, Measured, clinic_round, crowd_round
from .operations import CLIENTS
from .serving import BARE, OURS, serving
from .setup import Size, fill, scratch

Round = Callable[[Bench, int], Awaitable[None]]

console = Console(width=130)


async def measure(server: Server, *, count: int, rounds: int, size: Size) -> Table:
    """A table for one database, which is made for it and dropped."""
    with tempfile.TemporaryDirectory() as folder:
        async with scratch(server, Path(folder)) as settings:
            clinic = await fill(settings, size)
            environment = environment_of(settings) | {"PYTHONPATH": os.pathsep.join(sys.path)}
            async with (
                counting(settings) as counts,
                serving(OURS, environment, Path(folder)) as ours,
                serving(BARE, environment, Path(folder)) as bare,
            ):
                play = partial(_play, partial(Bench, ours, bare), server, count=count, rounds=rounds)
                await counts.in_clinic(clinic)
                measured = await play(partial(clinic_round, clinic=clinic))
                _say(f"{server.name}: {size.crowd:,} doctors come")
                crowd = await fill_crowd(settings, clinic, size.crowd)
                await counts.in_crowd(crowd)
                measured |= await play(partial(crowd_round, crowd=crowd))
    return _table(server, measured, counts.counted)


async def _play(
    make: Callable[[], Bench], server: Server, play: Round, *, count: int, rounds: int
) -> dict[str, Measured]:
    """After a round that warms up and does not count."""
    await play(make(), max(count // 10, CLIENTS))
    bench = make()
    for number in range(rounds):
        _say(f"{server.name}: round {number + 1} of {rounds}")
        await play(bench, count)
    return bench.measured


def _say(what: str) -> None:
    console.print(what, style="dim")


def _table(server: Server, measured: Mapping[str, Measured], counted: Mapping[str, str]) -> Table:
    table = Table(title=f"{server.version}: ours / bare, median of rounds", title_justify="left")
    for column in ("", "ratio", "from – to", "ours /s", "bare /s", "ours ms", "bare ms", "load", "statements"):
        table.add_column(column, justify="left" if column in ("", "statements") else "right")
    for name, each in measured.items():
        ratios = each.ratios
        rates, alone = ((each.ours.rate, each.bare.rate), (each.ours.alone, each.bare.alone))
        table.add_row(
            name,
            f"{median(ratios):.2f}",
            f"{min(ratios):.2f} – {max(ratios):.2f}",
            *(f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" for rate in rates),
            *(f"{milliseconds:.1f}" for milliseconds in alone),
            f"{each.load:.2f}",
            counted[name],
        )
    table.caption = "ms: one request at a time; load: its share of a core"
    table.caption_justify = "left"
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
    parser.add_argument("--crowd", type=int, default=Size().crowd, help="doctors, of whom the first free times are")
    given = parser.parse_args()
    found = await find()
    for name in given.databases:
        server = found[name]
        if isinstance(server, Missing):
            console.print(f"{name} was not found: {server.why}")
            continue
        size = Size(given.doctors, given.patients, given.crowd)
        console.print(await measure(server, count=given.requests, rounds=given.rounds, size=size))


if __name__ == "__main__":
    uvloop.run(main())
