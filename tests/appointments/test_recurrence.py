"""Which times a recurrence rule names: by example, against an independent implementation, and around clock changes."""

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # it comes with Celery, without types

from appointed.appointments.errors import BadRecurrence
from appointed.appointments.recurrence import at_wall, normalised, occurrences, shifted, wall_of, weekly

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime.fromisoformat("2031-03-03T09:00")


def days(rule: str, first: datetime = MONDAY, zone: ZoneInfo = BERLIN) -> list[str]:
    return [f"{each.wall:%m-%d}" for each in occurrences(rule, first.replace(tzinfo=zone), zone)]


@pytest.mark.parametrize(("rule", "expected"), [
    ("FREQ=WEEKLY;COUNT=3", ["03-03", "03-10", "03-17"]),
    ("rrule:freq=weekly;count=3", ["03-03", "03-10", "03-17"]),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4", ["03-03", "03-06", "03-17", "03-20"]),
    ("FREQ=DAILY;INTERVAL=3;COUNT=3", ["03-03", "03-06", "03-09"]),
    ("FREQ=DAILY;BYDAY=MO,TU;COUNT=3", ["03-03", "03-04", "03-10"]),
    ("FREQ=MONTHLY;COUNT=3", ["03-03", "04-03", "05-03"]),
    ("FREQ=MONTHLY;BYDAY=1MO;COUNT=3", ["03-03", "04-07", "05-05"]),
    ("FREQ=MONTHLY;BYDAY=+1MO,-1FR;COUNT=3", ["03-03", "03-28", "04-07"]),
    ("FREQ=MONTHLY;BYMONTHDAY=3,-1;COUNT=4", ["03-03", "03-31", "04-03", "04-30"]),
    ("FREQ=DAILY;UNTIL=20310305", ["03-03", "03-04", "03-05"]),
    ("FREQ=DAILY;UNTIL=20310305T090000", ["03-03", "03-04", "03-05"]),
    ("FREQ=DAILY;UNTIL=20310305T085959", ["03-03", "03-04"]),
    ("FREQ=DAILY;UNTIL=20310305T080000Z", ["03-03", "03-04", "03-05"]),
    ("FREQ=DAILY;UNTIL=20310305T075959Z", ["03-03", "03-04"]),
    (weekly(4, 2), ["03-03", "03-31"]),
])  # fmt: skip
def test_a_rule_names_these_days(rule: str, expected: list[str]) -> None:
    assert days(rule) == expected


def test_a_month_without_that_day_is_left_out() -> None:
    assert days("FREQ=MONTHLY;COUNT=3", datetime.fromisoformat("2031-01-31T09:00")) == ["01-31", "03-31", "05-31"]


@pytest.mark.parametrize("rule", [
    "", "WEEKLY", "FREQ=", "COUNT=3", "FREQ=YEARLY;COUNT=3", "FREQ=HOURLY;COUNT=3", "FREQ=WEEKLY",
    "FREQ=WEEKLY;COUNT=1", "FREQ=WEEKLY;COUNT=53",
    "FREQ=WEEKLY;COUNT=٣", "FREQ=WEEKLY;COUNT=3;COUNT=4", "FREQ=WEEKLY;COUNT=3;UNTIL=20310601",
    "FREQ=WEEKLY;COUNT=3;BYHOUR=3", "FREQ=WEEKLY;COUNT=3;INTERVAL=0", "FREQ=WEEKLY;COUNT=3;INTERVAL=-1",
    "FREQ=WEEKLY;COUNT=3;INTERVAL=99999999999", "FREQ=WEEKLY;COUNT=3;BYDAY=XX", "FREQ=WEEKLY;COUNT=3;BYDAY=1MO",
    "FREQ=WEEKLY;COUNT=3;BYDAY=", "FREQ=WEEKLY;COUNT=3;BYMONTHDAY=3", "FREQ=MONTHLY;COUNT=3;BYMONTHDAY=32",
    "FREQ=MONTHLY;COUNT=3;BYMONTHDAY=0", "FREQ=WEEKLY;UNTIL=2031", "FREQ=WEEKLY;UNTIL=20310230",
    "FREQ=WEEKLY;UNTIL=20310301", "FREQ=WEEKLY;UNTIL=99991231", "FREQ=WEEKLY;UNTIL=00010101", "FREQ=WEEKLY;COUNT=3;",
    "FREQ=WEEKLY;COUNT=3;WKST=XX", "FREQ=WEEKLY;COUNT=3;BYDAY=TU", "FREQ=DAILY;UNTIL=22001231",
    "FREQ=MONTHLY;BYMONTHDAY=3;INTERVAL=99;COUNT=3", "FREQ=DAILY;INTERVAL=7;BYDAY=TU;COUNT=2",
    "FREQ=WEEKLY;COUNT=3;BYDAY=" + "MO," * 100 + "MO", "FREQ=DAILY;UNTIL=20310303",
])  # fmt: skip
def test_a_rule_that_is_none_or_absurd_is_refused(rule: str) -> None:
    with pytest.raises(BadRecurrence):
        days(rule)


