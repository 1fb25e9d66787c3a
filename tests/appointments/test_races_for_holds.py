"""Holds, moves and rooms in races, over HTTP against real servers: winners as capacity allows, and nobody twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from sqlalchemy import select

from appointed.locations.models import Location
from tests.support.clock import FixedClock
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.racing import (
    HALF_HOUR,
    at_once,
    booking,
    check_one_winner,
    connected,
    day_after_tomorrow,
    enrol,
    posting,
    tally,
)
from tests.support.soundness import flaws, remains

from .conftest import Servers

CLIENTS = 100


async def test_of_holds_and_bookings_of_one_time_one_wins(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor, at = await todays_clinic.doctor(), day_after_tomorrow()
    said = {"doctor_id": str(doctor.id), "starts_at": at.isoformat()}
    async with connected(await enrol(todays_clinic, CLIENTS), *await servers.two(backend)) as clients:
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
    urls = await servers.two(backend)
    async with connected([holder] * 20 + others, *urls) as clients:
        held = await clients[0].post("/appointments/holds", json={"doctor_id": str(doctor.id),
                                                                  "starts_at": at.isoformat()})  # fmt: skip
        confirming = [posting(client, f"/appointments/{held.json()['id']}/confirm") for client in clients[:20]]
        answers = await at_once([*confirming, *(booking(client, doctor.profile_id, at) for client in clients[20:])])
    assert tally(answers) == {"200": 20, "409 slot_taken": len(others)}
    assert [str(visit.id) for visit in (await remains(backend.database)).live] == [held.json()["id"]]
    assert await flaws(backend.database) == []


async def test_a_hundred_who_swap_times_stay_and_move_up_behind_each_other(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    """Two doctors' patients want each other's times, so no one can go; then each wants what the next one leaves."""
    doctors, first = [await todays_clinic.doctor() for _ in range(10)], day_after_tomorrow()
    places = [(doctor, late) for doctor in range(10) for late in range(10)]
    people = await enrol(todays_clinic, CLIENTS)
    visits = {
        (doctor, late): await todays_clinic.visit(person, doctors[doctor], first + HALF_HOUR * late)
        for person, (doctor, late) in zip(people, places, strict=True)
    }
    async with connected(people, *await servers.two(backend)) as clients:

        async def move(wanted: Callable[[int, int], tuple[int, int]]) -> dict[tuple[int, int], httpx.Response]:
            said = {place: wanted(*place) for place in places}
            answers = await at_once([
                posting(client, f"/appointments/{visits[place].id}/reschedule",
                        doctor_id=str(doctors[said[place][0]].id),
                        starts_at=(first + HALF_HOUR * said[place][1]).isoformat())
                for client, place in zip(clients, places, strict=True)
            ])  # fmt: skip
            return dict(zip(places, answers, strict=True))

        swapped = await move(lambda doctor, late: (doctor ^ 1, late))
        assert tally(swapped.values()) == {"409 slot_taken": CLIENTS}
        moved = await move(lambda doctor, late: ((doctor + 1) % 10, late + 1))
    assert set(tally(moved.values())) <= {"200", "409 slot_taken"}
    gone = {place for place, answer in moved.items() if answer.is_success}
    assert gone >= {(doctor, 9) for doctor in range(10)}, "the last ones' times are free"
    assert {((doctor + 1) % 10, late + 1) for doctor, late in gone if late < 9} <= gone, "the others' were not"
    now = {visit.id: (visit.doctor_id, visit.starts_at) for visit in (await remains(backend.database)).live}
    assert now == {
        visits[doctor, late].id: (
            doctors[(doctor + was_moved) % 10].id, first + HALF_HOUR * (late + was_moved)
        )
        for doctor, late in places
        for was_moved in [(doctor, late) in gone]
    }  # fmt: skip
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
    async with connected(people, *await servers.two(backend)) as clients:
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
    async with connected(await enrol(todays_clinic, CLIENTS), *await servers.two(backend)) as clients:
        answers = await at_once([
            booking(client, doctors[number % len(doctors)].profile_id, day_after_tomorrow(), visit_type_id=str(kind.id))
            for number, client in enumerate(clients)
        ])  # fmt: skip
    # Whoever wants a doctor who has a room is told of the doctor, and the others of the rooms.
    of_a_doctor = CLIENTS // len(doctors)
    lost = {"409 slot_taken": rooms * (of_a_doctor - 1), "409 room_taken": (len(doctors) - rooms) * of_a_doctor}
    assert tally(answers) == {"201": rooms} | lost
    assert await flaws(backend.database) == []


async def test_undoing_races_with_whoever_takes_the_time(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor, first = await todays_clinic.doctor(), day_after_tomorrow()
    owner, *others = await enrol(todays_clinic, 20)
    async with connected([owner, *others], *await servers.two(backend)) as clients:
        for number in range(5):
            at = first + timedelta(hours=number)
            visit = await todays_clinic.visit(owner, doctor, at)
            await clients[0].post(f"/appointments/{visit.id}/cancel")
            answers = await at_once([
                posting(clients[0], f"/appointments/{visit.id}/undo"),
                *(booking(client, doctor.profile_id, at) for client in clients[1:]),
            ])  # fmt: skip
            assert sum(answer.is_success for answer in answers) == 1
            assert tally(answers)["409 slot_taken"] == len(clients) - 1
    assert await flaws(backend.database) == []


async def test_a_hold_that_is_over_stands_in_nobodys_way_and_is_ended_once(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    """A hundred want its time, its patient is wanted elsewhere at that time, and it is confirmed too late."""
    (doctor, other), at = [await todays_clinic.doctor() for _ in range(2)], day_after_tomorrow()
    holder, *others = await enrol(todays_clinic, CLIENTS + 1)
    an_hour_ago = replace(todays_clinic, clock=FixedClock(datetime.now(UTC) - timedelta(hours=1)))
    hold = await an_hour_ago.visit(holder, doctor, at, is_held=True)
    async with connected([holder] * 10 + others, *await servers.two(backend)) as clients:
        elsewhere = [booking(client, other.profile_id, at) for client in clients[:5]]
        late = [posting(client, f"/appointments/{hold.id}/confirm") for client in clients[5:10]]
        answers = await at_once([*elsewhere, *(booking(client, doctor.profile_id, at) for client in clients[10:]),
                                 *late])  # fmt: skip
    assert tally(answers[:5]) == {"201": 1, "409 patient_busy": 4}
    check_one_winner(answers[5:-5])
    assert tally(answers[-5:]) == {"410 hold_expired": 5}
    found = await remains(backend.database)
    (ended,) = [visit for visit in found.visits if visit.id == hold.id]
    assert (ended.status, ended.cancel_code) == ("cancelled", "hold_expired")
    assert len(found.live) == 2
    assert await flaws(backend.database) == []


async def _main_place(backend: Backend) -> UUID:
    async with backend.database.reads() as session:
        return (await session.scalars(select(Location.id).where(Location.is_default.is_(True)))).one()
