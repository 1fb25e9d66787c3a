"""Whoever races for whose time, over HTTP against real server processes: nobody is ever double booked."""

import random
from datetime import datetime, timedelta

from appointed.core.db import Database
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
    tally,
    winners,
)
from tests.support.soundness import flaws, remains

from .conftest import Servers

CLIENTS = 200
ROUNDS = 10
ROUNDS_ON_TWO_SERVERS = 2
QUARTER = timedelta(minutes=15)


async def race_for_each_half_hour(database: Database, clinic: Clinic, rounds: int, *urls: str) -> None:
    """Every patient wants the same time, and when it is gone the next one."""
    doctor = await clinic.doctor()
    times = [day_after_tomorrow() + HALF_HOUR * number for number in range(rounds)]
    async with connected(await enrol(clinic, CLIENTS), *urls) as clients:
        for starts_at in times:
            check_one_winner(await at_once([booking(client, doctor.profile_id, starts_at) for client in clients]))
    assert [visit.starts_at for visit in (await remains(database)).live] == times
    assert await flaws(database) == []


async def test_of_many_who_want_one_time_one_gets_it(backend: Backend, servers: Servers, todays_clinic: Clinic) -> None:
    await race_for_each_half_hour(backend.database, todays_clinic, ROUNDS, await servers.on(backend))


async def test_of_many_who_want_one_time_from_two_servers_one_gets_it(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    urls = await servers.two(backend)
    await race_for_each_half_hour(backend.database, todays_clinic, ROUNDS_ON_TWO_SERVERS, *urls)


async def test_times_that_overlap_without_being_equal_are_never_both_had(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor = await todays_clinic.doctor()
    kind = await todays_clinic.visit_type(length_minutes=30, grid_minutes=15)
    starts = [day_after_tomorrow() + QUARTER * number for number in range(10)]
    async with connected(await enrol(todays_clinic, 100), await servers.on(backend)) as clients:
        answers = await at_once([
            booking(client, doctor.profile_id, starts[number % len(starts)], visit_type_id=str(kind.id))
            for number, client in enumerate(clients)
        ])  # fmt: skip
    assert set(tally(answers)) == {"201", "409 slot_taken"}
    assert await flaws(backend.database) == []
    won = [datetime.fromisoformat(visit["starts_at"]) for visit in winners(answers)]
    free = [start for start in starts if all(abs(start - other) >= HALF_HOUR for other in won)]
    assert free == [], "nobody was refused a time that nobody had"


async def test_a_patient_who_books_many_doctors_for_the_same_instant_sees_one_of_them(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctors = [await todays_clinic.doctor() for _ in range(20)]
    (patient,) = await enrol(todays_clinic, 1)
    urls = await servers.two(backend)
    async with connected([patient] * len(doctors), *urls) as clients:
        answers = await at_once([
            booking(client, doctor.profile_id, day_after_tomorrow())
            for client, doctor in zip(clients, doctors, strict=True)
        ])  # fmt: skip
    assert tally(answers) == {"201": 1, "409 patient_busy": 19}
    assert await flaws(backend.database) == []


async def test_whoever_meets_whom_in_whatever_order_nobody_is_in_two_places(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    """Some patients, some doctors, overlapping times and two servers: what would deadlock without sorted locks."""
    draw = random.Random(2)
    doctors = [await todays_clinic.doctor() for _ in range(4)]
    kind = await todays_clinic.visit_type(length_minutes=30, grid_minutes=15, buffer_after_minutes=10)
    people = await enrol(todays_clinic, 8)
    urls = await servers.two(backend)
    async with connected([draw.choice(people) for _ in range(160)], *urls) as clients:
        answers = await at_once([
            booking(client, draw.choice(doctors).profile_id, day_after_tomorrow() + QUARTER * draw.randrange(12),
                    visit_type_id=str(kind.id))
            for client in clients
        ])  # fmt: skip
    assert set(tally(answers)) <= {"201", "409 slot_taken", "409 patient_busy", "409 buffer"}
    assert len(winners(answers)) > len(doctors)
    assert await flaws(backend.database) == []
