"""What is said of hours, places and holidays over HTTP is what is listed and booked."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role

from ..support.clock import FixedClock
from ..support.factories import Clinic, Person

Ask = Callable[..., Awaitable[httpx.Response]]
MONDAY = {"weekday": "monday", "start_time": "09:00", "end_time": "10:00"}


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor(hours=False)


@pytest.fixture
def ask(client: httpx.AsyncClient, admin: Person, doctor: Person) -> Ask:
    async def asked(
        method: str, path: str, body: Any = None, who: Person | None = None, **params: Any
    ) -> httpx.Response:
        if method == "POST":
            body = {"doctor_id": str(doctor.id)} | body
        return await client.request(method, path, json=body, params=params, headers=dict((who or admin).headers))

    return asked


async def free(ask: Ask, doctor: Person, first: str, last: str, **more: Any) -> list[str]:
    """The starts that are listed, as `03T09:00`."""
    answer = await ask("GET", "/slots", None, doctor_id=str(doctor.id), **{"from": first, "to": last}, **more)
    assert answer.status_code == 200, answer.text
    return sorted({slot["starts_at"][8:16] for slot in answer.json()["slots"]})


async def book(ask: Ask, clinic: Clinic, at: str, who: Person | None = None, **more: Any) -> str:
    """What booking for somebody new is answered."""
    patient = await clinic.patient()
    answer = await ask("POST", "/appointments", {"starts_at": at, "patient_id": str(patient.id)} | more, who)
    return "booked" if answer.is_success else str(answer.json()["code"])


async def test_hours_go_on_past_midnight_and_there_may_be_several_a_day(
    ask: Ask, clinic: Clinic, doctor: Person
) -> None:
    evening: dict[str, Any] = {"start_time": "23:00", "end_time": "01:00", "ends_next_day": True}
    for times in ({}, {"start_time": "14:00", "end_time": "15:00"}, evening):
        assert (await ask("POST", "/availability", MONDAY | times)).status_code == 201
    assert await free(ask, doctor, "2031-03-03", "2031-03-04") == [
        "03T09:00", "03T09:30", "03T14:00", "03T14:30", "03T23:00", "03T23:30", "04T00:00", "04T00:30",
    ]  # fmt: skip
    assert await book(ask, clinic, "2031-03-03T23:45:00Z") == "off_grid"
    assert await book(ask, clinic, "2031-03-04T00:00:00Z") == "booked"
    assert await book(ask, clinic, "2031-03-04T01:00:00Z") == "outside_hours"


async def test_hours_hold_while_they_are_valid(ask: Ask, doctor: Person, sqlite_database: object) -> None:
    valid = {"valid_from": "2031-03-05", "valid_until": "2031-03-17"}
    assert (await ask("POST", "/availability", MONDAY | valid)).status_code == 201
    assert {start[:2] for start in await free(ask, doctor, "2031-03-03", "2031-03-31")} == {"10", "17"}


async def test_places_that_are_kept_for_the_same_day_are_released_hours_before(
    ask: Ask, clinic: Clinic, doctor: Person, clock: FixedClock
) -> None:
    assert (await ask("POST", "/availability", MONDAY | {"release_minutes": 120})).status_code == 201
    assert await free(ask, doctor, "2031-03-03", "2031-03-10") == ["03T09:00", "03T09:30"], "it is eight o'clock"
    assert await book(ask, clinic, "2031-03-10T09:00:00Z") == "too_far_ahead"
    clock.advance(timedelta(days=6, hours=22, minutes=59))
    later = await clinic.staff(Role.ADMIN)
    assert await book(ask, clinic, "2031-03-10T09:00:00Z", who=later) == "too_far_ahead"
    clock.advance(timedelta(minutes=1))
    assert await book(ask, clinic, "2031-03-10T09:00:00Z", who=later) == "booked"


async def test_hours_for_some_visit_types_are_for_no_other(
    ask: Ask, clinic: Clinic, doctor: Person, sqlite_database: object
) -> None:
    checkup = await clinic.visit_type()
    limited = MONDAY | {"visit_type_ids": [str(checkup.id)]}
    assert (await ask("POST", "/availability", limited)).status_code == 201
    assert await free(ask, doctor, "2031-03-03", "2031-03-03") == []
    assert await free(ask, doctor, "2031-03-03", "2031-03-03", visit_type_id=checkup.id) == ["03T09:00", "03T09:30"]
    assert await book(ask, clinic, "2031-03-03T09:00:00Z") == "not_offered"
    assert await book(ask, clinic, "2031-03-03T09:00:00Z", visit_type_id=str(checkup.id)) == "booked"


async def test_nobody_is_booked_on_a_holiday_of_the_region(ask: Ask, clinic: Clinic, doctor: Person) -> None:
    for region, code in (("BY", "holiday"), ("NW", "booked")):
        place = await clinic.location(country="DE", region=region)
        hours = {"weekday": "tuesday", "location_id": str(place.id)}
        made = (await ask("POST", "/availability", MONDAY | hours)).json()
        listed = ["06T09:00", "06T09:30"] if code == "booked" else []
        assert await free(ask, doctor, "2032-01-06", "2032-01-06") == listed
        assert await book(ask, clinic, "2032-01-06T09:00:00Z", location_id=str(place.id)) == code
        assert (await ask("DELETE", f"/availability/{made['id']}", visits="keep")).status_code == 200


async def test_the_way_between_two_places_is_a_buffer(ask: Ask, clinic: Clinic, doctor: Person) -> None:
    places = [str((await clinic.location(name=name)).id) for name in ("North Street", "South Street")]
    await ask("PUT", f"/locations/{places[0]}/travel/{places[1]}", {"minutes": 45})
    for place, times in zip(places, (("09:00", "12:00"), ("12:00", "15:00")), strict=True):
        hours = {"location_id": place, "start_time": times[0], "end_time": times[1]}
        assert (await ask("POST", "/availability", MONDAY | hours)).status_code == 201
    assert await book(ask, clinic, "2031-03-03T11:30:00Z") == "booked"
    assert (await free(ask, doctor, "2031-03-03", "2031-03-03"))[-5:] == [
        "03T11:00", "03T13:00", "03T13:30", "03T14:00", "03T14:30",
    ]  # fmt: skip
    assert await book(ask, clinic, "2031-03-03T12:30:00Z") == "travel_time"
    assert await book(ask, clinic, "2031-03-03T13:00:00Z") == "booked"
