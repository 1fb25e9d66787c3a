"""What both sides of the mapping call things, and which days weekly hours begin and end on."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LOCATION = "X-APPOINTED-LOCATION"
VISIT_TYPE = "X-APPOINTED-VISIT-TYPE"
RELEASE = "X-APPOINTED-RELEASE-MINUTES"
VALID = "X-APPOINTED-VALID"
BREAK = "BREAK"
OPEN_END = ".."
# A Monday: hours that have always held begin in its week.
ANCHOR = date(1970, 1, 5)
WEEK = timedelta(days=7)


def first_day(valid_from: date | None, weekday: int) -> date:
    """The first such weekday of the validity."""
    start = valid_from or ANCHOR
    return start + timedelta(days=(weekday - start.weekday()) % 7)


def last_day(valid_until: date, weekday: int) -> date:
    """The last such weekday of the validity."""
    return valid_until - timedelta(days=(valid_until.weekday() - weekday) % 7)


def instant_at(day: date, minute: int, zone: str) -> datetime:
    """When a wall clock shows the minute of the day; in a gap, by the offset before it (RFC 5545 section 3.3.5)."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
