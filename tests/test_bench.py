"""The benchmark still runs; what it measures is not asserted."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS = 180
OPERATIONS = (
    "book", "month of free times", "2 doctors, 31 days", "page of visits", "cancel", "first 20 of 10 doctors, 60 days",
)  # fmt: skip


async def said_by(module: str, *arguments: str) -> str:
    """What the benchmark prints; it ends well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_benchmark_prints_a_ratio_for_each_operation_on_each_database_that_is_there() -> None:
    sizes = ("--requests", "16", "--rounds", "1", "--doctors", "2", "--patients", "10", "--crowd", "10")
    told = await said_by("bench.run", "sqlite", "postgresql", *sizes)
    assert "SQLite" in told
    for operation in OPERATIONS:
        assert told.count(operation) == told.count("ours / bare"), told


async def test_what_trust_costs_is_printed() -> None:
    sizes = (
        "--rows",
        "200",
        "--bookings",
        "16",
        "--rounds",
        "1",
        "--logins",
        "2",
        "--doctors",
        "2",
        "--patients",
        "10",
    )
    told = await said_by("bench.trail", "sqlite", *sizes)
    for figure in ("SQLite", "% dearer", "failed logins, medians of 2 each", "0 findings, 0 unsealed"):
        assert figure in told