KNOWN = "Known are FREQ (DAILY, WEEKLY, MONTHLY), INTERVAL, BYDAY, BYMONTHDAY, WKST, COUNT (2 to 52) and UNTIL."


@pytest.mark.parametrize(("rule", "said"), [
    ("FREQ=YEARLY;COUNT=3", f"Not understood: FREQ. {KNOWN}"),
    ("FREQ=WEEKLY;COUNT=53", f"Not understood: COUNT. {KNOWN}"),
    ("FREQ=WEEKLY;COUNT=1", f"Not understood: COUNT. {KNOWN}"),
    ("FREQ=DAILY;INTERVAL=367;COUNT=2", f"Not understood: INTERVAL. {KNOWN}"),
    ("FREQ=MONTHLY;BYMONTHDAY=3,,4;COUNT=2", f"Not understood: BYMONTHDAY. {KNOWN}"),
    ("FREQ=DAILY;UNTIL=22010101", f"Not understood: UNTIL. {KNOWN}"),
    ("FREQ=DAILY;UNTIL=18991231", f"Not understood: UNTIL. {KNOWN}"),
    ("FREQ=DAILY;UNTIL=20310303T250000", f"Not understood: UNTIL. {KNOWN}"),
    ("COUNT=3", f"The rule has no FREQ. {KNOWN}"),
    ("FREQ=WEEKLY", "Say how often by either COUNT or UNTIL."),
    ("FREQ=WEEKLY;COUNT=3;UNTIL=20310601", "Say how often by either COUNT or UNTIL."),
    ("FREQ=WEEKLY;COUNT=3;COUNT=4", "The rule says something twice."),
    ("FREQ=WEEKLY;COUNT=3;BYMONTHDAY=3", "BYMONTHDAY is for FREQ=MONTHLY."),
    ("FREQ=DAILY;COUNT=3;BYDAY=1MO", "A weekday's number, as in 2MO, is for FREQ=MONTHLY."),
    ("FREQ=WEEKLY;COUNT=3;BYDAY=TU", "The first visit is not at a time that the rule names."),
    ("FREQ=DAILY;UNTIL=20310424", "A series has 52 visits at the most."),
    ("FREQ=DAILY;UNTIL=22001231", "A series has 52 visits at the most."),
    ("FREQ=DAILY;UNTIL=20310303", "The rule names 1 times within five years; a series has 2."),
    ("FREQ=DAILY;UNTIL=19000101", "The rule names 0 times within five years; a series has 2."),
    ("FREQ=MONTHLY;INTERVAL=58;COUNT=3", "The rule names 2 times within five years; a series has 3."),
    ("FREQ=WEEKLY;COUNT=3;BYDAY=MO" + 58 * ",MO", "The rule is longer than 200 characters."),
])  # fmt: skip
def test_what_is_wrong_with_a_rule_is_said(rule: str, said: str) -> None:
    with pytest.raises(BadRecurrence) as refused:
        days(rule)
    assert refused.value.detail == said


@pytest.mark.parametrize(("rule", "count", "last"), [
    ("FREQ=DAILY;COUNT=2", 2, "2031-03-04"),
    ("FREQ=DAILY;COUNT=52", 52, "2031-04-23"),
    ("FREQ=DAILY;UNTIL=20310423", 52, "2031-04-23"),
    ("FREQ=DAILY;INTERVAL=366;COUNT=5", 5, "2035-03-06"),
    ("FREQ=DAILY;INTERVAL=100;COUNT=19", 19, "2036-02-05"),
    ("FREQ=MONTHLY;BYMONTHDAY=3,31;COUNT=3", 3, "2031-04-03"),
    ("FREQ=MONTHLY;BYMONTHDAY=-29,-31;COUNT=3", 3, "2031-05-01"),
    ("FREQ=MONTHLY;INTERVAL=10;COUNT=3", 3, "2032-11-03"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO;COUNT=3", 3, "2031-03-17"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=SU,MO;COUNT=3", 3, "2031-03-17"),
    ("FREQ=WEEKLY;COUNT=10;BYDAY=MO" + 57 * ",MO", 10, "2031-05-05"),
])  # fmt: skip
def test_a_rule_may_go_to_the_ends_of_what_is_allowed(rule: str, count: int, last: str) -> None:
    found = occurrences(rule, MONDAY.replace(tzinfo=BERLIN), BERLIN)
    assert (len(found), f"{found[-1].wall:%Y-%m-%d}") == (count, last)


def test_a_rule_is_kept_in_one_form() -> None:
    assert normalised("rrule:count=3;byday=mo;freq=weekly") == "FREQ=WEEKLY;BYDAY=MO;COUNT=3"
    every = "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO;BYMONTHDAY=3;WKST=SU;UNTIL=20310601"
    assert normalised(";".join(reversed(every.split(";")))) == every
    assert weekly(2, 5) == "FREQ=WEEKLY;INTERVAL=2;COUNT=5"


