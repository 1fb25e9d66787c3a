"""Which tests stay together when several processes run the tests: `--dist loadgroup` sends the others one by one. And
what each of the processes need not look at."""

import gc

import pytest

# Two processes that race at a time would have more connections than a server gives, and start the same servers twice.
RACES = ("test_races", "test_negative_control")


def pytest_configure() -> None:
    """Until all is imported there is no garbage worth looking for."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and (group := _group_of(item)):
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """What is imported by now stays: looking through it for garbage took a tenth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _group_of(item: pytest.Function) -> str | None:
    """A module's tests share what is made once a module."""
    if item.path.name.startswith(RACES) or "servers" in item.fixturenames:
        return "races"
    scopes = {each.scope for found in item._fixtureinfo.name2fixturedefs.values() for each in found}
    return item.path.stem if "module" in scopes else None
