"""Booking races with taking time away and with giving it back, over HTTP: no visit loses its ground in silence."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.appointments.models import Appointment
from tests.support.databases import Backend
from tests.support.factories import Clinic, Person
from tests.support.racing import (
    HALF_HOUR,
    at_once,
    booking,
    connected,
    day_after_tomorrow,
    enrol,
    tally,
    winners,
)
from tests.support.soundness import flaws, remains

from .conftest import Servers

FATES = (None, "keep", "cancel")
VISITS = 12
WHEN = (0, 2, 5, 9)
"""How many bookings are answered when the time is taken away."""

Post = Callable[[], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the bookings and the taking away were answered."""

    bookings: list[httpx.Response]
    removal: httpx.Response

    @property
    def booked(self) -> set[str]:
        return {visit["id"] for visit in winners(self.bookings)}

    @property
    def named(self) -> set[str]:
        """The visits that whoever took the time away was told of."""
        said = self.removal.json()
        return {each["id"] for each in said["affected"]} if self.removal.is_success else set(said["visits"])


async def insisting(delete: Post) -> httpx.Response:
    """Cancelling starts again when a visit is booked meanwhile, and says 503 when that does not end."""
    while (response := await delete()).status_code == 503:
        assert "Retry-After" in response.headers
    return response


async def take_away_amid(posts: list[Post], delete: Post, answered: int) -> Outcome:
    """All book at once; the time is taken away when so many of them are answered."""
    count, reached = 0, asyncio.Event()
    if not answered:
        reached.set()

    async def book(post: Post) -> httpx.Response:
        nonlocal count
        response = await post()
        count += 1
        if count >= answered:
            reached.set()
        return response

    async def remove() -> httpx.Response:
        await reached.wait()
        return await insisting(delete)

    *bookings, removal = await at_once([*((lambda post=post: book(post)) for post in posts), remove])
    return Outcome(bookings, removal)


def removal_of(desk: httpx.AsyncClient, path: str, fate: str | None) -> Post:
    body = {"visits": fate, "reason": "The doctor is ill"} if fate else {}
    return lambda: desk.request("DELETE", path, json=body)


async def check_nobody_is_forgotten(
    backend: Backend, outcome: Outcome, fate: str | None, whose: Callable[[Appointment], UUID], id_: UUID
) -> None:
    """Every visit that lost its ground is named, and marked or cancelled; else the ground is still there."""
    visits = [visit for visit in (await remains(backend.database)).visits if whose(visit) == id_]
    assert {str(visit.id) for visit in visits} == outcome.booked
    if outcome.removal.status_code == 409:
        assert fate is None
        assert outcome.removal.json()["code"] == "visits_affected"
        assert outcome.named <= outcome.booked
        assert {visit.status for visit in visits} == {"booked"}
        return
    assert outcome.removal.status_code == 200, outcome.removal.text
    assert outcome.named == outcome.booked
    assert {(visit.status, visit.needs_attention) for visit in visits} <= {
        ("booked", True) if fate == "keep" else ("cancelled", False)
    }
    if fate is None:
        assert visits == []


@pytest.fixture
async def desk(todays_clinic: Clinic) -> Person:
    return await todays_clinic.staff(Role.ADMIN)


