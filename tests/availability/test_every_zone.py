"""Every zone, and every time that its clocks are put forward or back from 2024 through 2032."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointed.availability.rules import Facts, Hours, VisitRules, free_starts, instant_of, openings, tick_of

from .conftest import Count
from .oracle import Oracle
from .worlds import CHECKUP, HILL
from .zones import FIRST_YEAR, LAST_YEAR, Move, alike, moves, moves_between, moves_in, ticks_around, zone_names

pytestmark = pytest.mark.usefixtures("packaged_zones")

EVERY_FIVE_MINUTES = VisitRules(CHECKUP, length_minutes=5, grid_minutes=5)
AS_USUAL = VisitRules(CHECKUP)
UNEVEN = VisitRules(CHECKUP, length_minutes=50, grid_minutes=25)
EPOCH = date(1970, 1, 1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
A_DAY = 288
years = pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))


def hours_on_the_wall(zone: str, start: int, end: int) -> Hours:
    """Hours of one day only, from one minute to another of a wall clock that began at zero in 1970."""
    day = EPOCH + timedelta(days=start // 1440)
    start_minute = start % 1440
    return Hours(HILL, zone, day.weekday(), start_minute, start_minute + end - start, day, day)


def listed(row: Hours, rules: VisitRules, ticks: range) -> list[int]:
    facts = Facts(openings([row], ticks.start, ticks.stop + A_DAY), (), (), ())
    long_enough = VisitRules(CHECKUP, rules.length_minutes, grid_minutes=rules.grid_minutes, window_days=40_000)
    found = free_starts(facts, long_enough, instant_of(ticks.start), instant_of(ticks.stop), LONG_AGO)
    return [tick_of(start) for start, _ in found]


def expected(row: Hours, rules: VisitRules, ticks: range) -> list[int]:
    none: frozenset[int] = frozenset()
    now = instant_of(ticks.start)
    return [tick for tick, _ in Oracle([row], rules, none, none, none, now).free(ticks, None)]


def hours_about(move: Move) -> Iterator[tuple[int, int]]:
    """Hours that hold, meet, cut and leave out the minutes that a move takes away or shows twice."""
    first, last = move.walls
    yield first, last
    yield first - 60, first
    yield last, last + 60
    yield first - 90, first + 15
    yield first + 10, last + 50
    yield first + 5, last - 5
    yield first - 400, last + 400
    yield first - 1400, first - 1400 + 1440
    yield last - 25, last - 25 + 1440
    for midnight in {minute // 1440 * 1440 for minute in (first - 1, first, last)}:
        yield midnight, midnight + 1440
        yield midnight - 240, midnight + 360


def test_the_years_hold_every_kind_of_move() -> None:
    found = [(zone, move) for zone, its_moves in moves().items() for move in its_moves]

    assert len(zone_names()) == len(moves()) > 590
    assert len(found) > 3400
    assert all(number % 300 == 0 for _, move in found for number in move)
    assert {abs(move.after - move.before) // 60 for _, move in found} == {30, 60, 120}
    assert any(zone == "Pacific/Chatham" and move.after % 3600 == 2700 for zone, move in found)
    gaps, folds = (
        {(zone, *(minute % 1440 for minute in move.walls)) for zone, move in found if move.is_gap is is_gap}
        for is_gap in (True, False)
    )
    assert gaps >= {("Africa/Cairo", 0, 60), ("America/Santiago", 0, 60), ("America/Nuuk", 22 * 60 + 60, 0)}
    assert folds >= {("Africa/Cairo", 23 * 60, 0), ("America/Havana", 0, 60), ("Asia/Almaty", 23 * 60, 0)}
    assert {move.is_gap for move in moves()["Africa/Casablanca"]} == {True, False}
    assert not {"Asia/Kathmandu", "Australia/Eucla", "UTC"}.intersection(zone for zone, _ in found)


def test_the_moves_are_those_that_the_zones_make() -> None:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (FIRST_YEAR, LAST_YEAR + 1))
    for names in alike().values():
        where = ZoneInfo(names[0])
        times = {int(begin.timestamp()) + day * 86400 for day in range(0, (end - begin).days, 3)}
        times.update(move.at - late for move in moves()[names[0]] for late in (0, 1))
        waiting = list(reversed(moves()[names[0]]))
        offset = waiting[-1].before if waiting else _offset(where, int(begin.timestamp()))
        for at in sorted(times):
            while waiting and waiting[-1].at <= at:
                offset = waiting.pop().after
            assert (names[0], at, _offset(where, at)) == (names[0], at, offset)


def _offset(where: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, where).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


@years
def test_no_time_is_listed_in_a_gap_and_each_time_of_a_fold_twice(year: int, count: Count) -> None:
    for zone, move in moves_in(year):
        first, last = move.walls
        row = hours_on_the_wall(zone, first - 60, last + 60)

        starts = listed(row, EVERY_FIVE_MINUTES, ticks_around(move))

        where = ZoneInfo(zone)
        shown = Counter(datetime.fromtimestamp(tick * 300, where).replace(tzinfo=UTC).timestamp() for tick in starts)
        moved = 0 if move.is_gap else 2
        times = {minute * 60: moved if first <= minute < last else 1 for minute in range(first - 60, last + 60, 5)}
        assert len(starts) == len(set(starts))
        assert (zone, move, shown) == (zone, move, +Counter(times))
        count(1)


@years
def test_hours_about_a_move_are_open_as_the_clock_shows_from_tick_to_tick(year: int, count: Count) -> None:
    # The rules know a zone by its offsets alone, and zones that make one move keep the same ones around it.
    for move, zone in {move: zone for zone, move in moves_in(year)}.items():
        check_hours_about(zone, move, count)


def test_days_that_the_date_line_takes_or_gives_are_no_days_or_two(count: Count) -> None:
    found = [
        (zone, move)
        for zone, its_moves in moves_between(1970, LAST_YEAR).items()
        for move in its_moves
        if abs(move.after - move.before) >= 20 * 3600
    ]

    for zone, move in found:
        check_hours_about(zone, move, count)

    assert {zone for zone, _ in found} >= {"Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kiritimati", "Kwajalein"}


def check_hours_about(zone: str, move: Move, count: Count) -> None:
    ticks = ticks_around(move)
    for start, end in hours_about(move):
        if not start < end <= start + 1440:
            continue
        row = hours_on_the_wall(zone, start, end)
        for rules in (EVERY_FIVE_MINUTES, AS_USUAL, UNEVEN):
            found = listed(row, rules, ticks)
            assert (zone, move, row, rules, found) == (zone, move, row, rules, expected(row, rules, ticks))
            count(1)


def test_noon_is_noon_in_every_zone_in_every_week(count: Count) -> None:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (FIRST_YEAR, LAST_YEAR + 1))
    unlike = {(_offset(ZoneInfo(zone), int(begin.timestamp())), *moves()[zone]): zone for zone in zone_names()}
    for number, zone in enumerate(unlike.values()):
        first_noon = datetime(FIRST_YEAR, 1, 8 + number % 7, 12, tzinfo=ZoneInfo(zone))
        row = Hours(HILL, zone, first_noon.weekday(), 12 * 60, 13 * 60, first_noon.date(), None)

        found = openings([row], tick_of(begin), tick_of(end - timedelta(days=7)))

        noons = [tick_of(first_noon + timedelta(weeks=week)) for week in range(len(found))]
        assert [(each.start, each.end, each.grid_origin) for each in found] == [
            (noon, noon + 12, noon) for noon in noons
        ]
        assert len(found) in (467, 468)
    count(len(unlike))
