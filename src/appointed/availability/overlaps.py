"""Find where a doctor would be at two places at once; pure.

Two rows are compared by the openings that they make, in real time, so that two zones may differ and change their clocks
on different days. It is looked from today to the end of the validity that the two share: all of it up to ten years
ahead, and two years where it has no end. In two years each pair of zones has been through every change of clocks that
the two have, twice.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from appointed.availability.walltime import TICK_MINUTES, Hours, HoursKind, Opening, openings

OPENING = frozenset({HoursKind.OPEN, HoursKind.EXTRA})
LOOK_AHEAD = timedelta(days=2 * 366)
FURTHEST = timedelta(days=10 * 366)
_CHUNK = timedelta(days=92)
_DAY = timedelta(days=1)
_DAY_TICKS = 24 * 60 // TICK_MINUTES
_WEEK_MINUTES = 7 * 24 * 60
_ZONES_APART_MINUTES = 26 * 60
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Overlap(NamedTuple):
    """Ticks, half-open, in which both are open."""

    start: int
    end: int


def overlap(one: Hours, other: Hours, taken: Collection[Hours], today: date) -> Overlap | None:
    """Give the first time from `today` on in which both rows are open, when `taken` (breaks and closed days, each of
    its own location) is taken away; None when there is none."""
    if not (_may_meet(one, other) and {one.kind, other.kind} <= OPENING):
        return None
    for first, last in _chunks(one, other, today):
        theirs = [_open(row, taken, first, last) for row in (one, other)]
        for found in _shared(*theirs):
            return found
    return None


def _may_meet(one: Hours, other: Hours) -> bool:
    """Whether the two meet on the walls in any week; clocks of different zones are at most 26 hours apart."""
    slack = 0 if one.zone == other.zone else _ZONES_APART_MINUTES
    start, end = (one.weekday * 1440 + minute for minute in (one.start_minute, one.end_minute))
    starts, ends = (other.weekday * 1440 + minute for minute in (other.start_minute, other.end_minute))
    return any(
        start - slack < ends + shift and starts + shift < end + slack
        for shift in (-2 * _WEEK_MINUTES, -_WEEK_MINUTES, 0, _WEEK_MINUTES, 2 * _WEEK_MINUTES)
    )


def _chunks(one: Hours, other: Hours, today: date) -> Iterator[tuple[int, int]]:
    """Stretches of ticks, in order, that cover what has to be looked at."""
    # A day early and two late: clocks differ by more than a day, and hours may end the day after they start.
    first = max([today, *(row.valid_from for row in (one, other) if row.valid_from)]) - _DAY
    ends = [row.valid_until + 2 * _DAY for row in (one, other) if row.valid_until]
    last = min([*ends, first + (FURTHEST if ends else LOOK_AHEAD)])
    while first < last:
        until = min(first + _CHUNK, last)
        yield _tick_of(first), _tick_of(until)
        first = until


def _tick_of(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * _DAY_TICKS


def _open(row: Hours, taken: Collection[Hours], first: int, last: int) -> Sequence[Opening]:
    return openings([row, *(each for each in taken if each.location_id == row.location_id)], first, last)


def _shared(some: Sequence[Opening], others: Sequence[Opening]) -> Iterator[Overlap]:
    """What lies in an opening of each, going by sorted lists."""
    position = 0
    for opening in some:
        while position < len(others) and others[position].end <= opening.start:
            position += 1
        if position < len(others) and others[position].start < opening.end:
            yield Overlap(max(opening.start, others[position].start), min(opening.end, others[position].end))
