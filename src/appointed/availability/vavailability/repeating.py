"""On which weekdays, from when until when: recurrence rules (RFC 5545 section 3.3.10) as far as hours go."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from icalendar import Component

from .names import OPEN_END, VALID, WEEK, WEEKDAYS, first_day, instant_at, last_day
from .unfit import Unfit
from .walls import Wall

_KNOWN = frozenset({"FREQ", "INTERVAL", "BYDAY", "UNTIL", "WKST"})
_DAY = re.compile(r"[0-9]{8}")


class Validity(NamedTuple):
    """A weekday, and the first and last day of the validity; None has no end."""

    weekday: int
    first: date | None
    last: date | None


def validities(component: Component, rule: Any, wall: Wall) -> Iterator[Validity]:
    """One for each weekday of the rule; without a rule, that one day."""
    day = wall.start.date()
    if rule is None:
        yield Validity(day.weekday(), day, day)
        return
    weekdays = _weekdays(rule, day)
    for weekday in weekdays:
        first = first_day(day, weekday)
        last = _last(rule, first, wall)
        if last is None or last >= first:
            found = Validity(weekday, day, last)
            yield _exact(component, found, first) if len(weekdays) == 1 else found


def _weekdays(rule: Mapping[str, Any], day: date) -> list[int]:
    for name in sorted(set(rule) - _KNOWN):
        raise Unfit("RRULE", f"Hours repeat every week by BYDAY and UNTIL; {name} cannot be kept.")
    if [str(each).upper() for each in rule.get("FREQ", ())] != ["WEEKLY"]:
        raise Unfit("RRULE", "Hours repeat by FREQ=WEEKLY.")
    if [int(each) for each in rule.get("INTERVAL", [1])] != [1]:
        raise Unfit("RRULE", "Hours repeat every week.")
    names = [str(each).upper() for each in rule.get("BYDAY", [WEEKDAYS[day.weekday()]])]
    if not names or len(set(names)) < len(names) or not set(names) <= set(WEEKDAYS):
        raise Unfit("RRULE", "BYDAY names each weekday once, as MO to SU.")
    if WEEKDAYS[day.weekday()] not in names:
        raise Unfit("RRULE", "DTSTART is the first of the days that BYDAY names.")
    return sorted(map(WEEKDAYS.index, names))


def _last(rule: Mapping[str, Any], first: date, wall: Wall) -> date | None:
    """The last day up to UNTIL on which such hours begin, be it before the first."""
    values = rule.get("UNTIL", [None])
    if len(values) != 1:
        raise Unfit("RRULE", "It is said more than once: UNTIL.")
    until = values[0]
    if until is None:
        return None
    if not isinstance(until, date):
        raise Unfit("RRULE", "UNTIL is a date, or a date with a time.")
    if not isinstance(until, datetime):
        return max(last_day(until, first.weekday()), first - WEEK)
    minute = wall.start.hour * 60 + wall.start.minute
    # Walls are up to a day ahead of UTC.
    day = last_day(min(until.date(), date(2200, 12, 31)) + timedelta(days=1), first.weekday())
    while day >= first and _begin(day, minute, wall.zone, until) > until:
        day -= WEEK
    return max(day, first - WEEK)


def _begin(day: date, minute: int, zone: str, until: datetime) -> datetime:
    """The beginning on that day, in the same manner as `until`: an instant, or what the wall shows."""
    if until.tzinfo is not None:
        return instant_at(day, minute, zone)
    return instant_at(day, minute, "UTC").replace(tzinfo=None)


def _exact(component: Component, found: Validity, first: date) -> Validity:
    """The validity as it was written, if `DTSTART` and `UNTIL` still agree with it."""
    value = component.get(VALID)
    ends = str(value).split("/") if value is not None and not isinstance(value, list) else []
    if len(ends) != 2 or not all(end == OPEN_END or _DAY.fullmatch(end) for end in ends):
        return found
    try:
        begin, end = (None if each == OPEN_END else datetime.strptime(each, "%Y%m%d").replace(tzinfo=UTC).date()
                      for each in ends)  # fmt: skip
    except ValueError:
        return found
    agrees = first_day(begin, found.weekday) == first and (last_day(end, found.weekday) if end else None) == found.last
    return Validity(found.weekday, begin, end) if agrees else found