@pytest.mark.parametrize("fate", FATES)
async def test_no_visit_stands_on_hours_that_were_removed_and_nobody_knows(
    fate: str | None, backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    day = day_after_tomorrow()
    people = await enrol(todays_clinic, VISITS)
    async with connected([desk, *people], await servers.on(backend)) as (desk_client, *clients):
        for answered in WHEN:
            doctor = await todays_clinic.doctor(hours=False)
            hours = await todays_clinic.hours(doctor.profile_id, day.weekday(), 9 * 60, 17 * 60)
            # People who have a visit elsewhere by now are free at another time.
            times = [day + HALF_HOUR * ((number + 3 * WHEN.index(answered)) % 16) for number in range(VISITS)]
            posts = [booking(each, doctor.profile_id, at) for each, at in zip(clients, times, strict=True)]
            delete = removal_of(desk_client, f"/availability/{hours}", fate)
            outcome = await take_away_amid(posts, delete, answered)
            assert set(tally(outcome.bookings)) <= {"201", "422 outside_hours"}
            await check_nobody_is_forgotten(backend, outcome, fate, lambda visit: visit.doctor_id, doctor.profile_id)
            left = (await desk_client.get("/availability", params={"doctor_id": str(doctor.profile_id)})).json()
            assert len(left["items"]) == (outcome.removal.status_code == 409)
    assert await flaws(backend.database) == []


@pytest.mark.parametrize("fate", FATES)
async def test_no_visit_is_left_with_a_doctor_who_went_and_nobody_knows(
    fate: str | None, backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    people = await enrol(todays_clinic, VISITS)
    async with connected([desk, *people], await servers.on(backend)) as (desk_client, *clients):
        for answered in WHEN:
            doctor = await todays_clinic.doctor()
            times = [
                day_after_tomorrow() + HALF_HOUR * ((number + 3 * WHEN.index(answered)) % 16)
                for number in range(VISITS)
            ]
            posts = [booking(each, doctor.profile_id, at) for each, at in zip(clients, times, strict=True)]
            delete = removal_of(desk_client, f"/doctors/{doctor.profile_id}", fate)
            outcome = await take_away_amid(posts, delete, answered)
            assert set(tally(outcome.bookings)) <= {"201", "422 not_offered"}
            await check_nobody_is_forgotten(backend, outcome, fate, lambda visit: visit.doctor_id, doctor.profile_id)
            now = (await desk_client.get(f"/doctors/{doctor.profile_id}")).json()
            assert now["is_active"] == (outcome.removal.status_code == 409)
    assert await flaws(backend.database) == []


@pytest.mark.parametrize("fate", FATES)
async def test_no_visit_is_left_to_a_patient_who_went_and_nobody_knows(
    fate: str | None, backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    doctor = await todays_clinic.doctor()
    url = await servers.on(backend)
    for answered, patient in zip(WHEN, await enrol(todays_clinic, len(WHEN)), strict=True):
        async with connected([desk] * (VISITS + 1), url) as (desk_client, *clients):
            day = day_after_tomorrow() + WHEN.index(answered) * 48 * HALF_HOUR
            posts = [
                booking(each, doctor.profile_id, day + HALF_HOUR * number, patient_id=str(patient.id))
                for number, each in enumerate(clients)
            ]
            delete = removal_of(desk_client, f"/patients/{patient.id}", fate)
            outcome = await take_away_amid(posts, delete, answered)
        assert set(tally(outcome.bookings)) <= {"201", "422 invalid"}
        await check_nobody_is_forgotten(backend, outcome, fate, lambda visit: visit.patient_id, patient.profile_id)
    assert await flaws(backend.database) == []


async def test_time_that_many_give_back_at_once_is_freed_once_and_taken_once(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    doctor = await todays_clinic.doctor()
    owner, *others = await enrol(todays_clinic, 9)
    people = [owner, owner, owner, desk, desk, desk, *others]
    async with connected(people, await servers.on(backend)) as clients:
        cancellers, others_clients = clients[:6], clients[6:]
        for number in range(4):
            starts_at = day_after_tomorrow() + HALF_HOUR * number
            visit = (await booking(clients[0], doctor.profile_id, starts_at)()).json()
            cancels = [cancelling(each, visit["id"], way) for way, each in enumerate(cancellers)]
            rebooks = [booking(each, doctor.profile_id, starts_at) for each in others_clients]
            answers = await at_once([*cancels, *rebooks])
            # The confirmation may leave meanwhile.
            told = [answer.json() | {"notified": ""} for answer in answers[:6]]
            assert told == [told[0]] * 6, "all are told the same"
            assert (answers[0].status_code, told[0]["status"], told[0]["version"]) == (200, "cancelled", 2)
            assert set(tally(answers[6:])) <= {"201", "409 slot_taken"}
            late = [*winners(answers[6:]), *winners([await rebooks[0]()])]
            assert len(late) == 1, "the time is free, and once"
            assert (await cancels[0]()).status_code == 200
            assert late[0]["id"] in {str(each.id) for each in (await remains(backend.database)).live}
    assert await flaws(backend.database) == []


def cancelling(client: httpx.AsyncClient, appointment_id: str, way: int) -> Any:
    if way % 2:
        return lambda: client.delete(f"/appointments/{appointment_id}")
    return lambda: client.post(f"/appointments/{appointment_id}/cancel", json={"reason": "I am well again"})
