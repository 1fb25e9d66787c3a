"""Times as a letter spells them: on the clock of the place, with its zone's name and its offset; pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip


def spelled(starts_at: datetime, zone: str, ends_at: datetime | None = None) -> str:
    """`Monday, 3 March 2031, 09:00 to 09:30 (Europe/Berlin, UTC+01:00)`.

    An end on another day, or on the other side of a clock change, is spelled as fully as the start.
    """
    start = starts_at.astimezone(ZoneInfo(zone))
    end = ends_at.astimezone(ZoneInfo(zone)) if ends_at else start
    if start.utcoffset() != end.utcoffset():
        return f"{_moment(start)} ({_offset(start)}) to {_moment(end)} ({_offset(end)}), {zone}"
    until = f"{end:%H:%M}" if start.date() == end.date() else _moment(end)
    period = f"{_moment(start)} to {until}" if ends_at else _moment(start)
    return f"{period} ({'UTC' if zone == 'UTC' else f'{zone}, {_offset(start)}'})"


def _moment(moment: datetime) -> str:
    return f"{WEEKDAYS[moment.weekday()]}, {moment.day} {MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}"


def _offset(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    minutes = abs(offset) // timedelta(minutes=1)
    return f"UTC{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
