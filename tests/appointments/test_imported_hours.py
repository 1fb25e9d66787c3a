"""Hours given out and taken over as a calendar: the same afterwards, all or nothing, and no visit lost in silence."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from appointed.accounts.actor import Role
from appointed.availability.queries import hours_of
from appointed.availability.rules import HoursKind, openings
from appointed.core.db import Database, transaction
from appointed.locations import service as locations
from appointed.locations.models import Location

from ..access.world import contents_of
from ..availability.calendars import calendar, weekly
from ..support.clock import MONDAY
from ..support.factories import Clinic, Person
from ..support.faults import watched

PATH = "/availability/vavailability"
TEN = MONDAY.replace(hour=10)
TODAY = date(2031, 3, 3)
FIRST = (TODAY - date(1970, 1, 1)).days * 288
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    async def asked(method: str, who: Person, content: bytes | None = None, **params: Any) -> httpx.Response:
        headers = dict(who.headers) | {"content-type": "text/calendar"}
        return await client.request(method, PATH, content=content, params=params, headers=headers)

    return asked


@pytest.fixture
async def berlin(clinic: Clinic) -> Location:
    return await clinic.location(name="Berlin; House", timezone="Europe/Berlin")


@pytest.fixture
async def doctor(clinic: Clinic, berlin: Location) -> Person:
    """With hours of every kind."""
    made, checkup = await clinic.doctor(hours=False), await clinic.visit_type()
    day = {"valid_from": TODAY, "valid_until": TODAY}
    rows: list[tuple[tuple[int, int, int], dict[str, Any]]] = [
        ((0, 540, 1020), {"visit_type_ids": frozenset({checkup.id}), "release_minutes": 120}),
        ((5, 1320, 1740), {"valid_from": date(2031, 3, 5), "valid_until": date(2032, 3, 28)}),
        ((0, 720, 750), {"kind": HoursKind.BREAK}),
        ((0, 0, 600), {"kind": HoursKind.CLOSED, **day}),
        ((0, 1200, 1320), {"kind": HoursKind.EXTRA, **day}),
    ]
    for hours, more in rows:
        await clinic.hours(made.profile_id, *hours, location_id=berlin.id, **more)
    await clinic.hours(made.profile_id, 2, 540, 1020)
    return made


async def opened(clinic: Clinic, who: Person) -> list[Any]:
    """All that is open for two years, over every change of clocks."""
    async with clinic.database.reads() as session:
        hours = (await hours_of(session, [who.profile_id]))[who.profile_id]
    return openings(hours, FIRST, FIRST + 2 * 366 * 288)


async def test_hours_that_one_doctor_gives_out_and_another_takes_over_are_the_same(
    ask: Ask, clinic: Clinic, doctor: Person
) -> None:
    exported = await ask("GET", doctor, doctor_id=doctor.id)
    assert exported.headers["content-type"].startswith("text/calendar")
    assert exported.headers["content-disposition"] == 'attachment; filename="hours.ics"'
    assert Calendar.from_ical(exported.content).walk("VAVAILABILITY")
    other, before = await clinic.doctor(), await opened(clinic, doctor)
    imported = await ask("PUT", other, exported.content)
    assert imported.status_code == 200, imported.text
    assert (imported.json()["added"], imported.json()["removed"], imported.json()["affected"]) == (5, 6, []), (
        "the clinic's Wednesdays they have both"
    )
    assert before
    assert await opened(clinic, other) == await opened(clinic, doctor) == before
    rows = await contents_of(clinic)
    again = await ask("PUT", other, exported.content)
    assert (again.json()["added"], again.json()["removed"]) == (0, 0)
    assert again.json()["hours"] == imported.json()["hours"]
    assert await contents_of(clinic) == rows, "what is there just so stays"


async def test_hours_that_are_not_in_the_calendar_say_who_stood_on_them(
    ask: Ask, clinic: Clinic, berlin: Location
) -> None:
    desk, doctor, patient = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor(), await clinic.patient()
    hit = await clinic.visit(patient, doctor, TEN)
    content = weekly(LOCATION=":Berlin\\; House", RRULE=":FREQ=WEEKLY;BYDAY=MO,TU")
    before = await contents_of(clinic)
    refused = await ask("PUT", desk, content, doctor_id=doctor.id)
    assert (refused.status_code, refused.json()["visits"]) == (409, [str(hit.id)])
    dry = await ask("PUT", desk, content, doctor_id=doctor.id, dry_run=True)
    assert (dry.status_code, [each["id"] for each in dry.json()["affected"]]) == (200, [str(hit.id)])
    assert await contents_of(clinic) == before
    kept = await ask("PUT", desk, content, doctor_id=doctor.id, visits="keep")
    assert (kept.status_code, kept.json()["affected"]) == (200, dry.json()["affected"])
    assert [each["weekday"] for each in kept.json()["hours"]] == ["monday", "tuesday"]
    visits = (await clinic_visits(clinic, hit.id), (await ask("GET", desk, doctor_id=doctor.id)).status_code)
    assert visits == (("booked", "hours_changed"), 200)
    assert (await ask("PUT", desk, content, doctor_id=doctor.id, visits="cancel")).status_code == 422


async def clinic_visits(clinic: Clinic, visit_id: Any) -> tuple[str, str | None]:
    rows = (await contents_of(clinic))["appointments"]
    (row,) = [each for each in rows if each.id == visit_id]
    return row.status, row.attention_code


async def test_what_cannot_be_hours_is_named_and_nothing_is_taken_over(
    ask: Ask, clinic: Clinic, doctor: Person, berlin: Location, sqlite_database: Database
) -> None:
    before, good = await contents_of(clinic), weekly(LOCATION=":Berlin\\; House")
    unknown = "X-APPOINTED-VISIT-TYPE:019b2f4e-7c1a-7000-8000-000000000001"
    for content, name in (
        (good.replace(b"BYDAY=MO", b"BYDAY=MO;BYSETPOS=1"), "VAVAILABILITY.0.AVAILABLE.0.RRULE"),
        (good.replace(b"T090000", b"T090100"), "VAVAILABILITY.0.AVAILABLE.0.DTSTART"),
        (weekly(), "VAVAILABILITY.0.AVAILABLE.0.LOCATION"), (b"BEGIN:VCALENDAR", "calendar"), (b"\xff", "calendar"),
        (weekly(unknown, LOCATION=":Berlin\\; House"), "visit_type_ids"),
    ):  # fmt: skip
        refused = await ask("PUT", doctor, content, visits="keep")
        assert (refused.status_code, [each["name"] for each in refused.json()["fields"]]) == (422, [name])
    assert (await ask("PUT", doctor, b"x" * 600_000)).json()["code"] == "calendar_too_large"
    assert (await ask("PUT", doctor, b"x" * 1_100_000)).json()["code"] == "body_too_large"
    assert (await ask("PUT", doctor)).json()["fields"][0]["name"] == "body"
    assert await contents_of(clinic) == before


async def test_a_calendar_by_which_a_doctor_is_at_two_places_at_once_is_refused(
    ask: Ask, clinic: Clinic, doctor: Person, berlin: Location
) -> None:
    lines = weekly(LOCATION=":Berlin\\; House").decode().split("\r\n")
    here = ["BEGIN:AVAILABLE", "DTSTART:20310303T100000Z", "DTEND:20310303T110000Z", "END:AVAILABLE"]
    at = lines.index("END:VAVAILABILITY")
    before = await contents_of(clinic)
    refused = await ask("PUT", doctor, "\r\n".join(lines[:at] + here + lines[at:]).encode(), visits="keep")
    assert (refused.status_code, refused.json()["code"]) == (409, "hours_overlap")
    assert refused.json()["first_at"] == "2031-03-03T10:00:00+00:00"
    assert await contents_of(clinic) == before


async def test_a_receptionist_of_one_place_takes_over_nothing_for_another(
    ask: Ask, clinic: Clinic, doctor: Person, berlin: Location, sqlite_database: Database
) -> None:
    local, boss = await clinic.staff(Role.RECEPTIONIST), await clinic.staff(Role.ADMIN)
    async with transaction(clinic.database.writes) as session:
        await locations.assign(session, boss.user_id, local.user_id, [berlin.id], now=clinic.clock.now())
    exported = (await ask("GET", local, doctor_id=doctor.id)).content
    assert (await ask("PUT", local, exported, doctor_id=doctor.id)).status_code == 200, "nothing changes anywhere"
    shorter = exported.replace(b"T170000", b"T160000")
    assert (await ask("PUT", local, shorter, doctor_id=doctor.id)).status_code == 403, "the clinic's hours are changed"
    assert (await ask("PUT", boss, shorter, doctor_id=doctor.id)).status_code == 200
    later = (await ask("GET", boss, doctor_id=doctor.id)).content.replace(b"T170000", b"T160000")
    there = later.replace(b"T133000", b"T123000")
    assert (await ask("PUT", local, there, doctor_id=doctor.id)).status_code == 200


async def test_a_long_calendar_takes_as_many_looks_as_a_short_one(
    ask: Ask, clinic: Clinic, sqlite_database: Database
) -> None:
    counts = []
    for count in (3, 300):
        who = await clinic.doctor(hours=False)
        lines = [
            line for number in range(count)
            for line in ("BEGIN:AVAILABLE", f"DTSTART:{day_after(number):%Y%m%d}T090000Z", "DURATION:PT1H",
                         "END:AVAILABLE")
        ]  # fmt: skip
        content = calendar("BEGIN:VAVAILABILITY", *lines, "END:VAVAILABILITY")
        with watched(sqlite_database) as watch:
            assert (await ask("PUT", who, content)).json()["added"] == count
        counts.append(len([each for each in watch.statements if each.lstrip().startswith("SELECT")]))
    assert counts[0] == counts[1]


def day_after(number: int) -> datetime:
    return MONDAY + timedelta(days=number)
