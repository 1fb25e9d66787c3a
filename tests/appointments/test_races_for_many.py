"""A hundred race for what several can have or for several things at once: series, families, any doctor and groups."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from tests.support.databases import Backend
from tests.support.factories import Clinic, Person
from tests.support.racing import (
    HALF_HOUR,
    at_once,
    booking,
    connected,
    day_after_tomorrow,
    enrol,
    posting,
    tally,
    winners,
)
from tests.support.soundness import flaws, remains

from .conftest import Servers
from .test_races_for_ground import insisting

CLIENTS = 100
PLACES = 8
WEEK = timedelta(days=7)


@pytest.fixture
async def desk(todays_clinic: Clinic) -> Person:
    return await todays_clinic.staff(Role.RECEPTIONIST)


def check_all_or_none(
    together: list[httpx.Response], alone: list[httpx.Response], times: list[datetime], count: int, report: str
) -> None:
    """Who came together and won has so many of the times, and who came alone the others; whoever lost together is told
    of each visit, and by which they lost."""
    won = winners(together)
    assert {len(each["appointments"]) for each in won} <= {count}
    lost = [answer.json() for answer in together if answer.status_code == 409]
    assert len(won) + len(lost) == len(together), tally(together)
    for said in lost:
        codes = [each["code"] for each in said[report]]
        assert len(codes) == count
        assert said["code"] in {"slot_taken", "patient_busy"} & {*codes}
    left = len(times) - count * len(won)
    assert tally(alone) == Counter({"201": left, "409 slot_taken": len(alone) - left})


async def check_each_time_is_had_once(backend: Backend, doctor_id: UUID, times: list[datetime]) -> None:
    """Somebody wanted each by itself, so that none is left over either."""
    theirs = [visit for visit in (await remains(backend.database)).live if visit.doctor_id == doctor_id]
    assert [visit.starts_at for visit in theirs] == times
    assert await flaws(backend.database) == []


async def test_a_series_has_all_of_its_visits_or_none_whatever_is_booked_between_them(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    """Series that overlap each other, and single visits at each of their times. At nine the series are in front, at ten
    the others."""
    doctor, count, wave = await todays_clinic.doctor(), 6, CLIENTS // 2
    hours = [[day_after_tomorrow(hour) + WEEK * number for number in range(6)] for hour in (9, 10)]
    async with connected(await enrol(todays_clinic, CLIENTS), *await servers.two(backend)) as clients:

        def series(client: httpx.AsyncClient, starts_at: datetime) -> Any:
            return posting(client, "/appointments/series", doctor_id=str(doctor.id), starts_at=starts_at.isoformat(),
                           every_weeks=1, count=4)  # fmt: skip

        nine = [
            series(each, hours[0][number % 3]) if number < count
            else booking(each, doctor.profile_id, hours[0][number % 6])
            for number, each in enumerate(clients[:wave])
        ]  # fmt: skip
        ten = [
            series(each, hours[1][number % 3]) if number >= wave - count
            else booking(each, doctor.profile_id, hours[1][number % 6])
            for number, each in enumerate(clients[wave:])
        ]  # fmt: skip
        answers = await at_once([*nine, *ten])
    check_all_or_none(answers[:count], answers[count:wave], hours[0], 4, "occurrences")
    check_all_or_none(answers[-count:], answers[wave:-count], hours[1], 4, "occurrences")
    await check_each_time_is_had_once(backend, doctor.profile_id, sorted(hours[0] + hours[1]))


async def test_a_family_of_four_comes_as_a_whole_or_not_at_all(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    """Families whose times overlap, and of which each has a member in the next one too, in another order."""
    doctor = await todays_clinic.doctor()
    count, times = 24, [day_after_tomorrow() + HALF_HOUR * number for number in range(16)]
    relatives, singles = await enrol(todays_clinic, 3 * count + 1), await enrol(todays_clinic, CLIENTS - count)
    async with connected([desk] * count + singles, *await servers.two(backend)) as clients:
        families = []
        for number, client in enumerate(clients[:count]):
            members = [{"patient_id": str(one.id)} for one in relatives[3 * number : 3 * number + 4]]
            families.append(
                posting(client, "/appointments/family", doctor_id=str(doctor.id),
                        starts_at=times[2 * number % 13].isoformat(), members=members[:: 1 - 2 * (number % 2)])
            )  # fmt: skip
        alone = [
            booking(client, doctor.profile_id, times[number % len(times)])
            for number, client in enumerate(clients[count:])
        ]
        answers = await at_once([*families, *alone])
    of_families = answers[:count]
    check_all_or_none(of_families, answers[count:], times, 4, "members")
    together = Counter(visit.family_id for visit in (await remains(backend.database)).live if visit.family_id)
    assert together == {UUID(won["family_id"]): 4 for won in winners(of_families)}
    await check_each_time_is_had_once(backend, doctor.profile_id, times)


async def test_as_many_get_any_doctor_as_there_are_and_each_doctor_has_as_many(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctors = [await todays_clinic.doctor() for _ in range(6)]
    times = [day_after_tomorrow(hour) for hour in (9, 10)]
    async with connected(await enrol(todays_clinic, CLIENTS), *await servers.two(backend)) as clients:
        answers = await at_once([
            posting(client, "/appointments/any-doctor", starts_at=times[number % 2].isoformat())
            for number, client in enumerate(clients)
        ])  # fmt: skip
    for first, at in enumerate(times):
        assert tally(answers[first::2]) == {"201": len(doctors), "409 slot_taken": CLIENTS // 2 - len(doctors)}
        assert {won["doctor_id"] for won in winners(answers[first::2])} == {str(each.id) for each in doctors}
        assert {datetime.fromisoformat(won["starts_at"]) for won in winners(answers[first::2])} == {at}
    assert len((await remains(backend.database)).live) == 2 * len(doctors)
    assert await flaws(backend.database) == []


async def planned(desk: httpx.AsyncClient, doctor: Person, capacity: int = PLACES) -> str:
    """The address of a new session."""
    at = day_after_tomorrow()
    body = {"doctor_id": str(doctor.id), "title": "Back school", "starts_at": at.isoformat(),
            "ends_at": (at + timedelta(minutes=75)).isoformat(), "capacity": capacity}  # fmt: skip
    return f"/sessions/{(await desk.post('/sessions', json=body)).json()['id']}"


def joining(client: httpx.AsyncClient, session: str) -> Any:
    return posting(client, f"{session}/places")


async def seats(backend: Backend) -> list[int]:
    return sorted(visit.seat for visit in (await remains(backend.database)).live if visit.seat is not None)


async def test_the_ninth_and_the_hundredth_of_eight_are_told_that_it_is_full(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    people = await enrol(todays_clinic, CLIENTS)
    async with connected([desk, *people], *await servers.two(backend)) as (desk_client, *clients):
        session = await planned(desk_client, await todays_clinic.doctor())
        answers = await at_once([joining(client, session) for client in clients])
        assert tally(answers) == {"201": PLACES, "409 session_full": CLIENTS - PLACES}
        assert (await desk_client.get(session)).json()["free_places"] == 0
    assert await seats(backend) == list(range(PLACES))
    assert await flaws(backend.database) == []


async def test_places_that_some_leave_are_had_once_each_by_those_who_wait(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    """Each place is given back by its patient and by the desk at once, while the others want one."""
    people, leaving = await enrol(todays_clinic, PLACES + CLIENTS), 5
    async with connected([desk, *people], *await servers.two(backend)) as (desk_client, *clients):
        inside, outside = clients[:PLACES], clients[PLACES:]
        session = await planned(desk_client, await todays_clinic.doctor())
        places = [(await joining(client, session)()).json()["id"] for client in inside]
        leaves = [
            posting(who, f"/appointments/{place}/cancel")
            for client, place in zip(inside[:leaving], places, strict=False)
            for who in (client, desk_client)
        ]
        # Some wait in front of those who leave, and some behind them.
        answers = await at_once([*(joining(client, session) for client in outside[:20]), *leaves,
                                 *(joining(client, session) for client in outside[20:])])  # fmt: skip
        left, joined = answers[20 : 20 + len(leaves)], answers[:20] + answers[20 + len(leaves) :]
        assert tally(left) == {"200": len(leaves)}
        assert {answer.json()["status"] for answer in left} == {"cancelled"}
        won = len(winners(joined))
        assert won <= leaving
        assert tally(joined)["409 session_full"] == CLIENTS - won
        losers = [client for client, answer in zip(outside, joined, strict=True) if answer.status_code == 409]
        late = await at_once([joining(client, session) for client in losers[:10]])
        assert len(winners(late)) == leaving - won, "what was left over is there, and no more"
        assert tally(late)["409 session_full"] == len(late) - len(winners(late))
    assert await seats(backend) == list(range(PLACES))
    assert await flaws(backend.database) == []


async def test_nobody_has_a_place_in_a_session_that_is_called_off_while_some_leave_and_a_hundred_want_in(
    backend: Backend, servers: Servers, todays_clinic: Clinic, desk: Person
) -> None:
    people, capacity = await enrol(todays_clinic, PLACES + CLIENTS), 50
    async with connected([desk, *people], *await servers.two(backend)) as (desk_client, *clients):
        session = await planned(desk_client, await todays_clinic.doctor(), capacity)
        places = [(await joining(client, session)()).json()["id"] for client in clients[:PLACES]]
        leaves = [posting(client, f"/appointments/{place}/cancel")
                  for client, place in zip(clients[:4], places, strict=False)]  # fmt: skip
        call_off = partial(insisting, posting(desk_client, f"{session}/cancel", reason="The trainer is ill"))
        joins = [joining(client, session) for client in clients[PLACES:]]
        off, *answers = await at_once([call_off, *leaves, *joins])
        assert tally([off]) == {"200": 1}
        assert tally(answers[:4]) == {"200": 4}
        joined = answers[4:]
        assert set(tally(joined)) <= {"201", "409 session_full", "409 session_cancelled"}
        assert len(winners(joined)) <= capacity - PLACES + 4
        assert tally([await joins[0]()]) == {"409 session_cancelled": 1}
    visits = (await remains(backend.database)).visits
    assert {str(visit.id) for visit in visits} == {*places, *(won["id"] for won in winners(joined))}
    assert {visit.status for visit in visits} == {"cancelled"}
    assert await flaws(backend.database) == []
