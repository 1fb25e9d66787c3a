"""Calendars as other programs write them, and hours that are to become one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from appointed.availability.rules import Hours, HoursKind
from appointed.availability.service import WeeklyHours
from appointed.availability.vavailability import Place, Written, write

NOW = datetime(2031, 3, 1, tzinfo=UTC)
TODAY = date(2031, 3, 3)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Nuuk", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Africa/Casablanca", "Pacific/Apia")  # fmt: skip
PLACES = [
    Place(UUID(int=number + 1), f"Zone {number}; “{zone}”, House", zone, is_default=not number)
    for number, zone in enumerate(ZONES)
]
BERLIN = PLACES[1]
DOCTOR = UUID(int=99)


def weekly(*lines: str, **changes: str) -> bytes:
    """A calendar with hours from nine to five on Mondays in Berlin; what is changed to nothing is left out."""
    said: Mapping[str, str] = {
        "UID": ":a", "DTSTAMP": ":20310301T080000Z", "DTSTART": ";TZID=Europe/Berlin:20310303T090000",
        "DTEND": ";TZID=Europe/Berlin:20310303T170000", "RRULE": ":FREQ=WEEKLY;BYDAY=MO",
        "LOCATION": f":{BERLIN.name.replace(';', chr(92) + ';').replace(',', chr(92) + ',')}",
    } | changes  # fmt: skip
    body = [f"{name}{value}" for name, value in said.items() if value]
    return calendar("BEGIN:VAVAILABILITY", "BEGIN:AVAILABLE", *body, *lines, "END:AVAILABLE", "END:VAVAILABILITY")


def calendar(*lines: str) -> bytes:
    return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", "")).encode()


def written(*hours: WeeklyHours) -> bytes:
    places = {place.id: place for place in PLACES}
    rows = [
        Written(UUID(int=number), each, places[each.location_id or PLACES[0].id]) for number, each in enumerate(hours)
    ]
    return write(DOCTOR, rows, NOW)


def as_known(hours: WeeklyHours) -> Hours:
    """As the rules know them."""
    (place,) = [place for place in PLACES if place.id == hours.location_id]
    return Hours(place.id, place.timezone, hours.weekday, hours.start_minute, hours.end_minute, hours.valid_from,
                 hours.valid_until, hours.visit_type_ids, hours.kind, hours.release_minutes)  # fmt: skip


days = st.dates(TODAY - timedelta(days=400), TODAY + timedelta(days=800))
minutes = st.integers(0, 287).map(lambda number: number * 5)


@st.composite
def all_hours(draw: st.DrawFn) -> WeeklyHours:
    """Hours of whatever kind."""
    kind = draw(st.sampled_from(HoursKind))
    start = draw(minutes)
    end = start + draw(st.integers(1, 288)) * 5
    first, last = draw(st.none() | days), draw(st.none() | days)
    weekday = draw(st.integers(0, 6))
    if kind in (HoursKind.EXTRA, HoursKind.CLOSED):
        first = last = draw(days)
        weekday = first.weekday()
    if first and last and first > last:
        first, last = last, first
    more: dict[str, Any] = {}
    if kind in (HoursKind.OPEN, HoursKind.EXTRA):
        ids = st.integers(1, 9).map(lambda number: UUID(int=number))
        more = {"visit_type_ids": draw(st.frozensets(ids, max_size=3)),
                "release_minutes": draw(st.none() | st.sampled_from([5, 120, 20_160]))}  # fmt: skip
    place = draw(st.sampled_from(PLACES))
    return WeeklyHours(weekday, start, end, first, last, place.id, kind=kind, **more)
