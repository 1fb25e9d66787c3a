"""Find where a doctor would be at two places at once; pure.

What is open at each location is laid side by side in real time, so that two zones may differ and change their clocks on
different days. It is looked from today to the end of all validities: ten years ahead at the most, and two years where
they have no end. In two years each pair of zones has been through every change of clocks that the two have, twice.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import TypeVar
from uuid import UUID

from appointed.availability.spans import Span, joined
from appointed.availability.walltime import TICK_MINUTES, Hours, HoursKind, openings

OPENING = frozenset({HoursKind.OPEN, HoursKind.EXTRA})
LOOK_AHEAD = timedelta(days=2 * 366)
FURTHEST = timedelta(days=10 * 366)
_CHUNK = timedelta(days=92)
_DAY = timedelta(days=1)
_DAY_TICKS = 24 * 60 // TICK_MINUTES
_EPOCH_DAY = date(1970, 1, 1).toordinal()
Key = TypeVar("Key", bound=Hashable)


def overlaps(rows: Collection[Hours], today: date) -> Iterator[list[int]]:
    """Give, a season of the year at a time and in order, the ticks from which on two locations are open at once."""
    by_place: dict[UUID, list[Hours]] = {}
    for row in rows:
        by_place.setdefault(row.location_id, []).append(row)
    if len(by_place) < 2:
        return
    for first, last in _chunks(rows, today):
        open_at = {place: _open(theirs, first, last) for place, theirs in by_place.items()}
        found = {start for one, other in combinations(open_at.values(), 2) for start in _shared(one, other)}
        if found:
            yield sorted(found)


def open_rows(rows: Mapping[Key, Hours], tick: int) -> set[Key]:
    """The rows that are open at a tick; closed days and breaks do not count, but for what they take."""
    found = set()
    broken = {row.location_id for row in rows.values() if row.kind == HoursKind.BREAK and _covers(row, tick)}
    shut = {row.location_id for row in rows.values() if row.kind == HoursKind.CLOSED and _covers(row, tick)}
    for key, row in rows.items():
        is_cut = row.location_id in shut or (row.kind == HoursKind.OPEN and row.location_id in broken)
        if row.kind in OPENING and not is_cut and _covers(row, tick):
            found.add(key)
    return found


def _covers(row: Hours, tick: int) -> bool:
    """Whether the row, were it alone and open, holds the tick."""
    return any(each.start <= tick < each.end for each in openings([replace(row, kind=HoursKind.EXTRA)], tick, tick + 1))


def _chunks(rows: Collection[Hours], today: date) -> Iterator[tuple[int, int]]:
    """Stretches of ticks, in order, that cover what has to be looked at."""
    # A day early and two late: clocks differ by more than a day, and hours may end the day after they start.
    ends = [row.valid_until + 2 * _DAY for row in rows if row.valid_until]
    starts = [row.valid_from + LOOK_AHEAD for row in rows if row.valid_from]
    first = today - _DAY
    last = min(max([*ends, *starts, first + LOOK_AHEAD]), first + FURTHEST)
    while first < last:
        until = min(first + _CHUNK, last)
        yield _tick_of(first), _tick_of(until)
        first = until


def _tick_of(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * _DAY_TICKS


def _open(rows: Collection[Hours], first: int, last: int) -> list[Span]:
    """When any of a location's rows is open, from `first` up to `last`."""
    return joined(Span(max(each.start, first), min(each.end, last)) for each in openings(rows, first, last))


def _shared(some: Sequence[Span], others: Sequence[Span]) -> Iterator[int]:
    """Where what lies in a span of each begins, going by sorted lists."""
    position = 0
    for span in some:
        while position < len(others) and others[position].end <= span.start:
            position += 1
        at = position
        while at < len(others) and others[at].start < span.end:
            yield max(span.start, others[at].start)
            at += 1
