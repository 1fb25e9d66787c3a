"""Booking races with the first offer of a visit type; hours race with hours elsewhere, and the last two offers with
each other."""

from functools import partial

import httpx
import pytest

from appointed.accounts.actor import Role
from tests.support.databases import Backend
from tests.support.factories import Clinic, Person
from tests.support.racing import HALF_HOUR, at_once, booking, connected, day_after_tomorrow, enrol, tally
from tests.support.soundness import flaws

from .conftest import Servers
from .test_races_for_ground import FATES, VISITS, Post, check_nobody_is_forgotten, take_away_amid

WHEN = (0, 3, 8)
ROUNDS = 5


@pytest.fixture
async def desk(todays_clinic: Clinic) -> Person:
    return await todays_clinic.staff(Role.ADMIN)


@pytest.mark.parametrize("fate", FATES)
async def test_no_visit_is_left_to_a_doctor_who_was_not_named_and_nobody_knows(
    fate: str | None, backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    people, named = await enrol(todays_clinic, VISITS), await todays_clinic.doctor(hours=False)
    async with connected([desk, *people], await servers.on(backend)) as (desk_client, *clients):
        for answered in WHEN:
            doctor, visit_type = await todays_clinic.doctor(), await todays_clinic.visit_type()
            # People who have a visit elsewhere by now are free at another time.
            times = [
                day_after_tomorrow() + HALF_HOUR * ((number + 3 * WHEN.index(answered)) % 16)
                for number in range(VISITS)
            ]
            posts = [
                booking(each, doctor.profile_id, at, visit_type_id=str(visit_type.id))
                for each, at in zip(clients, times, strict=True)
            ]
            limit = limiting(desk_client, f"/visit-types/{visit_type.id}/offers/{named.id}", fate)
            outcome = await take_away_amid(posts, limit, answered)
            assert set(tally(outcome.bookings)) <= {"201", "422 not_offered"}
            await check_nobody_is_forgotten(backend, outcome, fate, lambda visit: visit.doctor_id, doctor.profile_id)
            offers = (await desk_client.get(f"/visit-types/{visit_type.id}/offers")).json()["items"]
            assert len(offers) == (outcome.removal.status_code == 200)
    assert await flaws(backend.database) == []


def limiting(desk: httpx.AsyncClient, path: str, fate: str | None) -> Post:
    body = {"visits": fate, "reason": "Only the specialist does this"} if fate else {}
    return lambda: desk.put(path, json=body)


async def test_of_the_last_two_offers_one_stays_unless_everybody_is_to_have_the_type(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    doctors = [await todays_clinic.doctor(hours=False) for _ in range(2)]
    async with connected([desk, desk], await servers.on(backend)) as clients:
        for _ in range(ROUNDS):
            visit_type = await todays_clinic.visit_type()
            paths = [f"/visit-types/{visit_type.id}/offers/{doctor.id}" for doctor in doctors]
            for path in paths:
                assert (await clients[0].put(path)).status_code == 200
            answers = await at_once([partial(each.delete, path) for each, path in zip(clients, paths, strict=True)])
            assert tally(answers) == {"200": 1, "409 last_offer": 1}


async def test_hours_at_two_places_that_are_set_at_once_do_not_overlap(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    places = [await todays_clinic.location(name=name) for name in ("North Street", "South Street")]
    async with connected([desk] * 6, await servers.on(backend)) as clients:
        for _ in range(ROUNDS):
            doctor = await todays_clinic.doctor(hours=False)
            hours = {"doctor_id": str(doctor.id), "weekday": "monday", "start_time": "09:00", "end_time": "12:00"}
            bodies = [hours | {"location_id": str(places[number % 2].id)} for number in range(len(clients))]
            posts = [partial(each.post, "/availability", json=body) for each, body in zip(clients, bodies, strict=True)]
            answers = await at_once(posts)
            assert tally(answers) == {"201": 3, "409 hours_overlap": 3}
            left = (await clients[0].get("/availability", params={"doctor_id": str(doctor.id)})).json()["items"]
            assert len({each["location_id"] for each in left}) == 1
