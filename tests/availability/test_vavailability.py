"""Hours as iCalendar documents: what is written is read again, and what hours cannot be is refused by name."""

from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from appointed.availability.rules import HoursKind, openings
from appointed.availability.service import WeeklyHours
from appointed.availability.vavailability import CalendarTooLarge, placed, read
from appointed.availability.vavailability.parts import MOST_BYTES, MOST_PARTS
from appointed.core.errors import Invalid

from .calendars import BERLIN, PLACES, TODAY, all_hours, as_known, calendar, weekly, written

FIRST = (TODAY - date(1970, 1, 1)).days * 288
TWO_YEARS = 2 * 366 * 288
MONDAYS = WeeklyHours(0, 540, 1020, date(2031, 3, 3), None, BERLIN.id)


def hours_in(content: bytes) -> list[WeeklyHours]:
    return placed(read(content), PLACES)


def opened(hours: list[WeeklyHours]) -> Counter[Any]:
    return Counter(openings([as_known(each) for each in hours], FIRST, FIRST + TWO_YEARS))


def is_ever(hours: WeeklyHours) -> bool:
    first, last = hours.valid_from, hours.valid_until
    if last is None:
        return True
    return last - timedelta(days=(last.weekday() - hours.weekday) % 7) >= (first or date.min)


@settings(max_examples=150, deadline=None)
@given(st.lists(all_hours(), max_size=6))
def test_what_is_written_is_read_and_opens_the_same_for_two_years(rows: list[WeeklyHours]) -> None:
    again = hours_in(written(*rows))
    assert Counter(again) == Counter(each for each in rows if is_ever(each))
    assert opened(again) == opened(rows)


def test_what_is_written_is_what_the_standard_says() -> None:
    one_day: dict[str, Any] = {"valid_from": TODAY, "valid_until": TODAY, "location_id": BERLIN.id}
    content = written(
        MONDAYS,
        WeeklyHours(0, 720, 750, location_id=BERLIN.id, kind=HoursKind.BREAK),
        WeeklyHours(0, 0, 1440, kind=HoursKind.CLOSED, **one_day),
        WeeklyHours(0, 1200, 1320, kind=HoursKind.EXTRA, **one_day),
    )
    document: Any = Calendar.from_ical(content)
    zone, base, event, closed = document.subcomponents
    assert [each.name for each in document.subcomponents] == ["VTIMEZONE", "VAVAILABILITY", "VEVENT", "VAVAILABILITY"]
    assert (str(zone["TZID"]), base.get("PRIORITY"), closed["PRIORITY"]) == ("Europe/Berlin", None, 1)
    assert [("RRULE" in each, each["DTSTART"].dt.isoformat()) for each in base.subcomponents] == [
        (True, "2031-03-03T09:00:00+01:00"), (False, "2031-03-03T20:00:00+01:00"),
    ]  # fmt: skip
    assert (event["RRULE"].to_ical(), event["TRANSP"]) == (b"FREQ=WEEKLY;BYDAY=MO", "OPAQUE")
    assert (closed["DTSTART"].dt.isoformat(), closed["DTEND"].dt.isoformat()) == (
        "2031-03-03T00:00:00+01:00", "2031-03-04T00:00:00+01:00",
    )  # fmt: skip
    for each in (base, *base.subcomponents, event, closed):
        assert {"UID", "DTSTAMP"} <= set(each), "the standard asks for them"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (weekly(), [MONDAYS]),
        (weekly(DTEND="", DURATION=":PT8H"), [MONDAYS]),
        (weekly(LOCATION="", **{"X-APPOINTED-LOCATION": f":{BERLIN.id}"}), [MONDAYS]),
        (weekly("SUMMARY:Seen\\, by\r\n  nobody", "X-OTHER;X-A=1:2"), [MONDAYS]),
        (weekly(RRULE=":FREQ=WEEKLY"), [MONDAYS]),
        (weekly(RRULE=":FREQ=WEEKLY;INTERVAL=1;WKST=SU;BYDAY=MO;UNTIL=20310331T070000Z"),
         [WeeklyHours(0, 540, 1020, TODAY, date(2031, 3, 31), BERLIN.id)]),
        (weekly(RRULE=":FREQ=WEEKLY;BYDAY=MO;UNTIL=20310331T065959Z"),
         [WeeklyHours(0, 540, 1020, TODAY, date(2031, 3, 24), BERLIN.id)]),
        (weekly(RRULE=":FREQ=WEEKLY;BYDAY=MO;UNTIL=20310330"),
         [WeeklyHours(0, 540, 1020, TODAY, date(2031, 3, 24), BERLIN.id)]),
        (weekly(RRULE=":FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20310312T000000Z"),
         [WeeklyHours(0, 540, 1020, TODAY, date(2031, 3, 10), BERLIN.id),
          WeeklyHours(2, 540, 1020, TODAY, date(2031, 3, 5), BERLIN.id)]),
        (weekly(DTEND=";TZID=Europe/Berlin:20310304T020000"),
         [WeeklyHours(0, 540, 1560, TODAY, None, BERLIN.id)]),
        (weekly(RRULE="", LOCATION="", DTSTART=":20310303T090000Z", DTEND=":20310303T100000Z"),
         [WeeklyHours(0, 540, 600, TODAY, TODAY, PLACES[0].id, kind=HoursKind.EXTRA)]),
        # Whoever moved DTSTART meant it, whatever was written beside it before.
        (weekly("X-APPOINTED-VALID:20310301/.."),
         [WeeklyHours(0, 540, 1020, date(2031, 3, 1), None, BERLIN.id)]),
        (weekly("X-APPOINTED-VALID:20310201/.."), [MONDAYS]),
        (weekly("X-APPOINTED-VALID:20310301/20311399"), [MONDAYS]),
        (calendar("BEGIN:VAVAILABILITY", "UID:a", "END:VAVAILABILITY"), []),
        (calendar(), []),
    ],
)  # fmt: skip
def test_what_other_programs_write_is_understood(content: bytes, expected: list[WeeklyHours]) -> None:
    assert sorted(hours_in(content), key=repr) == sorted(expected, key=repr)


