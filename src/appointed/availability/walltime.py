"""Turn weekly opening hours, which are wall time, into open time, which is counted in ticks since the epoch."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from appointed.availability.spans import Span, joined, without

TICK_SECONDS = 300
TICK_MINUTES = TICK_SECONDS // 60

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=TICK_SECONDS)
_DAY_TICKS = timedelta(days=1) // _TICK


def tick_of(instant: datetime) -> int:
    """Give the tick (epoch seconds // 300) that an aware instant falls in."""
    return (instant - _EPOCH) // _TICK


def instant_of(tick: int) -> datetime:
    """Give the instant, in UTC, at which a tick begins."""
    return _EPOCH + tick * _TICK


class HoursKind(StrEnum):
    """What hours do. A break takes time away from the open hours of its location, weekly or on one day, and from all
    visit types. What is extra is open whatever the calendar says: neither holidays nor breaks touch it. What is closed
    wins over both."""

    OPEN = "open"
    EXTRA = "extra"
    BREAK = "break"
    CLOSED = "closed"


_OPEN = frozenset({HoursKind.OPEN, HoursKind.EXTRA})


class TimeOffKind(StrEnum):
    LEAVE = "leave"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Hours:
    """One row of a doctor's weekly opening hours, in the wall time of an IANA zone; minutes are multiples of five.

    Hours that end the next day have an `end_minute` beyond 1440, at most `start_minute` + 1440. Validity counts
    the days on which the hours start, both ends included.
    """

    location_id: UUID
    zone: str
    weekday: int
    """Monday is 0."""
    start_minute: int
    end_minute: int
    valid_from: date | None
    valid_until: date | None
    visit_type_ids: frozenset[UUID] = frozenset()
    """Empty: every visit type."""
    kind: HoursKind = HoursKind.OPEN
    release_minutes: int | None = None
    """Kept back until this long before a visit's start."""
    holidays: Collection[date] = frozenset()
    """Days on which the location is closed: hours that start then are no hours, unless they are extra."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Open time in ticks, half-open, throughout which the zone keeps one UTC offset."""

    start: int
    end: int
    location_id: UUID
    grid_origin: int
    """The tick at which the hours start, reckoned in this offset; it may lie before `start`."""
    visit_type_ids: frozenset[UUID]
    release_minutes: int | None = None
    is_holiday: bool = False


def openings(hours: Iterable[Hours], first: int, last: int, blocks: Iterable[Span] = ()) -> list[Opening]:
    """List, by start, the whole of every opening that touches the ticks from `first` up to, not including, `last`.

    Breaks and closed hours cut openings of their location into pieces, and blocks cut every opening: meetings and
    call-backs are no hours. The pieces keep the grid of the whole.
    """
    if first >= last:
        return []
    rows = list(hours)
    # An opening keeps one offset and so is a day long at the most.
    cuts = _cuts(rows, blocks, first - _DAY_TICKS, last + _DAY_TICKS)
    touching = (
        opening
        for row in rows
        if row.kind in _OPEN
        for opening in _pieces(_openings_of(row, first, last), cuts.get((row.location_id, row.kind)))
        if opening.start < last and opening.end > first
    )
    return sorted(touching, key=lambda opening: (opening.start, opening.end, opening.location_id))


def days_of(zone: str, ticks: Iterable[int]) -> list[int]:
    """Name the day that the zone's calendar shows at each tick, counted from 1970-01-01."""
    return [_shown_at(zone, tick) // _DAY_TICKS for tick in ticks]


def days_in(zone: str, ticks: range) -> range:
    """Give the days, counted from 1970-01-01, that the zone's calendar shows within the ticks, and one day around."""
    first, last = days_of(zone, (ticks.start - _DAY_TICKS, ticks.stop + _DAY_TICKS))
    return range(first, last + 1)


def weekdays_of(days: range) -> set[int]:
    """Give the weekdays (Monday is 0) of days that are counted from 1970-01-01."""
    return {(day + _EPOCH.weekday()) % 7 for day in days[:7]}


def monday_of(day: int) -> int:
    """Give the first day of a day's ISO week; days are counted from 1970-01-01."""
    return day - (day + _EPOCH.weekday()) % 7


def spans_of_days(zone: str, first: int, last: int) -> list[Span]:
    """Give the ticks at which a zone's calendar shows one of the days from `first` up to, not including, `last`.

    Days are counted from 1970-01-01 and run from midnight to midnight of the zone, be they 23, 24 or 25 hours long.
    """
    return joined(_shown(_spells(zone, range(first - 2, last + 2)), first * _DAY_TICKS, last * _DAY_TICKS))


def spans_of_times(zone: str, days: range, weekdays: Container[int], minutes: range) -> list[Span]:
    """Give the ticks at which a zone's calendar shows one of the days, if it is one of these weekdays (Monday is 0),
    and its clocks a time among these minutes of the day. Days are counted from 1970-01-01."""
    spells = _spells(zone, range(days.start - 2, days.stop + 2))
    start, end = minutes.start // TICK_MINUTES, minutes.stop // TICK_MINUTES
    return joined(
        span
        for day in days
        if (day + _EPOCH.weekday()) % 7 in weekdays
        for span in _shown(spells, day * _DAY_TICKS + start, day * _DAY_TICKS + end)
    )


def _cuts(
    rows: Iterable[Hours], blocks: Iterable[Span], first: int, last: int
) -> dict[tuple[UUID, HoursKind], list[Span]]:
    """What is taken from open and from extra hours, by location, between two ticks."""
    always = list(blocks)
    cuts: dict[tuple[UUID, HoursKind], list[Span]] = {}
    for row in rows:
        for kind in _OPEN:
            taken = cuts.setdefault((row.location_id, kind), always.copy())
            if row.kind == HoursKind.CLOSED or (row.kind == HoursKind.BREAK and kind == HoursKind.OPEN):
                taken += (Span(each.start, each.end) for each in _openings_of(row, first, last))
    return {where: joined(spans) for where, spans in cuts.items() if spans}


def _pieces(openings: Iterable[Opening], cuts: list[Span] | None) -> Iterator[Opening]:
    if not cuts:
        yield from openings
        return
    for opening in openings:
        for span in without(Span(opening.start, opening.end), cuts):
            yield replace(opening, start=span.start, end=span.end)


# Below, a day is the number of days since 1970-01-01, and wall time is counted in ticks since that midnight.


class _Spell(NamedTuple):
    """Ticks, half-open, in which a zone keeps one UTC offset, itself in ticks."""

    start: int
    end: int
    offset: int


def _shown(spells: Iterable[_Spell], start: int, end: int) -> Iterator[Span]:
    """The ticks at which walls show a time from `start` up to `end`."""
    for spell in spells:
        yield Span(max(start - spell.offset, spell.start), min(end - spell.offset, spell.end))


def _openings_of(row: Hours, first: int, last: int) -> Iterator[Opening]:
    # An opening is at most a day long, so a day around the question shows the whole of those that touch it.
    spells = _spells(row.zone, range(first // _DAY_TICKS - 1, (last - 1) // _DAY_TICKS + 2))
    for day in _days_of(row, first, last):
        is_holiday = row.kind != HoursKind.EXTRA and _is_among(row.holidays, day)
        wall_start = day * _DAY_TICKS + row.start_minute // TICK_MINUTES
        wall_end = day * _DAY_TICKS + row.end_minute // TICK_MINUTES
        for spell in spells:
            origin = wall_start - spell.offset
            start, end = max(origin, spell.start), min(wall_end - spell.offset, spell.end)
            if start < end:
                yield Opening(start, end, row.location_id, origin, row.visit_type_ids, row.release_minutes, is_holiday)


def _days_of(row: Hours, first: int, last: int) -> range:
    # Two days early: walls are up to a day ahead of UTC or behind it, and hours may end the day after they start.
    earliest = first // _DAY_TICKS - 2
    latest = (last - 1) // _DAY_TICKS + 1
    if row.valid_from is not None:
        earliest = max(earliest, _day_of(row.valid_from))
    if row.valid_until is not None:
        latest = min(latest, _day_of(row.valid_until))
    to_weekday = (row.weekday - _EPOCH.weekday() - earliest) % 7
    return range(earliest + to_weekday, latest + 1, 7)


def _day_of(date_: date) -> int:
    return date_.toordinal() - _EPOCH.toordinal()


_CALENDAR = range(_day_of(date.min), _day_of(date.max) + 1)


def date_of(day: int) -> date:
    """Give the day that is counted from 1970-01-01."""
    return date.fromordinal(day + _EPOCH.toordinal())


def _is_among(dates: Collection[date], day: int) -> bool:
    return bool(dates) and day in _CALENDAR and date_of(day) in dates


def _shown_at(zone: str, tick: int) -> int:
    day = tick // _DAY_TICKS
    spells = _spells(zone, range(day, day + 1))
    return tick + spells[bisect_right(spells, tick, key=lambda spell: spell.start) - 1].offset


@lru_cache(maxsize=1024)
def _spells(zone: str, days: range) -> list[_Spell]:
    offsets = (offset for day in days for offset in _offsets_on(zone, day))
    changes = [next(same) for _, same in groupby(offsets, key=itemgetter(1))]
    ends = [tick for tick, _ in changes[1:]] + [days.stop * _DAY_TICKS]
    return [_Spell(tick, end, offset) for (tick, offset), end in zip(changes, ends, strict=True)]


@lru_cache(maxsize=8192)
def _offsets_on(zone: str, day: int) -> tuple[tuple[int, int], ...]:
    """Pair the first tick of a UTC day, and each at which the zone's offset changes, with the offset from there on."""
    where = ZoneInfo(zone)
    midnight = (day + 1) * _DAY_TICKS
    tick = day * _DAY_TICKS
    found = [(tick, _offset_at(where, tick))]
    while found[-1][1] != _offset_at(where, midnight):
        tick = _next_change(where, tick, midnight)
        found.append((tick, _offset_at(where, tick)))
    return tuple(found)


def _next_change(zone: ZoneInfo, start: int, end: int) -> int:
    # `zoneinfo` keeps its transitions to itself.
    before = _offset_at(zone, start)
    return start + bisect_left(range(start, end), True, key=lambda tick: _offset_at(zone, tick) != before)


_FIRST_TICK = tick_of(datetime(2, 1, 1, tzinfo=UTC))
_LAST_TICK = tick_of(datetime(9999, 1, 1, tzinfo=UTC))


def _offset_at(zone: ZoneInfo, tick: int) -> int:
    # Wall time at the very ends of the calendar cannot be expressed, and any request may name the year 9999.
    instant = instant_of(min(max(tick, _FIRST_TICK), _LAST_TICK))
    return (instant.astimezone(zone).replace(tzinfo=UTC) - instant) // _TICK
