"""Open time: what the clock on the wall shows, also on days on which it jumps."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointed.availability.rules import Opening, instant_of, openings, tick_of

from .worlds import MONDAY, PATIENTLY, World, at, hours, worlds


def spans_in_utc(found: Iterable[Opening]) -> list[str]:
    return [f"{instant_of(each.start):%d %H:%M}-{instant_of(each.end):%d %H:%M}" for each in found]


def test_validity_counts_the_day_on_which_hours_start() -> None:
    nightly = [replace(hours("22:00", "26:00"), weekday=day) for day in range(7)]
    two_nights = [replace(row, valid_from=date(2025, 6, 3), valid_until=date(2025, 6, 4)) for row in nightly]

    found = openings(two_nights, tick_of(MONDAY), tick_of(MONDAY + timedelta(days=7)))

    assert spans_in_utc(found) == ["03 22:00-04 02:00", "04 22:00-05 02:00"]


def test_an_opening_that_reaches_into_the_question_is_given_whole() -> None:
    row = [hours("09:00", "12:00")]

    assert spans_in_utc(openings(row, tick_of(at("11:55")), tick_of(at("11:56")) + 1)) == ["02 09:00-02 12:00"]
    assert openings(row, tick_of(at("12:00")), tick_of(at("13:00"))) == []
    assert openings(row, tick_of(at("08:00")), tick_of(at("09:00"))) == []
    assert openings(row, tick_of(at("10:00")), tick_of(at("10:00"))) == []


@pytest.mark.parametrize(
    ("zone", "start", "end", "first", "expected"),
    [
        ("Pacific/Honolulu", "20:00", "44:00", "2d 01:00", ["03 06:00-04 06:00"]),
        ("Pacific/Kiritimati", "01:00", "02:00", "-1d 11:30", ["01 11:00-01 12:00"]),
    ],
)
def test_walls_far_from_utc_find_their_day(zone: str, start: str, end: str, first: str, expected: list[str]) -> None:
    tick = tick_of(at(first))

    assert spans_in_utc(openings([hours(start, end, zone=zone)], tick, tick + 1)) == expected


def test_a_naive_time_is_not_taken_for_an_instant() -> None:
    with pytest.raises(TypeError):
        tick_of(datetime(2025, 6, 2, 10))  # noqa: DTZ001


# Clocks that jump. Each row: the zone, the day, wall hours of that day, and the openings they make, in UTC.
JUMPS = [
    ("Europe/Berlin", date(2025, 3, 30), "01:00", "04:00", ["30 00:00-30 01:00", "30 01:00-30 02:00"]),
    ("Europe/Berlin", date(2025, 3, 30), "02:00", "03:00", []),
    ("Europe/Berlin", date(2025, 3, 30), "02:30", "04:00", ["30 01:00-30 02:00"]),
    ("Europe/Berlin", date(2025, 10, 26), "02:30", "04:00", ["26 00:30-26 01:00", "26 01:30-26 03:00"]),
    ("Europe/Berlin", date(2025, 10, 26), "01:00", "02:30", ["25 23:00-26 00:30", "26 01:00-26 01:30"]),
    ("America/New_York", date(2025, 11, 2), "00:00", "24:00", ["02 04:00-02 06:00", "02 06:00-03 05:00"]),
    ("Australia/Lord_Howe", date(2025, 10, 5), "01:30", "03:00", ["04 15:00-04 15:30", "04 15:30-04 16:00"]),
    ("Australia/Lord_Howe", date(2025, 4, 6), "01:30", "02:00", ["05 14:30-05 15:00", "05 15:00-05 15:30"]),
    ("Africa/Cairo", date(2025, 4, 25), "00:00", "02:00", ["24 22:00-24 23:00"]),
    ("Africa/Cairo", date(2025, 10, 30), "23:00", "24:30", ["30 20:00-30 21:00", "30 21:00-30 22:30"]),
    ("Asia/Beirut", date(2025, 3, 30), "00:00", "01:30", ["29 22:00-29 22:30"]),
    ("America/Havana", date(2025, 11, 2), "00:00", "01:00", ["02 04:00-02 05:00", "02 05:00-02 06:00"]),
    ("Asia/Kathmandu", date(2025, 6, 2), "09:00", "10:00", ["02 03:15-02 04:15"]),
    ("Pacific/Chatham", date(2025, 9, 28), "02:00", "04:00", ["27 13:15-27 14:00", "27 14:00-27 14:15"]),
    ("Antarctica/Troll", date(2025, 3, 30), "00:30", "03:30", ["30 00:30-30 01:00", "30 01:00-30 01:30"]),
    ("Pacific/Apia", date(2011, 12, 30), "09:00", "17:00", []),
    ("Pacific/Apia", date(2011, 12, 29), "22:00", "30:00", ["30 08:00-30 10:00"]),
    ("Pacific/Apia", date(2011, 12, 30), "22:00", "30:00", ["30 10:00-30 16:00"]),
]


@pytest.mark.parametrize(("zone", "day", "start", "end", "expected"), JUMPS)
def test_open_time_is_what_the_wall_clock_shows(
    zone: str, day: date, start: str, end: str, expected: list[str]
) -> None:
    row = replace(hours(start, end, zone=zone), weekday=day.weekday(), valid_from=day, valid_until=day)
    noon = tick_of(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    assert spans_in_utc(openings([row], noon - 600, noon + 600)) == expected


@PATIENTLY
@given(worlds())
def test_hours_are_open_exactly_when_the_clock_on_the_wall_says_so(world: World) -> None:
    oracle = world.oracle
    found = world.openings(world.ticks)

    covered = {(tick, each.location_id) for each in found for tick in range(each.start, each.end)}

    told = {(tick, row.location_id) for tick in world.ticks for row in oracle.open_at(tick)}
    assert {each for each in covered if each[0] in world.ticks} == told
    assert all(place in {row.location_id for row in oracle.open_at(tick)} for tick, place in covered)


@PATIENTLY
@given(worlds(), st.data())
def test_a_narrow_question_finds_the_same_openings_as_a_wide_one(world: World, data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.lists(st.sampled_from(world.ticks), min_size=2, max_size=2, unique=True)))
    wide = world.openings(range(world.ticks.start - 1000, world.ticks.stop + 1000))

    found = world.openings(range(first, last))

    assert found == [each for each in wide if each.start < last and each.end > first]