def test_a_time_that_is_closed_from_end_to_end_is_cut_by_the_day() -> None:
    shut = ("BEGIN:VAVAILABILITY", "DTSTART;TZID=Europe/Berlin:20310303T120000",
            "DTEND;TZID=Europe/Berlin:20310305T080000", "PRIORITY:5", "END:VAVAILABILITY")  # fmt: skip
    content = weekly().replace(b"END:VCALENDAR", "\r\n".join((*shut, "END:VCALENDAR")).encode())
    closed = [each for each in hours_in(content) if each.kind is HoursKind.CLOSED]
    assert [(each.valid_from, each.start_minute, each.end_minute) for each in closed] == [
        (date(2031, 3, 3), 720, 1440), (date(2031, 3, 4), 0, 1440), (date(2031, 3, 5), 0, 480),
    ]  # fmt: skip
    assert {each.location_id for each in closed} == {BERLIN.id}, "where none is named, wherever there are hours"
    lower = content.replace(b"PRIORITY:5", b"PRIORITY:0")
    assert refusal(lower) == ["VAVAILABILITY.1.PRIORITY"]


def refusal(content: bytes) -> list[str]:
    with pytest.raises(Invalid) as refused:
        hours_in(content)
    assert all(field.detail for field in refused.value.fields)
    return [field.name for field in refused.value.fields]


