"""Setting hours over HTTP: two places at once, exceptions by date, and who may."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.locations.models import Location, StaffAssignment

from ..support.factories import Clinic, Person

WEEKLY = {"weekday": "monday", "start_time": "09:00", "end_time": "12:00"}
Ask = Callable[..., Awaitable[httpx.Response]]


async def location(clinic: Clinic, timezone: str = "UTC") -> UUID:
    async with transaction(clinic.database.writes) as session:
        made = Location(id=new_id(), name="Branch", timezone=timezone, is_active=True, created_at=clinic.clock.now())
        session.add(made)
    return made.id


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor(hours=False)


@pytest.fixture
async def ask(client: httpx.AsyncClient, clinic: Clinic, doctor: Person) -> Ask:
    desk = await clinic.staff(Role.RECEPTIONIST)

    async def asked(method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        body = body | {"doctor_id": str(doctor.id)} if method == "POST" else body
        return await client.request(method, path, json=body, **({"headers": desk.headers} | more))

    return asked


async def test_a_doctor_is_not_at_two_places_at_once(ask: Ask, clinic: Clinic) -> None:
    branch = str(await location(clinic, "Europe/Berlin"))
    first = (await ask("POST", "/availability", WEEKLY)).json()["id"]
    # 12:30 in Berlin is 11:30 here, and in summer 10:30.
    there = WEEKLY | {"start_time": "12:30", "end_time": "14:00", "location_id": branch}
    refused = await ask("POST", "/availability", there)
    assert (refused.status_code, refused.json()["code"]) == (409, "hours_overlap")
    assert (refused.json()["hours"], refused.json()["first_at"]) == ([first], "2031-03-03T11:30:00+00:00")
    late = there | {"start_time": "14:00", "end_time": "16:00"}
    second = await ask("POST", "/availability", late)
    assert second.status_code == 201
    moved = await ask("PATCH", f"/availability/{second.json()['id']}", {"start_time": "13:30"})
    assert (moved.status_code, moved.json()["hours"]) == (409, [first])
    assert (await ask("POST", "/availability", WEEKLY)).status_code == 201, "at one place hours may overlap"


async def test_who_is_called_to_another_place_for_a_day_closes_the_first(
    ask: Ask, clinic: Clinic, sqlite_database: object
) -> None:
    branch = str(await location(clinic))
    await ask("POST", "/availability", WEEKLY)
    there = {"on_date": "2031-03-10", "kind": "extra", "start_time": "10:00", "end_time": "11:00",
             "location_id": branch}  # fmt: skip
    assert (await ask("POST", "/availability/exceptions", there)).json()["code"] == "hours_overlap"
    closed = (await ask("POST", "/availability/exceptions", {"on_date": "2031-03-10", "kind": "closed"})).json()
    assert (closed["start_time"], closed["end_time"], closed["ends_next_day"]) == ("00:00", "00:00", True)
    assert (await ask("POST", "/availability/exceptions", there)).status_code == 201
    opened = await ask("DELETE", f"/availability/{closed['id']}")
    assert (opened.status_code, opened.json()["code"]) == (409, "hours_overlap")


async def test_hours_are_listed_by_kind(ask: Ask, doctor: Person, sqlite_database: object) -> None:
    await ask("POST", "/availability", WEEKLY | {"release_minutes": 120})
    await ask("POST", "/availability", WEEKLY | {"kind": "break", "start_time": "10:00", "end_time": "10:15"})
    await ask("POST", "/availability/exceptions", {"on_date": "2031-03-11", "kind": "closed"})
    extra = {"on_date": "2031-03-12", "kind": "extra", "start_time": "18:00", "end_time": "20:00"}
    made = (await ask("POST", "/availability/exceptions", extra)).json()
    assert (made["weekday"], made["valid_from"], made["valid_until"]) == ("wednesday", "2031-03-12", "2031-03-12")
    query: dict[str, Any] = {"doctor_id": str(doctor.id)}
    every = (await ask("GET", "/availability", params=query)).json()["items"]
    assert [each["kind"] for each in every] == ["open", "break", "closed", "extra"]
    assert [each["release_minutes"] for each in every] == [120, None, None, None]
    some = (await ask("GET", "/availability", params=query | {"kind": ["break", "extra"]})).json()["items"]
    assert [each["kind"] for each in some] == ["break", "extra"]
    profile = (await ask("GET", f"/doctors/{doctor.id}")).json()
    assert [each["kind"] for each in profile["hours"]] == ["open"]
    shifted = await ask("PATCH", f"/availability/{made['id']}", {"end_time": "21:00"})
    assert (shifted.json()["kind"], shifted.json()["end_time"]) == ("extra", "21:00")
    elsewhen = await ask("PATCH", f"/availability/{made['id']}", {"valid_from": "2031-03-05"})
    assert (elsewhen.status_code, elsewhen.json()["fields"][0]["name"]) == (422, "weekday")


async def test_receptionists_set_the_hours_of_where_they_work(
    ask: Ask, client: httpx.AsyncClient, clinic: Clinic, doctor: Person, sqlite_database: object
) -> None:
    branch, other, desk = await location(clinic), await location(clinic), await clinic.staff(Role.RECEPTIONIST)
    async with transaction(clinic.database.writes) as session:
        session.add(StaffAssignment(user_id=desk.user_id, location_id=branch))
    there, elsewhere = WEEKLY | {"location_id": str(branch)}, WEEKLY | {"weekday": "friday", "location_id": str(other)}
    made = await ask("POST", "/availability", there, headers=desk.headers)
    assert made.status_code == 201
    leave = {"kind": "leave", "starts_on": "2031-04-01", "ends_on": "2031-04-02", "reason_code": "training"}
    assert (await ask("POST", "/availability/time-off", leave, headers=desk.headers)).status_code == 201
    assert (await ask("POST", "/availability", elsewhere, headers=desk.headers)).status_code == 403
    path = f"/availability/{made.json()['id']}"
    moved = await ask("PATCH", path, {"location_id": str(other)}, headers=desk.headers)
    assert moved.status_code == 403
    away = await clinic.doctor()
    strange = {**leave, "doctor_id": str(away.id)}
    refused = await client.request("POST", "/availability/time-off", json=strange, headers=desk.headers)
    assert refused.status_code == 403
    assert (await ask("DELETE", path, headers=doctor.headers)).status_code == 200
