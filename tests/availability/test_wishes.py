"""When somebody would rather not come, tick by tick against the clock on the wall."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appointed.availability.rules import instant_of, tick_of
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
