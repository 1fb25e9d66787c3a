"""Zones as the package `tzdata` has them, whatever the machine has; and how many schedules were compared."""

import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from appointed.availability import walltime

from . import oracle

Count = Callable[[int], None]
_PROPERTY = "schedules"


@pytest.fixture(scope="module")
def packaged_zones() -> Iterator[None]:
    """Look nothing up in the machine's own zone files, and remember nothing of them."""
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    _forget()
    yield
    zoneinfo.reset_tzpath(to=path)
    _forget()


def _forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    walltime._offsets_on.cache_clear()
    oracle.wall.cache_clear()
    oracle.walls.cache_clear()


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Iterator[Count]:
    """Count the schedules that a test compares, to be told after the last test."""
    counted: Counter[str] = Counter()
    yield lambda more: counted.update({_PROPERTY: more})
    request.node.user_properties.extend(counted.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = [
        count
        for report in terminalreporter.getreports("")
        if report.when == "teardown"
        for name, count in report.user_properties
        if name == _PROPERTY and isinstance(count, int)
    ]
    if counts:
        terminalreporter.line(f"{sum(counts):,} schedules compared with a second opinion in {len(counts)} tests")
