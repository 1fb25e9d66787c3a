"""What the tests ran on: looked for before the first test, told after the last."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from .servers import NAMES, Found, Missing, find, required

_FOUND = pytest.StashKey[Found]()
_PROPERTY = "server"


def found_of(config: pytest.Config) -> Found:
    """The servers, looked for once."""
    if _FOUND not in config.stash:
        config.stash[_FOUND] = asyncio.run(find())
    return config.stash[_FOUND]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look now, while no loop is running; without a required server there is nothing to run."""
    try:
        names = required()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    found = found_of(session.config)
    missing = [server for server in map(found.__getitem__, names) if isinstance(server, Missing)]
    if missing:
        raise pytest.UsageError("required but not found: " + "; ".join(f"{each.name} ({each.why})" for each in missing))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note beside each test which server it runs on; the note travels with its result."""
    for item in items:
        name = item.callspec.params.get("backend") if hasattr(item, "callspec") else None
        if name:
            item.user_properties.append((_PROPERTY, name))
        if "redis_url" in getattr(item, "fixturenames", ()):
            item.user_properties.append((_PROPERTY, "redis"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    """After everything else that pytest has to say."""
    yield
    if config.option.collectonly:
        return
    terminalreporter.section("ran on")
    ran = Counter(_servers_of(terminalreporter, "passed", "failed"))
    for name in NAMES:
        server = found_of(config)[name]
        if isinstance(server, Missing):
            terminalreporter.line(f"{name:<11}not found: {server.why}", red=True)
        else:
            terminalreporter.line(f"{name:<11}{server.version} {server.place}: {_tests(ran[name])}")
    reasons = Counter(_reason_of(report) for report in terminalreporter.getreports("skipped"))
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"skipped    {_tests(count)}: {reason}", yellow=True)


def _servers_of(reporter: pytest.TerminalReporter, *outcomes: str) -> Iterator[str]:
    for outcome in outcomes:
        for report in reporter.getreports(outcome):
            yield from (str(value) for key, value in report.user_properties if key == _PROPERTY)


def _reason_of(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _tests(count: int) -> str:
    return f"{count or 'no'} test{'' if count == 1 else 's'}"
