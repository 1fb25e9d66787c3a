"""Holds, moves and rooms in races, over HTTP against real servers: winners as capacity allows, and nobody twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from appointed.locations.models import Location
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.racing import HALF_HOUR, at_once, booking, connected, day_after_tomorrow, enrol, tally, winners
from tests.support.soundness import flaws, remains

from .conftest import Servers

CLIENTS = 100


def posting(client: httpx.AsyncClient, path: str, **body: Any) -> Callable[[], Any]:
    return lambda: client.post(path, json=body)


async def urls_of(backend: Backend, servers: Servers) -> list[str]:
    return [await servers.on(backend, number) for number in (0, 1)]


async def test_of_holds_and_bookings_of_one_time_one_wins(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor, at = await todays_clinic.doctor(), day_after_tomorrow()
    said = {"doctor_id": str(doctor.id), "starts_at": at.isoformat()}
    async with connected(await enrol(todays_clinic, CLIENTS), *await urls_of(backend, servers)) as clients:
        answers = await at_once([
            posting(client, "/appointments/holds" if number % 2 else "/appointments", **said)
            for number, client in enumerate(clients)
        ])  # fmt: skip
    assert tally(answers) == {"201": 1, "409 slot_taken": CLIENTS - 1}
    assert await flaws(backend.database) == []


async def test_a_hold_is_confirmed_once_however_often_and_whoever_books_meanwhile(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor, at = await todays_clinic.doctor(), day_after_tomorrow()
    holder, *others = await enrol(todays_clinic, CLIENTS)
    urls = await urls_of(backend, servers)
    async with connected([holder] * 20 + others, *urls) as clients:
        held = await clients[0].post("/appointments/holds", json={"doctor_id": str(doctor.id),
                                                                  "starts_at": at.isoformat()})  # fmt: skip
        confirming = [posting(client, f"/appointments/{held.json()['id']}/confirm") for client in clients[:20]]
        answers = await at_once([*confirming, *(booking(client, doctor.profile_id, at) for client in clients[20:])])
    assert tally(answers) == {"200": 20, "409 slot_taken": len(others)}
    assert await flaws(backend.database) == []


async def test_a_hundred_moves_onto_each_others_times_leave_everybody_somewhere(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    """Everybody wants the time of the next, and some free times are there to begin the round."""
    doctor, first = await todays_clinic.doctor(), day_after_tomorrow()
    people = await enrol(todays_clinic, 12)
    times = [first + HALF_HOUR * number for number in range(14)]
    visits = [await todays_clinic.visit(one, doctor, at) for one, at in zip(people, times, strict=False)]
    async with connected(people, *await urls_of(backend, servers)) as clients:
        for step in (1, 2, 5, 1, 3, 1, 2, 1, 1):
            wanted = [times[(number + step) % len(times)] for number in range(len(visits))]
            answers = await at_once([
                posting(client, f"/appointments/{visit.id}/reschedule", starts_at=at.isoformat())
                for client, visit, at in zip(clients, visits, wanted, strict=True)
            ])  # fmt: skip
            assert set(tally(answers)) <= {"200", "409 slot_taken"}
            assert "200" in tally(answers)
    assert len((await remains(backend.database)).live) == len(people)
    assert await flaws(backend.database) == []


async def test_of_many_who_move_to_one_time_one_gets_it(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    people, to = await enrol(todays_clinic, 30), day_after_tomorrow(16)
    wanted, *others = [await todays_clinic.doctor() for _ in range(3)]
    visits = [
        await todays_clinic.visit(
            one, [wanted, *others][number // 10], day_after_tomorrow() + HALF_HOUR * (number % 10)
        )
        for number, one in enumerate(people)
    ]
    async with connected(people, *await urls_of(backend, servers)) as clients:
        answers = await at_once([
            posting(client, f"/appointments/{visit.id}/reschedule", doctor_id=str(wanted.id), starts_at=to.isoformat())
            for client, visit in zip(clients, visits, strict=True)
        ])  # fmt: skip
    assert tally(answers) == {"200": 1, "409 slot_taken": len(people) - 1}
    assert await flaws(backend.database) == []


async def test_there_are_as_many_visits_at_once_as_rooms_of_the_kind(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    rooms, doctors = 3, [await todays_clinic.doctor() for _ in range(20)]
    for _ in range(rooms):
        await todays_clinic.room(await _main_place(backend))
    kind = await todays_clinic.visit_type(room_kind="treatment")
    async with connected(await enrol(todays_clinic, CLIENTS), *await urls_of(backend, servers)) as clients:
        answers = await at_once([
            booking(client, doctors[number % len(doctors)].profile_id, day_after_tomorrow(), visit_type_id=str(kind.id))
            for number, client in enumerate(clients)
        ])  # fmt: skip
    assert len(winners(answers)) == rooms
    assert set(tally(answers)) == {"201", "409 slot_taken", "409 room_taken"}
    assert await flaws(backend.database) == []


async def test_undoing_races_with_whoever_takes_the_time(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor, first = await todays_clinic.doctor(), day_after_tomorrow()
    owner, *others = await enrol(todays_clinic, 20)
    async with connected([owner, *others], *await urls_of(backend, servers)) as clients:
        for number in range(5):
            at = first + timedelta(hours=number)
            visit = await todays_clinic.visit(owner, doctor, at)
            await clients[0].post(f"/appointments/{visit.id}/cancel")
            answers = await at_once([
                posting(clients[0], f"/appointments/{visit.id}/undo"),
                *(booking(client, doctor.profile_id, at) for client in clients[1:]),
            ])  # fmt: skip
            assert sum(answer.is_success for answer in answers) == 1
            assert set(tally(answers)) <= {"200", "201", "409 slot_taken"}
    assert await flaws(backend.database) == []


async def _main_place(backend: Backend) -> UUID:
    async with backend.database.reads() as session:
        return (await session.scalars(select(Location.id).where(Location.is_default.is_(True)))).one()
