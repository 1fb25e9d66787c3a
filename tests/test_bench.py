"""The benchmark still runs; what it measures is not asserted."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS = 180
OPERATIONS = (
    "book", "month of free times", "2 doctors, 31 days", "page of visits", "cancel", "first 20 of 10 doctors, 60 days",
)  # fmt: skip


async def test_the_benchmark_prints_a_ratio_for_each_operation_on_each_database_that_is_there() -> None:
    sizes = ("--requests", "16", "--rounds", "1", "--doctors", "2", "--patients", "10", "--crowd", "10")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.run", "sqlite", "postgresql", *sizes, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    told = output.decode()
    assert process.returncode == 0, told
    assert "SQLite" in told
    for operation in OPERATIONS:
        assert told.count(operation) == told.count("ours / bare"), told
