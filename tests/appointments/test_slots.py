"""Free times over HTTP: who may ask for whom, and in which shapes they are answered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.crowds import hire
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.related import relate

TUESDAY = datetime(2031, 3, 4, tzinfo=UTC)


async def send(client: httpx.AsyncClient, who: Person | None, path: str = "/slots", **params: Any) -> httpx.Response:
    days = {"from": "2031-03-04", "to": "2031-03-04"}
    return await client.get(path, params=days | params, headers=dict(who.headers) if who else {})


async def listed(client: httpx.AsyncClient, who: Person | None, **params: Any) -> list[dict[str, Any]]:
    answer = await send(client, who, **params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["slots"]
    return found


def times_of(slots: list[dict[str, Any]]) -> list[str]:
    return [slot["starts_at"][11:16] for slot in slots]


# --- filters ---------------------------------------------------------------------------------------------------------


async def test_each_time_names_doctor_place_type_and_the_kind_of_room(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    doctor, place = await clinic.doctor(hours=False), await clinic.location(timezone="Europe/Berlin")
    await clinic.room(place.id, "treatment")
    kind = await clinic.visit_type(room_kind="treatment", length_minutes=45)
    await clinic.hours(doctor.profile_id, 1, 9 * 60, 10 * 60, location_id=place.id)
    expected = {
        "doctor_id": str(doctor.id), "location_id": str(place.id), "visit_type_id": str(kind.id),
        "starts_at": "2031-03-04T08:00:00Z", "ends_at": "2031-03-04T08:45:00Z", "room_kind": "treatment",
    }  # fmt: skip
    assert await listed(client, None, visit_type_id=kind.id) == [expected]
    assert await listed(client, None, doctor_id=doctor.id, location_id=place.id, visit_type_id=kind.id) == [expected]
    assert await listed(client, None, location_id=place.id, part_of_day="afternoon") == []


async def test_several_doctors_are_named_by_repeating_them(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    one, two, _ = [await clinic.doctor() for _ in range(3)]
    found = await listed(client, None, doctor_id=[one.id, two.id, one.id], part_of_day="morning")
    assert times_of(found) == ["09:00", "09:00", "09:30", "09:30", "10:00", "10:00", "10:30", "10:30", "11:00", "11:00",
                               "11:30", "11:30"]  # fmt: skip
    assert [slot["doctor_id"] for slot in found[:2]] == sorted([str(one.id), str(two.id)])


async def test_days_of_the_week_and_parts_of_the_day_are_those_of_the_location(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, place = await clinic.doctor(hours=False), await clinic.location(timezone="Pacific/Auckland")
    await clinic.hours(doctor.profile_id, 3, 16 * 60, 18 * 60, location_id=place.id)
    week = {"from": "2031-03-03", "to": "2031-03-09"}
    for part, expected in (("afternoon", ["03:00", "03:30"]), ("evening", ["04:00", "04:30"]), ("morning", [])):
        found = await listed(client, None, part_of_day=part, weekday=["thursday", "sunday"], **week)
        assert times_of(found) == expected
    assert await listed(client, None, weekday="wednesday", **week) == []
    days = (await send(client, None, "/slots/days", **week)).json()["days"]
    assert days == [{"date": "2031-03-06", "free": 4}]


async def test_without_names_the_first_two_hundred_times_are_listed(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctors = await hire(clinic, 30)
    assert len(await listed(client, None)) == 200
    assert len(await listed(client, None, limit=7)) == 7
    assert len(await listed(client, None, doctor_id=doctors)) == 30 * 16
    nearest = await listed(client, None, per_doctor=2)
    assert times_of(nearest) == ["09:00"] * 30 + ["09:30"] * 30


async def test_times_are_counted_of_no_more_doctors_than_can_be_looked_at(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    await hire(clinic, 200)
    month = {"from": "2031-03-01", "to": "2031-03-31"}
    days = (await send(client, None, "/slots/days", **month)).json()["days"]
    assert {day["date"]: day["free"] for day in days[:2]} == {"2031-03-03": 16 * 200, "2031-03-04": 16 * 200}
    assert len(days) == 21
    await hire(clinic, 1)
    refused = (await send(client, None, "/slots/days", **month)).json()
    assert [(field["name"], field["code"]) for field in refused["fields"]] == [("doctor_id", "too_many")]


async def test_what_is_held_is_not_listed_until_the_hold_is_over(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    held = {"doctor_id": str(doctor.id), "starts_at": TUESDAY.replace(hour=9).isoformat()}
    assert tally([await client.post("/appointments/holds", json=held, headers=patient.headers)]) == {"201": 1}
    assert times_of(await listed(client, None, limit=1)) == ["09:30"]
    clock.advance(timedelta(minutes=5))
    assert times_of(await listed(client, None, limit=1)) == ["09:00"]


# --- for whom --------------------------------------------------------------------------------------------------------


async def test_who_has_as_many_visits_as_are_allowed_sees_no_times_and_books_none(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient, desk = await clinic.doctor(), await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    for number in range(clinic.settings.max_upcoming):
        assert await listed(client, patient, doctor_id=doctor.id)
        start = TUESDAY + timedelta(days=10 + number // 10, hours=9 + number % 10 // 2, minutes=number % 2 * 30)
        await clinic.visit(patient, doctor, start)
    assert await listed(client, patient, doctor_id=doctor.id) == await listed(client, patient) == []
    body = {"doctor_id": str(doctor.id), "starts_at": TUESDAY.replace(hour=9).isoformat()}
    booked = await client.post("/appointments", json=body, headers=patient.headers)
    assert tally([booked]) == {"422 quota_reached": 1}
    assert len(await listed(client, desk, doctor_id=doctor.id, patient_id=patient.id)) == 16


async def test_times_for_a_family_name_the_start_of_every_member(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    doctor, me, child = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    await relate(clinic, me, child)
    await clinic.visit(child, await clinic.doctor(), TUESDAY.replace(hour=10))
    family = await listed(client, me, doctor_id=doctor.id, patient_id=[child.id, me.id], part_of_day="morning")
    # The child is somewhere else at ten, so it cannot be first then.
    assert times_of(family) == ["09:00", "09:30", "10:30", "11:00", "11:30"]
    assert family[0]["members"] == [
        {"patient_id": str(child.id), "starts_at": "2031-03-04T09:00:00Z", "ends_at": "2031-03-04T09:30:00Z"},
        {"patient_id": str(me.id), "starts_at": "2031-03-04T09:30:00Z", "ends_at": "2031-03-04T10:00:00Z"},
    ]
    assert (family[0]["starts_at"], family[0]["ends_at"]) == ("2031-03-04T09:00:00Z", "2031-03-04T10:00:00Z")
    body = {key: family[-1][key] for key in ("doctor_id", "location_id", "visit_type_id", "starts_at")}
    members = [{"patient_id": each["patient_id"]} for each in family[-1]["members"]]
    booked = await client.post("/appointments/family", json=body | {"members": members}, headers=me.headers)
    assert [visit["starts_at"] for visit in booked.json()["appointments"]] == [
        each["starts_at"] for each in family[-1]["members"]
    ]


async def test_so_many_who_are_not_named_are_anybody(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    await clinic.visit(patient, doctor, TUESDAY.replace(hour=10))
    for who in (None, patient):
        found = await listed(client, who, members=3, part_of_day="morning", per_doctor=2)
        assert times_of(found) == ["10:30", "11:00"], "from nine there is an hour only"
        assert [member["patient_id"] for member in found[0]["members"]] == [None] * 3
    days = (await send(client, patient, "/slots/days", members=3)).json()["days"]
    assert days == [{"date": "2031-03-04", "free": 11}]


@pytest.mark.parametrize("path", ["/slots", "/slots/days"])
async def test_a_family_is_asked_for_by_who_may_book_for_each_of_them(
    path: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    await clinic.doctor()
    me, child, reader, stranger = [await clinic.patient() for _ in range(4)]
    await relate(clinic, me, child)
    await relate(clinic, reader, child, may_book=False)
    desk, nurse = await clinic.staff(Role.RECEPTIONIST), await clinic.staff(Role.NURSE)
    for who, status in [(me, 200), (child, 403), (reader, 403), (desk, 200), (nurse, 403), (None, 401)]:
        answer = await send(client, who, path, patient_id=[me.id, child.id])
        assert answer.status_code == status, who
    assert (await send(client, me, path, patient_id=[child.id, stranger.id])).status_code == 403
    assert (await send(client, me, path, patient_id=[me.id, child.id], members=2)).status_code == 200
    for wrong in ({"patient_id": [me.id, me.id]}, {"patient_id": [me.id, child.id], "members": 3},
                  {"patient_id": me.id, "members": 2}):  # fmt: skip
        assert tally([await send(client, me, path, **wrong)]) == {"422 invalid": 1}
