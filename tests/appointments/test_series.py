"""Series over HTTP: every visit or none, with a report on each, at wall times of the location."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.locations.service import get_default
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

WEEK = timedelta(days=7)
TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def book(
    client: httpx.AsyncClient, who: Person, doctor: Person, start: datetime = TEN, *, dry_run: bool = False, **more: Any
) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "starts_at": start.isoformat()} | more
    params = {"dry_run": "true"} if dry_run else {}
    return await client.post("/appointments/series", json=body, params=params, headers=who.headers)


def starts_of(answer: httpx.Response) -> list[datetime]:
    return [datetime.fromisoformat(each["starts_at"]) for each in answer.json()["appointments"]]


async def test_every_visit_of_a_series_is_booked(client: httpx.AsyncClient, clinic: Clinic, database: Database) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    answer = await book(client, patient, doctor, every_weeks=2, count=4, reason="Physiotherapy")
    assert tally([answer]) == {"201": 1}
    assert starts_of(answer) == [TEN + 2 * WEEK * number for number in range(4)]
    assert answer.json()["rrule"] == "FREQ=WEEKLY;INTERVAL=2;COUNT=4"
    visits = answer.json()["appointments"]
    assert {(each["series_id"], each["reason"]) for each in visits} == {(answer.json()["id"], "Physiotherapy")}
    assert [each["series_number"] for each in visits] == [1, 2, 3, 4]
    read = await client.get(f"/appointments/series/{answer.json()['id']}", headers=patient.headers)
    assert read.json() == answer.json()
    assert await flaws(database) == []


async def test_one_time_that_somebody_has_stops_them_all_and_is_reported(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    await clinic.visit(await clinic.patient(), doctor, TEN + WEEK)
    answer = await book(client, patient, doctor, rrule="FREQ=WEEKLY;COUNT=3")
    assert tally([answer]) == {"409 slot_taken": 1}
    report = answer.json()["occurrences"]
    assert [(each["starts_at"], each["code"]) for each in report] == [
        ("2031-03-04T10:00:00Z", None), ("2031-03-11T10:00:00Z", "slot_taken"), ("2031-03-18T10:00:00Z", None)
    ]  # fmt: skip
    assert ["alternatives" in each for each in report] == [False, True, False]
    assert answer.json()["alternatives"] == report[1]["alternatives"] != []
    assert len((await remains(database)).visits) == 1
    assert await flaws(database) == []


async def test_what_applies_first_to_any_of_them_is_named(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    await clinic.visit(await clinic.patient(), doctor, TEN.replace(month=4))
    answer = await book(client, patient, doctor, rrule="FREQ=MONTHLY;COUNT=14")
    assert tally([answer]) == {"422 too_far_ahead": 1}
    codes = [each["code"] for each in answer.json()["occurrences"]]
    assert codes == [None, "slot_taken", *[None] * 10, "too_far_ahead", "too_far_ahead"]


async def test_a_dry_run_says_what_would_be_and_books_nothing(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    possible = await book(client, patient, doctor, every_weeks=1, count=3, dry_run=True)
    assert tally([possible]) == {"200": 1}
    assert possible.status_code == 200
    assert possible.json()["is_bookable"]
    await clinic.visit(await clinic.patient(), doctor, TEN)
    hindered = await book(client, patient, doctor, every_weeks=1, count=3, dry_run=True)
    assert hindered.status_code == 200
    assert not hindered.json()["is_bookable"]
    assert [each["code"] for each in hindered.json()["occurrences"]] == ["slot_taken", None, None]
    assert hindered.json()["occurrences"][0]["alternatives"]
    assert len((await remains(database)).visits) == 1
    assert await flaws(database) == []


@pytest.fixture
async def in_berlin(clinic: Clinic, database: Database) -> None:
    async with transaction(database.writes) as session:
        (await get_default(session)).timezone = "Europe/Berlin"


async def test_wall_time_stays_across_a_clock_change(
    client: httpx.AsyncClient, clinic: Clinic, in_berlin: None, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    first = datetime(2031, 3, 24, 9, 0, tzinfo=UTC)  # ten o'clock in winter
    answer = await book(client, patient, doctor, first, every_weeks=1, count=2)
    assert starts_of(answer) == [first, datetime(2031, 3, 31, 8, 0, tzinfo=UTC)]


async def test_a_time_that_the_clocks_skip_is_refused_by_name(
    client: httpx.AsyncClient, clinic: Clinic, in_berlin: None, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(hours=False), await clinic.patient()
    for weekday in range(7):
        await clinic.hours(doctor.profile_id, weekday, 0, 6 * 60)
    first = datetime(2031, 3, 29, 1, 30, tzinfo=UTC)  # half past two; the next night has none
    answer = await book(client, patient, doctor, first, rrule="FREQ=DAILY;COUNT=3")
    assert tally([answer]) == {"422 time_skipped": 1}
    assert [(each["starts_at"], each["wall_time"], each["code"]) for each in answer.json()["occurrences"]][1] == (
        None, "2031-03-30T02:30:00", "time_skipped"
    )  # fmt: skip
    dry = await book(client, patient, doctor, first, rrule="FREQ=DAILY;COUNT=3", dry_run=True)
    assert [each["code"] for each in dry.json()["occurrences"]] == [None, "time_skipped", None]


@pytest.mark.parametrize("times", [
    {}, {"rrule": "FREQ=WEEKLY;COUNT=2", "every_weeks": 1, "count": 2}, {"every_weeks": 1}, {"count": 3},
    {"every_weeks": 1, "count": 53}, {"every_weeks": 1, "count": 1}, {"every_weeks": 0, "count": 2},
])  # fmt: skip
async def test_the_times_are_named_in_one_way(
    times: dict[str, Any], client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    assert tally([await book(client, patient, doctor, **times)]) == {"422 invalid": 1}


async def test_a_rule_that_is_none_is_refused(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    answer = await book(client, patient, doctor, rrule="FREQ=WEEKLY;BYDAY=WE;COUNT=3")
    assert tally([answer]) == {"422 bad_recurrence": 1}
    assert answer.json()["fields"][0]["name"] == "rrule"


async def test_a_series_of_somebody_else_looks_like_a_missing_one(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, patient, stranger = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    series = (await book(client, desk, doctor, every_weeks=1, count=2, patient_id=str(patient.id))).json()
    path = f"/appointments/series/{series['id']}"
    statuses = [(await client.get(path, headers=who.headers)).status_code for who in (patient, doctor, desk, stranger)]
    assert statuses == [200, 200, 200, 404]
    answer = await book(client, stranger, doctor, TEN + timedelta(hours=1), every_weeks=1, count=2,
                        patient_id=str(patient.id))  # fmt: skip
    assert tally([answer]) == {"422 invalid": 1}


async def test_who_asks_for_a_length_gets_it_every_time(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    answer = await book(client, desk, doctor, ends_at=(TEN + timedelta(minutes=50)).isoformat(), every_weeks=1, count=2,
                        patient_id=str(patient.id))  # fmt: skip
    lengths = [
        datetime.fromisoformat(each["ends_at"]) - datetime.fromisoformat(each["starts_at"])
        for each in answer.json()["appointments"]
    ]
    assert lengths == [timedelta(minutes=50)] * 2
