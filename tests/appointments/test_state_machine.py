"""Whatever is done with a clinic in whatever order: it does what a plain model does, and nobody is double booked."""

import asyncio
import os

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as how
from hypothesis.stateful import run_state_machine_as_test

from appointed.core.db import Database
from appointed.core.settings import Settings
from tests.support.clock import FixedClock

from .machine.clinic import furnished
from .machine.steps import on

STEPS = 50
RUNS = {"sqlite": 60, "postgresql": 10, "mysql": 10}
SEED = os.environ.get("FUZZ_SEED", "appointed")


async def test_a_clinic_does_what_a_plain_model_does(database: Database, settings: Settings, clock: FixedClock) -> None:
    """`make fuzz` takes more runs, and others each time."""
    runs = int(os.environ.get("FUZZ_RUNS", RUNS[database.dialect]))
    machine = on(await furnished(database, settings, clock), asyncio.get_running_loop())
    chosen = how(max_examples=runs, stateful_step_count=STEPS, deadline=None, database=None,
                 phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck))  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, seed(SEED)(machine), settings=chosen)
