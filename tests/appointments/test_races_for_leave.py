"""A hundred book while their doctor goes on leave, over HTTP: no visit lies in the leave and nobody knows."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from tests.support.databases import Backend
from tests.support.factories import Clinic
from tests.support.racing import HALF_HOUR, booking, connected, day_after_tomorrow, enrol, tally
from tests.support.soundness import flaws, remains

from .conftest import Servers
from .test_races_for_ground import Post, take_away_amid

CLIENTS = 100
DAYS = 7
A_DAY = 16
"""Visits that fit into a doctor's day."""


@pytest.mark.parametrize("answered", [0, 30])
async def test_no_visit_lies_in_leave_and_nobody_knows(
    answered: int, backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    desk, doctor = await todays_clinic.staff(Role.ADMIN), await todays_clinic.doctor()
    people, first = await enrol(todays_clinic, CLIENTS), day_after_tomorrow()
    async with connected([desk, *people], *await servers.two(backend)) as (desk_client, *clients):
        times = [first + timedelta(days=each // A_DAY) + HALF_HOUR * (each % A_DAY) for each in range(CLIENTS)]
        posts = [booking(each, doctor.profile_id, at) for each, at in zip(clients, times, strict=True)]
        outcome = await take_away_amid(posts, leave_of(desk_client, doctor.id, first), answered)
        assert outcome.removal.status_code == 201, outcome.removal.text
        assert set(tally(outcome.bookings)) <= {"201", "422 on_leave"}
        late = [await booking(clients[0], doctor.profile_id, first + timedelta(days=DAYS - 1, hours=hour))()
                for hour in range(3)]  # fmt: skip
        assert tally(late) == {"422 on_leave": 3}
    visits = (await remains(backend.database)).visits
    assert {str(visit.id) for visit in visits} == outcome.booked == outcome.named
    assert len(visits) >= answered
    assert {(visit.needs_attention, visit.attention_code) for visit in visits} <= {(True, "on_leave")}
    assert await flaws(backend.database) == []


def leave_of(desk: httpx.AsyncClient, doctor_id: Any, first: Any) -> Post:
    body = {"doctor_id": str(doctor_id), "kind": "leave", "reason_code": "sick",
            "starts_on": first.date().isoformat(),
            "ends_on": (first + timedelta(days=DAYS - 1)).date().isoformat()}  # fmt: skip
    return lambda: desk.post("/availability/time-off", json=body)
