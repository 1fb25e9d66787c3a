"""Nobody can mistake a time in a letter."""

from datetime import UTC, datetime, timedelta

import pytest

from appointed.notifications.times import spelled

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("starts_at", "zone", "expected"),
    [
        ("2031-03-03T08:00", "Europe/Berlin", "Monday, 3 March 2031, 09:00 to 09:30 (Europe/Berlin, UTC+01:00)"),
        ("2031-07-01T07:00", "Europe/Berlin", "Tuesday, 1 July 2031, 09:00 to 09:30 (Europe/Berlin, UTC+02:00)"),
        ("2031-03-03T08:00", "UTC", "Monday, 3 March 2031, 08:00 to 08:30 (UTC)"),
        ("2031-03-03T03:15", "Asia/Kathmandu", "Monday, 3 March 2031, 09:00 to 09:30 (Asia/Kathmandu, UTC+05:45)"),
        ("2031-01-15T12:30", "America/St_Johns",
         "Wednesday, 15 January 2031, 09:00 to 09:30 (America/St_Johns, UTC-03:30)"),
        ("2031-03-03T14:30", "Asia/Tokyo",
         "Monday, 3 March 2031, 23:30 to Tuesday, 4 March 2031, 00:00 (Asia/Tokyo, UTC+09:00)"),
    ],
)  # fmt: skip
def test_a_time_is_on_the_clock_of_the_place(starts_at: str, zone: str, expected: str) -> None:
    start = datetime.fromisoformat(starts_at).replace(tzinfo=UTC)
    assert spelled(start, zone, start + HALF_AN_HOUR) == expected


def test_an_hour_that_comes_twice_is_told_apart_by_its_offset() -> None:
    first = datetime(2031, 10, 26, 0, 30, tzinfo=UTC)
    earlier, later = (
        spelled(start, "Europe/Berlin", start + timedelta(minutes=15)) for start in (first, first + timedelta(hours=1))
    )
    assert earlier == "Sunday, 26 October 2031, 02:30 to 02:45 (Europe/Berlin, UTC+02:00)"
    assert later == "Sunday, 26 October 2031, 02:30 to 02:45 (Europe/Berlin, UTC+01:00)"


def test_a_visit_across_a_clock_change_has_an_offset_at_each_end() -> None:
    start = datetime(2031, 3, 30, 0, 45, tzinfo=UTC)
    assert spelled(start, "Europe/Berlin", start + HALF_AN_HOUR) == (
        "Sunday, 30 March 2031, 01:45 (UTC+01:00) to Sunday, 30 March 2031, 03:15 (UTC+02:00), Europe/Berlin"
    )


def test_a_moment_without_an_end_is_only_a_moment() -> None:
    assert spelled(datetime(2031, 3, 3, 8, tzinfo=UTC), "Europe/Berlin") == (
        "Monday, 3 March 2031, 09:00 (Europe/Berlin, UTC+01:00)"
    )
