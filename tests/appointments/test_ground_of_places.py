"""A place takes ground too: by its clock, its holidays, the way to it, and by being in use no more, as by its rooms."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.locations.models import Location

from ..access.world import contents_of
from ..support.clock import MONDAY
from ..support.factories import Clinic, Person

TEN = MONDAY.replace(hour=10)
EPIPHANY = datetime.fromisoformat("2032-01-06T10:00:00+00:00")
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


@pytest.fixture
def ask(client: httpx.AsyncClient, admin: Person) -> Ask:
    async def asked(method: str, path: str, body: Any = None, **params: Any) -> httpx.Response:
        return await client.request(method, path, json=body, params=params, headers=dict(admin.headers))

    return asked


@pytest.fixture
async def north(clinic: Clinic) -> Location:
    return await clinic.location(country="DE", region="NW")


@pytest.fixture
async def doctor(clinic: Clinic, north: Location) -> Person:
    """With hours from nine to five on every day, in the north."""
    return await doctor_at(clinic, north.id)


async def doctor_at(clinic: Clinic, *places: UUID) -> Person:
    """From nine to five in the first place; in the second, if there is one, from five to nine in the evening."""
    made = await clinic.doctor(hours=False)
    for place, hours in zip(places, ((9, 17), (17, 21)), strict=False):
        for weekday in range(7):
            await clinic.hours(made.profile_id, weekday, hours[0] * 60, hours[1] * 60, location_id=place)
    return made


async def mark_of(ask: Ask, visit_id: UUID) -> tuple[str, str | None]:
    visit = (await ask("GET", f"/appointments/{visit_id}")).json()
    assert visit["needs_attention"] is (visit["attention_code"] is not None)
    return visit["status"], visit["attention_code"]


CHANGES = [
    ("another clock", "PATCH", "", {"timezone": "Asia/Tokyo"}, {"timezone": "UTC"}, "timezone_changed"),
    ("another calendar", "PATCH", "", {"region": "BY"}, {"region": "NW"}, "holidays_changed"),
    ("a closed day", "PUT", "/days/2032-01-06", {"is_open": False}, {"is_open": True}, "closed"),
]


@pytest.mark.parametrize(("name", "method", "path", "taking", "giving", "code"), CHANGES)
async def test_a_place_that_changes_marks_the_visits_it_hits_and_gives_them_back(
    name: str, method: str, path: str, taking: Any, giving: Any, code: str, ask: Ask, clinic: Clinic, north: Location,
    doctor: Person,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    hit = await clinic.visit(patient, doctor, EPIPHANY)
    elsewhere = await clinic.visit(patient, await clinic.doctor(), EPIPHANY + timedelta(hours=1))
    before = await contents_of(clinic)
    dry = await ask(method, f"/locations/{north.id}{path}", taking, dry_run=True)
    assert [each["id"] for each in dry.json()["affected"]] == [str(hit.id)]
    assert await contents_of(clinic) == before
    taken = await ask(method, f"/locations/{north.id}{path}", taking)
    assert (taken.status_code, taken.json()["affected"]) == (200, dry.json()["affected"])
    assert await mark_of(ask, hit.id) == ("booked", code)
    assert await mark_of(ask, elsewhere.id) == ("booked", None)
    assert (await ask(method, f"/locations/{north.id}{path}", giving)).json()["affected"] == []
    assert await mark_of(ask, hit.id) == ("booked", None)


async def test_a_holiday_that_was_worked_is_none_again_when_the_day_is_as_usual(
    ask: Ask, clinic: Clinic, doctor: Person, north: Location
) -> None:
    christmas = f"/locations/{north.id}/days/2031-12-25"
    opened = await ask("PUT", christmas, {"is_open": True})
    assert opened.json() == {
        "date": "2031-12-25", "name": "Christmas Day", "is_public": True, "is_open": True, "affected": [],
    }  # fmt: skip
    visit = await clinic.visit(await clinic.patient(), doctor, EPIPHANY.replace(year=2031, month=12, day=25))
    usual = await ask("DELETE", christmas)
    assert [each["id"] for each in usual.json()["affected"]] == [str(visit.id)]
    assert await mark_of(ask, visit.id) == ("booked", "holidays_changed")
    assert (await ask("DELETE", christmas)).status_code == 404


async def test_the_later_of_two_visits_is_marked_when_the_way_between_them_gets_longer(
    ask: Ask, clinic: Clinic, north: Location
) -> None:
    south = await clinic.location(name="South Street")
    doctor, path = await doctor_at(clinic, north.id, south.id), f"/locations/{north.id}/travel/{south.id}"
    assert (await ask("PUT", path, {"minutes": 30})).status_code == 200
    ends = TEN.replace(hour=16, minute=30)
    earlier = await clinic.visit(await clinic.patient(), doctor, TEN.replace(hour=16))
    later = await clinic.visit(await clinic.patient(), doctor, ends + timedelta(minutes=30))
    same_place = await clinic.visit(await clinic.patient(), doctor, ends + timedelta(minutes=60))
    assert (await ask("PUT", path, {"minutes": 30})).json()["affected"] == []
    dry = await ask("PUT", path, {"minutes": 35}, dry_run=True)
    assert [each["id"] for each in dry.json()["affected"]] == [str(later.id)]
    longer = await ask("PUT", path, {"minutes": 35})
    assert longer.json() == {"location_id": str(south.id), "minutes": 35} | dry.json()
    marks = [await mark_of(ask, each.id) for each in (earlier, later, same_place)]
    assert marks == [("booked", None), ("booked", "travel_time"), ("booked", None)]
    assert (await ask("DELETE", path)).status_code == 204
    assert await mark_of(ask, later.id) == ("booked", None)


async def test_a_clock_by_which_a_doctor_would_be_at_two_places_is_not_set(
    ask: Ask, clinic: Clinic, north: Location
) -> None:
    south = await clinic.location(name="South Street")
    await doctor_at(clinic, north.id, south.id)
    before = await contents_of(clinic)
    refused = await ask("PATCH", f"/locations/{south.id}", {"timezone": "Europe/Berlin"})
    assert (refused.status_code, refused.json()["code"]) == (409, "hours_overlap")
    assert await contents_of(clinic) == before
    assert (await ask("PATCH", f"/locations/{south.id}", {"timezone": "Atlantic/Azores"})).status_code == 200


@pytest.mark.parametrize("fate", ["keep", "cancel"])
async def test_a_location_that_is_closed_for_good_says_whom_it_leaves(
    fate: str, ask: Ask, clinic: Clinic, north: Location, doctor: Person
) -> None:
    visit = await clinic.visit(await clinic.patient(), doctor, TEN)
    path = f"/locations/{north.id}"
    refused = await ask("DELETE", path)
    assert (refused.status_code, refused.json()["code"]) == (409, "visits_affected")
    assert refused.json()["visits"] == [str(visit.id)]
    dealt = await ask("DELETE", path, {"visits": fate, "reason": "The house is sold"})
    assert [each["id"] for each in dealt.json()["affected"]] == [str(visit.id)]
    kept = ("booked", "location_deactivated")
    assert await mark_of(ask, visit.id) == (kept if fate == "keep" else ("cancelled", None))
    assert (await ask("GET", path)).json()["is_active"] is False
    wanted = {"doctor_id": str(doctor.id), "starts_at": "2031-03-03T12:00:00Z"}
    late = await ask("POST", "/appointments", wanted | {"patient_id": str((await clinic.patient()).id)})
    assert (late.status_code, late.json()["code"]) == (422, "outside_hours")
    assert (await ask("PATCH", path, {"is_active": True})).json()["is_active"] is True
    assert await mark_of(ask, visit.id) == (("booked", None) if fate == "keep" else ("cancelled", None))


async def test_the_location_that_stands_for_the_clinic_stays(ask: Ask, sqlite_database: object) -> None:
    (default,) = (await ask("GET", "/locations")).json()["items"]
    refused = await ask("DELETE", f"/locations/{default['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "default_location")
    wrong = await ask("PATCH", f"/locations/{default['id']}", {"is_active": False})
    assert (wrong.status_code, wrong.json()["fields"][0]["name"]) == (422, "is_active")


async def test_a_room_that_is_out_of_use_says_who_was_to_have_it(
    ask: Ask, clinic: Clinic, north: Location, doctor: Person
) -> None:
    room, other = [await clinic.room(north.id) for _ in range(2)]
    visit_type = await clinic.visit_type(room_kind="treatment")
    visit = await clinic.visit(await clinic.patient(), doctor, TEN, visit_type_id=visit_type.id)
    refused = {each.id: await ask("DELETE", f"/rooms/{each.id}") for each in (room, other)}
    (taken,) = [id_ for id_, answer in refused.items() if answer.status_code == 409]
    assert refused[taken].json()["visits"] == [str(visit.id)]
    dry = await ask("DELETE", f"/rooms/{taken}", dry_run=True)
    kept = await ask("DELETE", f"/rooms/{taken}", visits="keep")
    assert kept.json() == dry.json()
    assert await mark_of(ask, visit.id) == ("booked", "room_deactivated")
    assert (await ask("PATCH", f"/rooms/{taken}", {"is_active": True})).json()["is_active"] is True
    assert await mark_of(ask, visit.id) == ("booked", None)


async def test_the_places_of_a_session_lose_their_room_with_it(
    ask: Ask, clinic: Clinic, north: Location, doctor: Person
) -> None:
    room, patient = await clinic.room(north.id), await clinic.patient()
    plan = {"doctor_id": str(doctor.id), "title": "Back school", "starts_at": "2031-03-03T15:00:00Z", "capacity": 8,
            "ends_at": "2031-03-03T16:00:00Z", "room_id": str(room.id)}  # fmt: skip
    planned = (await ask("POST", "/sessions", plan)).json()
    place = await ask("POST", f"/sessions/{planned['id']}/places", {"patient_id": str(patient.id)})
    refused = await ask("DELETE", f"/rooms/{room.id}")
    assert (refused.status_code, refused.json()["visits"]) == (409, [place.json()["id"]])


@pytest.mark.parametrize("who", ["doctor", "patient"])
async def test_somebody_who_is_active_again_has_their_visits_again(
    ask: Ask, clinic: Clinic, doctor: Person, who: str
) -> None:
    patient = await clinic.patient()
    visit, path = await clinic.visit(patient, doctor, TEN), f"/{who}s/{(doctor if who == 'doctor' else patient).id}"
    assert (await ask("DELETE", path, visits="keep")).status_code == 200
    assert await mark_of(ask, visit.id) == ("booked", f"{who}_deactivated")
    assert (await ask("PATCH", path, {"last_name": "Sampler"})).status_code == 200
    assert await mark_of(ask, visit.id) == ("booked", f"{who}_deactivated")
    assert (await ask("PATCH", path, {"is_active": True})).json()["is_active"] is True
    assert await mark_of(ask, visit.id) == ("booked", None)
