"""Hours at two places at once: compared in real time, in whatever zones, against counting minute by minute."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointed.availability.overlaps import open_rows, overlaps
from appointed.availability.rules import Hours, HoursKind
from appointed.availability.walltime import instant_of

HERE, THERE = UUID(int=1), UUID(int=2)
TODAY = date(2031, 3, 3)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati")


def hours(place: UUID, weekday: int, start: int, end: int, zone: str = "UTC", **more: Any) -> Hours:
    given: dict[str, Any] = {"valid_from": None, "valid_until": None} | more
    return Hours(place, zone, weekday, start * 60, end * 60, **given)


def found(one: Hours, other: Hours, *taken: Hours) -> str | None:
    """When both are open first."""
    rows = dict(enumerate((one, other, *taken)))
    for season in overlaps(rows.values(), TODAY):
        for tick in season:
            if open_rows(rows, tick) == {0, 1}:
                return f"{instant_of(tick):%Y-%m-%dT%H:%M}"
    return None


@pytest.mark.parametrize(
    ("one", "other", "first"),
    [
        ((0, 9, 12), (0, 11, 13), "2031-03-03T11:00"),
        ((0, 9, 12), (0, 12, 13), None),
        ((0, 9, 12), (1, 9, 12), None),
        ((6, 20, 30), (0, 5, 8), "2031-03-03T05:00"),
        ((0, 5, 8), (6, 20, 30), "2031-03-03T05:00"),
        ((0, 9, 12, "America/New_York"), (0, 15, 16, "Europe/Berlin"), "2031-03-03T14:00"),
        # The clocks of New York change three weeks before those of Berlin: only then do the two meet.
        ((0, 9, 12, "America/New_York"), (0, 14, 15, "Europe/Berlin"), "2031-03-10T13:00"),
        ((0, 9, 12, "America/New_York"), (0, 13, 14, "Europe/Berlin"), None),
    ],
)  # fmt: skip
def test_two_places_overlap_where_both_are_open(one: Any, other: Any, first: str | None) -> None:
    assert found(hours(HERE, *one), hours(THERE, *other)) == first


def test_what_is_over_or_shares_no_day_stands_in_nobodys_way() -> None:
    ours = hours(HERE, 0, 9, 12)
    past = hours(THERE, 0, 9, 12, valid_until=TODAY - timedelta(days=1))
    assert found(ours, past) is None
    later = hours(THERE, 0, 9, 12, valid_from=date(2031, 6, 3))
    assert found(ours, later) == "2031-06-09T09:00"
    assert found(hours(HERE, 0, 9, 12, valid_until=date(2031, 6, 8)), later) is None
    assert found(hours(HERE, 0, 9, 12, valid_until=date(2031, 6, 9)), later) == "2031-06-09T09:00"


def test_of_a_range_that_ends_all_is_looked_at() -> None:
    # They share one Monday, nine years from now.
    one = hours(HERE, 0, 9, 12, valid_from=date(2040, 1, 2), valid_until=date(2040, 1, 2))
    assert found(one, hours(THERE, 0, 9, 10)) == "2040-01-02T09:00"


def test_what_is_closed_or_a_break_overlaps_with_nothing() -> None:
    monday: dict[str, Any] = {"valid_from": TODAY, "valid_until": TODAY}
    extra = hours(THERE, 0, 9, 12, kind=HoursKind.EXTRA, **monday)
    weekly = hours(HERE, 0, 8, 17)
    closed = hours(HERE, 0, 0, 24, kind=HoursKind.CLOSED, **monday)
    assert found(weekly, extra) == "2031-03-03T09:00"
    assert found(weekly, extra, closed) is None
    assert found(weekly, closed) is None
    pause = hours(HERE, 0, 9, 12, kind=HoursKind.BREAK)
    assert found(weekly, hours(THERE, 0, 9, 12), pause) is None
    elsewhere = hours(UUID(int=3), 0, 0, 24, kind=HoursKind.CLOSED, **monday)
    assert found(weekly, extra, elsewhere) == "2031-03-03T09:00"


rows = st.builds(
    lambda weekday, start, length, zone, first, days: (weekday, start, start + length, zone, first, days),
    st.integers(0, 6), st.integers(0, 23), st.integers(1, 10), st.sampled_from(ZONES), st.integers(0, 400),
    st.integers(0, 40),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows, rows)
def test_it_is_as_an_oracle_counts(one: Any, other: Any) -> None:
    made = []
    for place, (weekday, start, end, zone, first, days) in ((HERE, one), (THERE, other)):
        begins = TODAY + timedelta(days=first % 60)
        made.append(hours(place, weekday, start, end, zone, valid_from=begins,
                          valid_until=begins + timedelta(days=days)))  # fmt: skip
    moments = [at for at in quarters(made[0]) if is_open(made[0], at) and is_open(made[1], at)]
    assert found(made[0], made[1]) == (moments[0].strftime("%Y-%m-%dT%H:%M") if moments else None)


def quarters(row: Hours) -> list[datetime]:
    assert row.valid_from
    assert row.valid_until
    start = datetime.combine(row.valid_from, datetime.min.time(), UTC) - timedelta(days=1)
    return [
        start + timedelta(minutes=15 * number) for number in range(96 * ((row.valid_until - row.valid_from).days + 4))
    ]


def is_open(row: Hours, at: datetime) -> bool:
    """What a wall clock and a calendar say."""
    wall = at.astimezone(ZoneInfo(row.zone)).replace(tzinfo=None)
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        minute = (wall - datetime.combine(day, datetime.min.time())) // timedelta(minutes=1)
        is_valid = (
            row.valid_from is not None and row.valid_until is not None and row.valid_from <= day <= row.valid_until
        )
        if is_valid and day.weekday() == row.weekday and row.start_minute <= minute < row.end_minute:
            return True
    return False