AVAILABLE = "VAVAILABILITY.0.AVAILABLE.0"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"RRULE": ":FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1"}, "RRULE"), ({"RRULE": ":FREQ=DAILY"}, "RRULE"),
        ({"RRULE": ":FREQ=MONTHLY;BYDAY=1MO"}, "RRULE"), ({"RRULE": ":FREQ=WEEKLY;INTERVAL=2"}, "RRULE"),
        ({"RRULE": ":FREQ=WEEKLY;COUNT=3"}, "RRULE"), ({"RRULE": ":FREQ=WEEKLY;BYDAY=TU"}, "RRULE"),
        ({"RRULE": ":FREQ=WEEKLY;BYDAY=MO,MO"}, "RRULE"), ({"RRULE": ":FREQ=WEEKLY;BYDAY=MO\r\nRRULE:FREQ=WEEKLY"},
         "RRULE"), ({"EXDATE": ";TZID=Europe/Berlin:20310310T090000"}, "EXDATE"),
        ({"RDATE": ":20310310T090000Z"}, "RDATE"), ({"DTSTART": ":20310303T090000"}, "DTSTART"),
        ({"DTSTART": ";VALUE=DATE:20310303"}, "DTSTART"), ({"DTSTART": ""}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Atlantis:20310303T090000"}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Berlin:20310303T090000Z"}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Berlin:20310303T090100"}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Berlin:20310303T090001"}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Vienna:20310303T090000", "DTEND": ";TZID=Europe/Vienna:20310303T100000"}, "DTSTART"),
        ({"DTSTART": ";TZID=Europe/Berlin:18000303T090000"}, "DTSTART"), ({"DTEND": ""}, "DTEND"),
        ({"DTEND": ";TZID=Europe/Berlin:20310303T090000"}, "DTEND"), ({"DURATION": ":PT1H"}, "DTEND"),
        ({"DTEND": ";TZID=Europe/Berlin:20310304T090500"}, "DTEND"), ({"DTEND": ":20310303T170000Z"}, "DTEND"),
        ({"DTEND": "", "DURATION": ":PT7M"}, "DURATION"), ({"LOCATION": ":Nowhere"}, "LOCATION"),
        ({"X-APPOINTED-LOCATION": ":here"}, "X-APPOINTED-LOCATION"),
        ({"X-APPOINTED-VISIT-TYPE": ":check-up"}, "X-APPOINTED-VISIT-TYPE"),
        ({"X-APPOINTED-RELEASE-MINUTES": ":7"}, "X-APPOINTED-RELEASE-MINUTES"),
        ({"X-APPOINTED-RELEASE-MINUTES": ":99999999999999999999"}, "X-APPOINTED-RELEASE-MINUTES"),
    ],
)  # fmt: skip
def test_what_hours_cannot_be_is_refused_by_the_name_of_the_component(changes: dict[str, str], name: str) -> None:
    assert refusal(weekly(**changes)) == [f"{AVAILABLE}.{name}"]