def test_a_series_keeps_the_minute_of_its_first_visit_and_no_less() -> None:
    first = datetime(2031, 3, 3, 9, 35, 20, 7, tzinfo=BERLIN)
    found = occurrences("FREQ=DAILY;COUNT=2", first, BERLIN)
    assert [each.starts_at for each in found] == [first, datetime(2031, 3, 4, 9, 35, 20, tzinfo=BERLIN)]


def test_wall_time_stays_across_a_clock_change() -> None:
    first = datetime(2031, 3, 24, 9, tzinfo=BERLIN)
    found = occurrences("FREQ=WEEKLY;COUNT=2", first, BERLIN)
    assert [each.starts_at for each in found] == [
        datetime(2031, 3, 24, 8, tzinfo=UTC), datetime(2031, 3, 31, 7, tzinfo=UTC)
    ]  # fmt: skip


def test_a_time_that_the_clocks_skip_has_no_instant() -> None:
    found = occurrences("FREQ=DAILY;COUNT=3", datetime(2031, 3, 29, 2, 30, tzinfo=BERLIN), BERLIN)
    assert [each.starts_at is None for each in found] == [False, True, False]
    assert found[1].wall == datetime.fromisoformat("2031-03-30T02:30")


def test_of_a_time_that_comes_twice_the_earlier_is_taken() -> None:
    found = occurrences("FREQ=DAILY;COUNT=2", datetime(2031, 10, 25, 2, 30, tzinfo=BERLIN), BERLIN)
    assert found[1].starts_at == datetime(2031, 10, 26, 0, 30, tzinfo=UTC)


def test_the_first_visit_is_when_it_was_asked_for_even_if_its_wall_time_came_before() -> None:
    later = datetime(2031, 10, 26, 1, 30, tzinfo=UTC)
    assert occurrences("FREQ=DAILY;COUNT=2", later, BERLIN)[0].starts_at == later


def test_moving_keeps_the_difference_of_wall_times() -> None:
    before = [datetime(2031, 3, 24, 8, tzinfo=UTC), datetime(2031, 3, 31, 7, tzinfo=UTC)]
    moved = shifted(before, timedelta(days=1, hours=1), BERLIN)
    assert [each.starts_at for each in moved] == [
        datetime(2031, 3, 25, 9, tzinfo=UTC), datetime(2031, 4, 1, 8, tzinfo=UTC)
    ]  # fmt: skip
    (skipped,) = shifted([datetime(2031, 3, 29, 1, 30, tzinfo=UTC)], timedelta(days=1), BERLIN)
    assert (skipped.wall, skipped.starts_at) == (datetime.fromisoformat("2031-03-30T02:30"), None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_every_wall_time_of_a_year_has_an_instant_that_shows_it_or_none(zone: str) -> None:
    where = ZoneInfo(zone)
    skipped = 0
    for minutes in range(0, 366 * 1440, 30):
        wall = datetime.fromisoformat("2031-01-01") + timedelta(minutes=minutes)
        instant = at_wall(wall, where)
        skipped += instant is None
        if instant is not None:
            assert wall_of(instant, where).replace(fold=0) == wall
            earlier = [instant - timedelta(minutes=step) for step in (30, 60)]
            assert all(wall_of(each, where).replace(fold=0) != wall for each in earlier)
    assert skipped == {"Europe/Berlin": 2, "America/New_York": 2, "Australia/Lord_Howe": 1}.get(zone, 0)


def drawn(draw: random.Random) -> str:
    frequency = draw.choice(["DAILY", "WEEKLY", "MONTHLY"])
    parts = [f"FREQ={frequency}", f"COUNT={draw.randint(2, 52)}"]
    if draw.random() < 0.7:
        parts.append(f"INTERVAL={draw.randint(1, 6)}")
    if draw.random() < 0.6:
        # Of weekdays with and without a number, that implementation takes only those which are both.
        ordinals = draw.choice([[""], ["1", "-1", "+2", "5", "-5"]]) if frequency == "MONTHLY" else [""]
        names = draw.sample(["MO", "TU", "WE", "TH", "FR", "SA", "SU"], draw.randint(1, 3))
        parts.append("BYDAY=" + ",".join(draw.choice(ordinals) + name for name in names))
    elif frequency == "MONTHLY" and draw.random() < 0.6:
        parts.append(f"BYMONTHDAY={draw.choice([1, 15, 29, 31, -1, -30])},{draw.randint(1, 28)}")
    if draw.random() < 0.5:
        parts.append(f"WKST={draw.choice(['SU', 'MO', 'WE'])}")
    return ";".join(parts)


def test_an_independent_implementation_names_the_same_days() -> None:
    draw = random.Random(7)
    compared = 0
    for _ in range(200):
        rule = drawn(draw)
        start = datetime.combine(date(2031, 1, 1) + timedelta(days=draw.randrange(400)), time(9))
        try:
            ours = [each.wall for each in occurrences(rule, start.replace(tzinfo=UTC), UTC_ZONE)]
        except BadRecurrence:
            # Most often because it does not name the start; to hear that from theirs takes it 8,000 years.
            continue
        assert ours == list(rrulestr(rule, dtstart=start)), rule
        compared += 1
    assert compared > 80
