"""Which wall times a recurrence rule (RFC 5545, section 3.3.10) names, and which instants those are; pure."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from .errors import BadRecurrence

FEWEST, MOST = 2, 52
HORIZON_DAYS = 5 * 366
_LONGEST = 200
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A naive wall time and its instant, in UTC; None if the clocks skip that time."""

    wall: datetime
    starts_at: datetime | None


def weekly(every_weeks: int, count: int) -> str:
    """The rule for `count` visits, one in every so many weeks."""
    return f"FREQ=WEEKLY;INTERVAL={every_weeks};COUNT={count}"


def normalised(text: str) -> str:
    """The rule as it is kept. `BadRecurrence` if it is none, or says what is not supported."""
    parts = _parts_of(text)
    return ";".join(f"{name}={parts[name]}" for name in _PARTS if name in parts)


def occurrences(text: str, first: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """The 2 to 52 times that the rule names from the instant `first` on, which is the first of them.

    Of a wall time that comes twice the earlier instant is taken. `BadRecurrence` if the rule names fewer times or more,
    within five years, or does not name the first.
    """
    parts = _parts_of(text)
    start = wall_of(first, zone)
    walls = _walls(parts, start.replace(microsecond=0))
    if next(walls, None) != start.replace(microsecond=0):
        raise BadRecurrence("The first visit is not at a time that the rule names.")
    times = [Occurrence(start, first.astimezone(UTC))]
    times += islice((Occurrence(wall, at_wall(wall, zone)) for wall in walls), MOST)
    if "UNTIL" in parts:
        last = _until_of(parts["UNTIL"], zone)
        times = [each for each in times if each.wall <= last]
    _check_number(len(times), int(parts.get("COUNT", "0")))
    return times


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the zone's clocks show then, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def at_wall(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant, in UTC, at which the zone's clocks show this; None if they skip it."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return instant if wall_of(instant, zone).replace(fold=0) == wall.replace(fold=0) else None


def shifted(instants: Sequence[datetime], by: timedelta, zone: ZoneInfo) -> list[Occurrence]:
    """Each instant's wall time moved by a difference of wall times."""
    walls = [wall_of(instant, zone).replace(fold=0) + by for instant in instants]
    return [Occurrence(wall, at_wall(wall, zone)) for wall in walls]


def _check_number(found: int, count: int) -> None:
    if found > MOST:
        raise BadRecurrence(f"A series has {MOST} visits at the most.")
    if found < max(count, FEWEST):
        raise BadRecurrence(f"The rule names {found} times within five years; a series has {max(count, FEWEST)}.")


def _walls(parts: Mapping[str, str], start: datetime) -> Iterator[datetime]:
    """In order, no further than five years: a rule that names nothing must not be looked through for ever."""
    is_named = _NAMED_BY[parts["FREQ"]]
    days = (start.date() + timedelta(days=number) for number in range(HORIZON_DAYS))
    named = (day for day in days if is_named(parts, start.date(), day))
    count = int(parts["COUNT"]) if "COUNT" in parts else None
    return (datetime.combine(day, start.time()) for day in islice(named, count))


def _interval_of(parts: Mapping[str, str]) -> int:
    return int(parts.get("INTERVAL", "1"))


def _is_named_daily(parts: Mapping[str, str], first: date, day: date) -> bool:
    return (day - first).days % _interval_of(parts) == 0 and _is_weekday_named(parts, day)


def _is_named_weekly(parts: Mapping[str, str], first: date, day: date) -> bool:
    week_starts = _WEEKDAYS.index(parts.get("WKST", "MO"))
    since = (first.weekday() - week_starts) % 7
    weeks = ((day - first).days + since) // 7
    is_day = _is_weekday_named(parts, day) if "BYDAY" in parts else day.weekday() == first.weekday()
    return weeks % _interval_of(parts) == 0 and is_day


def _is_named_monthly(parts: Mapping[str, str], first: date, day: date) -> bool:
    months = (day.year - first.year) * 12 + day.month - first.month
    if months % _interval_of(parts):
        return False
    if "BYDAY" not in parts and "BYMONTHDAY" not in parts:
        return day.day == first.day
    from_end = day.day - monthrange(day.year, day.month)[1] - 1
    by_number = parts.get("BYMONTHDAY")
    return _is_weekday_named(parts, day) and (
        by_number is None or not {day.day, from_end}.isdisjoint(map(int, by_number.split(",")))
    )


def _is_weekday_named(parts: Mapping[str, str], day: date) -> bool:
    """Also without BYDAY. A weekday's number counts within the month, from its end if negative."""
    if "BYDAY" not in parts:
        return True
    name, last = _WEEKDAYS[day.weekday()], monthrange(day.year, day.month)[1]
    fitting = {name, f"{(day.day + 6) // 7}{name}", f"-{(last - day.day + 7) // 7}{name}"}
    return not fitting.isdisjoint(each.removeprefix("+") for each in parts["BYDAY"].split(","))


_NAMED_BY: Mapping[str, Callable[[Mapping[str, str], date, date], bool]] = {
    "DAILY": _is_named_daily,
    "WEEKLY": _is_named_weekly,
    "MONTHLY": _is_named_monthly,
}


def _until_of(text: str, zone: ZoneInfo) -> datetime:
    """The last wall time: a day counts as a whole, a time of UTC is what the zone's clocks show then."""
    found = _UNTIL.fullmatch(text)
    assert found  # noqa: S101 - the parts have been checked
    written = datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - wall time
    return wall_of(written.replace(tzinfo=UTC), zone) if found[3] else written


def _parts_of(text: str) -> dict[str, str]:
    """The rule's parts by name, each checked by itself and all of them together."""
    if len(text) > _LONGEST:
        raise BadRecurrence(f"The rule is longer than {_LONGEST} characters.")
    pairs = [part.partition("=") for part in text.upper().removeprefix("RRULE:").split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) != len(pairs):
        raise BadRecurrence("The rule says something twice.")
    for name, value in parts.items():
        if name not in _PARTS or not _PARTS[name](value):
            raise BadRecurrence(f"Not understood: {name}. {_KNOWN}")
    _check_together(parts)
    return parts


def _check_together(parts: Mapping[str, str]) -> None:
    if "FREQ" not in parts:
        raise BadRecurrence(f"The rule has no FREQ. {_KNOWN}")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise BadRecurrence("Say how often by either COUNT or UNTIL.")
    is_monthly = parts["FREQ"] == "MONTHLY"
    if "BYMONTHDAY" in parts and not is_monthly:
        raise BadRecurrence("BYMONTHDAY is for FREQ=MONTHLY.")
    if re.search(r"\d", parts.get("BYDAY", "")) and not is_monthly:
        raise BadRecurrence("A weekday's number, as in 2MO, is for FREQ=MONTHLY.")


def _number(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(r"[1-9]\d{0,2}", text, re.ASCII)) and least <= int(text) <= most


def _is_until(text: str) -> bool:
    found = _UNTIL.fullmatch(text)
    try:
        return bool(found) and 1900 <= _until_of(text, ZoneInfo("UTC")).year <= 2200
    except ValueError:
        return False


def _are_month_days(text: str) -> bool:
    return all(re.fullmatch(r"-?([1-9]|[12]\d|3[01])", day, re.ASCII) for day in text.split(","))


# In the order in which they are kept.
_PARTS: Mapping[str, Callable[[str], bool]] = {
    "FREQ": lambda text: text in _NAMED_BY,
    "INTERVAL": _number(1, 366),
    "BYDAY": lambda text: all(_DAY.fullmatch(day) for day in text.split(",")),
    "BYMONTHDAY": _are_month_days,
    "WKST": lambda text: text in _WEEKDAYS,
    "COUNT": _number(FEWEST, MOST),
    "UNTIL": _is_until,
}
_KNOWN = "Known are FREQ (DAILY, WEEKLY, MONTHLY), INTERVAL, BYDAY, BYMONTHDAY, WKST, COUNT (2 to 52) and UNTIL."