BROKEN = [
    ({"DTSTART": ";TZID=Europe:20310303T090000"}, AVAILABLE), ({"DTSTART": ":20319999T990000Z"}, AVAILABLE),
    ({"RRULE": ":FREQ=WEEKLY;UNTIL=99999999T999999Z"}, AVAILABLE), ({"RRULE": ":junk"}, AVAILABLE),
    ({"DTEND": "", "DURATION": ":P99999999999999999W"}, AVAILABLE), ({"PRIORITY": ":" + "9" * 1_900}, AVAILABLE),
    ({"RRULE": ":FREQ=WEEKLY;INTERVAL=" + "9" * 500}, AVAILABLE), ({"": "no colon"}, AVAILABLE),
    ({"RRULE": ":FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 9_999)}, AVAILABLE),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "name"), BROKEN)
def test_a_component_that_cannot_be_read_is_named(changes: dict[str, str], name: str) -> None:
    assert [each.removesuffix(".RRULE") for each in refusal(weekly(**changes))] == [name]


def test_every_component_that_does_not_fit_is_named_at_once() -> None:
    content = calendar(
        "BEGIN:VTODO", "END:VTODO", "BEGIN:VEVENT", "SUMMARY:Golf", "END:VEVENT", "BEGIN:X-NOTE", "END:X-NOTE",
        "BEGIN:VAVAILABILITY", "DTSTART:20310303T000000Z", "BEGIN:AVAILABLE", "END:AVAILABLE", "END:VAVAILABILITY",
        "BEGIN:VAVAILABILITY", "BEGIN:AVAILABLE", "END:AVAILABLE", "END:VAVAILABILITY",
        "BEGIN:VEVENT", "CATEGORIES:BREAK", "TRANSP:TRANSPARENT", "END:VEVENT",
        "BEGIN:VAVAILABILITY", "PRIORITY:1", "END:VAVAILABILITY",
    )  # fmt: skip
    assert refusal(content) == [
        "VTODO.0", "VEVENT.0.CATEGORIES", "VAVAILABILITY.0.DTSTART", "VAVAILABILITY.1", "VEVENT.1.TRANSP",
        "VAVAILABILITY.2.DTSTART",
    ]  # fmt: skip


def test_what_a_calendar_says_of_zones_is_not_followed() -> None:
    zone = ("BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "BEGIN:STANDARD", "DTSTART:16010101T000000",
            "RRULE:FREQ=SECONDLY", "TZOFFSETFROM:+2359", "TZOFFSETTO:-2359", "X:" + "y" * 9_999, "END:STANDARD",
            "END:VTIMEZONE")  # fmt: skip
    content = weekly().replace(b"VERSION:2.0", "\r\n".join(("VERSION:2.0", *zone)).encode())
    assert hours_in(content) == [MONDAYS]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"BEGIN:VCALENDAR", b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", weekly() * 2, b"x" + weekly(),
     b"END:VCALENDAR", b"BEGIN:\r\nEND:\r\n", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"{}",
     b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 900 + b"END:X\r\n" * 900 + b"END:VCALENDAR"],
)  # fmt: skip
def test_what_is_no_calendar_is_refused(content: bytes) -> None:
    assert refusal(content) == ["calendar"]


def test_a_calendar_that_is_too_long_is_refused() -> None:
    many = calendar(*["BEGIN:X-Y", "END:X-Y"] * MOST_PARTS)
    for content in (many, weekly("X:" + "\r\n  y" * MOST_BYTES)):
        with pytest.raises(CalendarTooLarge):
            read(content)
    assert refusal(weekly("X:" + "\r\n y" * 3_000)) == [AVAILABLE]


PIECES = [line + "\r\n" for line in weekly("BEGIN:VALARM", "END:VALARM").decode().split("\r\n")] + [
    "BEGIN:VEVENT\r\n", "END:VEVENT\r\n", "CATEGORIES:BREAK\r\n", "RRULE:FREQ=\r\n", "DURATION:-PT0S\r\n", ":\r\n",
    "UNTIL=\r\n", " \r\n", "PRIORITY:-1\r\n", "DTSTART;TZID=;VALUE=PERIOD:20310303T090000Z/PT1H\r\n", "\u2028", '"',
    "DTEND;VALUE=TIME:090000\r\n", "LOCATION;ALTREP=\"\r\n", "X-APPOINTED-VALID:\r\n", "RDATE;VALUE=X:1\r\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=9), max_size=25), st.binary(max_size=4))
def test_nothing_that_is_sent_is_a_defect(pieces: list[str], junk: bytes) -> None:
    inside = "".join(pieces).encode("utf-8", "replace")
    for content in (inside, calendar("BEGIN:VAVAILABILITY", "BEGIN:AVAILABLE") + inside,
                    weekly().replace(b"DTSTAMP:", inside + junk + b"DTSTAMP:"),
                    weekly().replace(b"T090000", junk), weekly().replace(b"FREQ=WEEKLY", inside)):  # fmt: skip
        with suppress(Invalid, CalendarTooLarge):
            hours_in(content)


def test_names_that_two_locations_have_say_nothing() -> None:
    twin = [*PLACES, type(BERLIN)(UUID(int=50), BERLIN.name, BERLIN.timezone)]
    with pytest.raises(Invalid) as refused:
        placed(read(weekly()), twin)
    assert [field.name for field in refused.value.fields] == [f"{AVAILABLE}.LOCATION"]
