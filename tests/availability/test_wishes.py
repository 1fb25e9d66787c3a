"""When somebody would rather not come, tick by tick against the clock on the wall."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appointed.availability.rules import instant_of, tick_of
from appointed.availability.walltime import days_in, weekdays_of
from appointed.availability.wishes import PartOfDay, unwished

# Berlin's clocks skip an hour on the second of these days.
FIRST = tick_of(datetime(2031, 3, 29, tzinfo=UTC))
THREE_DAYS = range(FIRST, FIRST + 3 * 288)
HOURS = {None: (0, 24), PartOfDay.MORNING: (0, 12), PartOfDay.AFTERNOON: (12, 17), PartOfDay.EVENING: (17, 24)}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/Los_Angeles"])
@pytest.mark.parametrize("part", HOURS)
@pytest.mark.parametrize("weekdays", [(), (0,), (5, 6), tuple(range(7))])
def test_it_is_whenever_the_clock_on_the_wall_shows_anything_else(
    zone: str, part: PartOfDay | None, weekdays: tuple[int, ...]
) -> None:
    def is_wished(tick: int) -> bool:
        wall = instant_of(tick).astimezone(ZoneInfo(zone))
        start, end = HOURS[part]
        return start <= wall.hour < end and (not weekdays or wall.weekday() in weekdays)

    spans = unwished(zone, THREE_DAYS, part, weekdays)
    found = [tick for span in spans for tick in range(span.start, span.end)]
    assert found == [tick for tick in THREE_DAYS if not is_wished(tick)]


@pytest.mark.parametrize("days", [0, 1, 3, 6, 7, 20])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles"])
def test_no_weekday_of_some_time_is_left_out(zone: str, days: int) -> None:
    ticks = range(FIRST + 100, FIRST + 100 + days * 288)
    shown = {instant_of(tick).astimezone(ZoneInfo(zone)).weekday() for tick in ticks}
    assert weekdays_of(days_in(zone, ticks)) >= shown
    assert len(days_in(zone, ticks)) == days + 3, "a day around"


def test_weekdays_are_counted_from_monday() -> None:
    assert weekdays_of(range(4, 5)) == {0}, "5 January 1970"
    assert weekdays_of(range(3)) == {3, 4, 5}
