"""From when to when a component goes, by whose clock on the wall."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from icalendar import Component

from appointed.availability.service import DAY_MINUTES, STEP_MINUTES
from appointed.locations.service import is_zone

from .unfit import Unfit

_A_DAY = timedelta(days=1)
_YEARS = range(1880, 2201)


@dataclass(frozen=True, slots=True)
class Wall:
    """Wall time, naive, of a zone; whole five minutes."""

    start: datetime
    end: datetime
    zone: str

    @property
    def minutes(self) -> int:
        return (self.end - self.start) // timedelta(minutes=1)

    def by_day(self) -> Iterator["Wall"]:
        """In one piece up to a day, else cut at every midnight."""
        start = self.start
        while start < self.end:
            midnight = datetime.combine(start.date() + _A_DAY, time())
            end = self.end if self.end - self.start <= _A_DAY else min(midnight, self.end)
            yield Wall(start, end, self.zone)
            start = end


def wall_of(component: Component, longest: timedelta = timedelta(minutes=DAY_MINUTES)) -> Wall:
    """`Unfit` unless it has a beginning and an end by one clock, on whole five minutes."""
    start, zone = _wall(component, "DTSTART")
    if ("DTEND" in component) == ("DURATION" in component):
        raise Unfit("DTEND", "Say when it ends by DTEND or by DURATION.")
    if "DTEND" in component:
        end, other = _wall(component, "DTEND")
        if other != zone:
            raise Unfit("DTEND", "It begins and ends by the same clock.")
    else:
        end = _after(start, component["DURATION"])
    if not timedelta() < end - start <= longest:
        raise Unfit("DTEND", f"It ends after it begins, and {longest.days} days after that at the most.")
    return Wall(start, end, zone)


def _wall(component: Component, name: str) -> tuple[datetime, str]:
    value = component.get(name)
    at = getattr(value, "dt", None)
    if value is None or isinstance(value, list) or not isinstance(at, datetime):
        raise Unfit(name, "Say it once, as a date with a time.")
    zone = _zone(name, value.params.get("TZID"), at)
    naive = at.replace(tzinfo=None)
    if naive.second or naive.microsecond or naive.minute % STEP_MINUTES:
        raise Unfit(name, "Times are multiples of five minutes.")
    if naive.year not in _YEARS:
        raise Unfit(name, f"It lies between the years {_YEARS.start} and {_YEARS.stop - 1}.")
    return naive, zone


def _zone(name: str, tzid: Any, at: datetime) -> str:
    if tzid is None and at.tzinfo is None:
        raise Unfit(name, "A time without a TZID is everybody's own.")
    if tzid is None:
        if at.utcoffset() != timedelta() or at.tzname() != "UTC":
            raise Unfit(name, "Say by TZID whose clock it is.")
        return "UTC"
    if not isinstance(tzid, str) or not is_zone(tzid):
        raise Unfit(name, "There is no such IANA time zone.")
    return tzid


def _after(start: datetime, duration: Any) -> datetime:
    length = getattr(duration, "dt", None)
    if not isinstance(length, timedelta) or length % timedelta(minutes=STEP_MINUTES):
        raise Unfit("DURATION", "Times are multiples of five minutes.")
    try:
        return start + length
    except OverflowError:
        raise Unfit("DURATION", "It is too long.") from None
