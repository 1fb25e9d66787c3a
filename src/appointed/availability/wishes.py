"""When somebody would rather not come: all but a part of the day, or some days of the week, as the walls there show
them."""

from collections.abc import Container
from enum import StrEnum

from appointed.availability.spans import Span, without
from appointed.availability.walltime import days_in, spans_of_times


class PartOfDay(StrEnum):
    """The morning ends at noon, the afternoon at five."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


MINUTES = {
    PartOfDay.MORNING: range(12 * 60),
    PartOfDay.AFTERNOON: range(12 * 60, 17 * 60),
    PartOfDay.EVENING: range(17 * 60, 24 * 60),
}
_ALL_DAY = range(24 * 60)
_ALL_WEEK = range(7)


def unwished(zone: str, within: range, part: PartOfDay | None, weekdays: Container[int] = ()) -> list[Span]:
    """Give the ticks at which the zone's clocks show another part of the day, or none of the weekdays (Monday is 0).

    No part and no weekdays: whenever it may be.
    """
    minutes = MINUTES[part] if part else _ALL_DAY
    wished = spans_of_times(zone, days_in(zone, within), weekdays or _ALL_WEEK, minutes)
    return list(without(Span(within.start, within.stop), wished))
