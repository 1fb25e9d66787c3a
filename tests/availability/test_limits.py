"""Limits that are reached, the ways between locations and the time outside hours, as spans that keep visits out."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from appointed.availability.rules import (
    ALWAYS,
    Opening,
    Span,
    away,
    closed,
    full_days,
    full_weeks,
    instant_of,
    reached,
    revisits,
    tick_of,
    within_limits,
)

from .asks import span
from .oracle import walls
from .worlds import ELSEWHERE, HILL, LAKE, at
from .zones import FIRST_YEAR, LAST_YEAR, moves_in, ticks_around

pytestmark = pytest.mark.usefixtures("packaged_zones")

BERLIN = "Europe/Berlin"


def ticks(zone: str, *clocks: str) -> list[int]:
    """Ticks of wall times of that zone, as `2025-03-30 09:00`."""
    return [tick_of(datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(zone))) for clock in clocks]


def told(spans: Iterable[Span]) -> list[str]:
    return [f"{instant_of(each.start):%m-%d %H:%M} to {instant_of(each.end):%m-%d %H:%M}" for each in spans]


def test_a_day_is_full_when_the_limit_is_reached() -> None:
    starts = ticks("UTC", "2025-06-02 00:00", "2025-06-02 23:55", "2025-06-03 09:00")

    assert told(full_days("UTC", starts, 1)) == ["06-02 00:00 to 06-04 00:00"]
    assert told(full_days("UTC", starts, 2)) == ["06-02 00:00 to 06-03 00:00"]
    assert full_days("UTC", starts, 3) == []
    assert full_days("UTC", starts, None) == []
    assert full_days("UTC", [], 1) == []


def test_a_day_counts_as_the_location_counts_it() -> None:
    starts = ticks("UTC", "2025-06-02 10:00", "2025-06-02 13:00")

    assert full_days("Pacific/Auckland", starts, 2) == []
    assert told(full_days("Pacific/Auckland", starts, 1)) == ["06-01 12:00 to 06-03 12:00"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2025-03-30", "03-29 23:00 to 03-30 22:00"),
        ("2025-10-26", "10-25 22:00 to 10-26 23:00"),
        ("2025-06-02", "06-01 22:00 to 06-02 22:00"),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(day: str, expected: str) -> None:
    assert told(full_days(BERLIN, ticks(BERLIN, f"{day} 12:00"), 1)) == [expected]


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("daily", "weekly"), [(None, None), (0, None), (None, 0), (1, None), (2, 3), (None, 2), (3, 1)]
)
def test_visits_that_come_together_are_borne_if_each_is_after_those_before_it(
    zone: str, daily: int | None, weekly: int | None
) -> None:
    times = ticks("UTC", "2025-06-01 23:30", "2025-06-02 09:00", "2025-06-02 13:00", "2025-06-08 23:00")
    for known in ([], times[:1], times[1:2] * 2, times):
        bears = within_limits(zone, known, daily, weekly)
        for together in (*product(times, repeat=2), *product(times, repeat=3), ()):
            assert bears(together) == bears_one_by_one(zone, known, together, daily, weekly)


def bears_one_by_one(
    zone: str, known: Sequence[int], together: Sequence[int], daily: int | None, weekly: int | None
) -> bool:
    return not any(
        full.start <= tick < full.end
        for number, tick in enumerate(together)
        for before in [[*known, *together[:number]]]
        for full in (*full_days(zone, before, daily), *full_weeks(zone, before, weekly))
    )


def test_a_limit_of_none_at_all_fills_every_day_and_week() -> None:
    assert full_days("UTC", [], 0) == full_weeks("UTC", [], 0) == [ALWAYS]


def test_a_week_goes_from_monday_to_monday() -> None:
    starts = ticks("UTC", "2025-06-02 00:00", "2025-06-08 23:55", "2025-06-09 00:00")

    assert told(full_weeks("UTC", starts, 2)) == ["06-02 00:00 to 06-09 00:00"]
    assert told(full_weeks("UTC", starts, 1)) == ["06-02 00:00 to 06-16 00:00"]
    assert full_weeks("UTC", starts, 3) == []
    assert full_weeks("UTC", starts, None) == []
    assert told(full_weeks(BERLIN, ticks(BERLIN, "2025-03-30 12:00"), 1)) == ["03-23 23:00 to 03-30 22:00"]
    assert told(full_weeks("UTC", ticks("UTC", "1969-12-31 12:00"), 1)) == ["12-29 00:00 to 01-05 00:00"]


def test_visits_of_a_patient_stay_days_apart() -> None:
    starts = ticks(BERLIN, "2025-03-30 12:00")

    assert revisits(BERLIN, starts, None) == revisits(BERLIN, starts, 0) == revisits(BERLIN, starts, -1) == []
    assert told(revisits(BERLIN, starts, 1)) == ["03-29 23:00 to 03-30 22:00"]
    assert told(revisits(BERLIN, starts, 7)) == ["03-23 23:00 to 04-05 22:00"]
    assert told(revisits(BERLIN, starts + ticks(BERLIN, "2025-04-01 08:00", "2025-04-05 08:00"), 2)) == [
        "03-28 23:00 to 04-02 22:00",
        "04-03 22:00 to 04-06 22:00",
    ]


def test_nothing_is_free_once_as_many_are_counted_as_may_be() -> None:
    assert reached(2, 3) == []
    assert reached(3, 3) == reached(4, 3) == reached(0, 0) == [ALWAYS]
    assert reached(100, None) == []


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_days_and_weeks_hold_what_the_calendar_on_the_wall_shows(year: int) -> None:
    day: Callable[[int], int] = lambda minute: minute // 1440  # noqa: E731
    week: Callable[[int], int] = lambda minute: (minute // 1440 + 3) // 7  # noqa: E731
    for move, zone in {move: zone for zone, move in moves_in(year)}.items():
        shown = walls(zone, ticks_around(move))
        for tick in (move.at // 300 - 1, move.at // 300, move.at // 300 + 100):
            for full, unit in ((full_days, day), (full_weeks, week)):
                found = {each for span in full(zone, [tick], 1) for each in range(span.start, span.end)}
                same = {each for each, minute in shown.items() if unit(minute) == unit(shown[tick])}
                assert (zone, move, found & shown.keys()) == (zone, move, same)


def test_a_doctor_is_away_for_visits_elsewhere_and_the_ways_there_and_back() -> None:
    visits = [(HILL, span("09:00", "09:30")), (LAKE, span("11:00", "11:30")), (LAKE, span("12:00", "12:30"))]
    minutes = {frozenset({HILL, LAKE}): 22, frozenset({LAKE, ELSEWHERE}): 30}

    assert away(visits, [HILL, LAKE, ELSEWHERE], minutes) == {
        HILL: [span("10:35", "12:55")],
        LAKE: [span("08:35", "09:55")],
        ELSEWHERE: [span("09:00", "09:30"), span("10:30", "13:00")],
    }
    assert away([], [HILL], minutes) == {HILL: []}


def opening(start: str, end: str, location_id: UUID = HILL, *, is_holiday: bool = False) -> Opening:
    return Opening(tick_of(at(start)), tick_of(at(end)), location_id, 0, frozenset(), is_holiday=is_holiday)


def test_whoever_has_no_hours_is_as_good_as_busy() -> None:
    found = [
        opening("09:00", "12:00"),
        opening("11:00", "13:00", LAKE),
        opening("14:00", "15:00", is_holiday=True),
        opening("16:00", "19:00"),
    ]
    first, last = tick_of(at("08:00")), tick_of(at("18:00"))

    assert closed(found, first, last) == [span("08:00", "09:00"), span("13:00", "16:00")]
    assert closed(found, first, last, {HILL}) == [span("08:00", "09:00"), span("12:00", "16:00")]
    assert closed([], first, last) == [span("08:00", "18:00")]
    assert closed(found, tick_of(at("09:00")), tick_of(at("12:00"))) == []
