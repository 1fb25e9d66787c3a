"""Booking whoever is free: in fair turns, and refused only when everybody is taken."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


async def book(client: httpx.AsyncClient, who: Person, at: datetime, key: str = "", **more: Any) -> httpx.Response:
    headers = {**who.headers, **({"Idempotency-Key": f'"{key}"'} if key else {})}
    body = {"starts_at": at.isoformat(), **more}
    return await client.post("/appointments/any-doctor", json=body, headers=headers)


async def test_whoever_has_the_fewest_visits_that_day_is_booked(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime
) -> None:
    busy, idle = await clinic.doctor(), await clinic.doctor()
    await clinic.visit(await clinic.patient(), busy, ten + 2 * HALF_HOUR)
    await clinic.visit(await clinic.patient(), idle, ten + timedelta(days=1))
    await clinic.visit(await clinic.patient(), idle, ten + timedelta(days=1, hours=1))
    said = [(await book(client, await clinic.patient(), ten)).json()["doctor_id"] for _ in range(2)]
    assert said == [str(idle.id), str(busy.id)]
    assert tally([await book(client, await clinic.patient(), ten)]) == {"409 slot_taken": 1}
    assert await flaws(clinic.database) == []


async def test_only_doctors_who_are_as_wished_are_booked(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime
) -> None:
    await clinic.doctor()
    eyes = await clinic.doctor(specialization="Ophthalmology", languages=["en", "FR"])
    patient, other = await clinic.patient(), await clinic.patient()
    said = await book(client, patient, ten, specialization="ophthalmology", language="fr")
    assert (said.status_code, said.json()["doctor_id"]) == (201, str(eyes.id))
    assert tally([await book(client, other, ten, language="fr")]) == {"409 slot_taken": 1}
    assert tally([await book(client, other, ten, specialization="Surgery")]) == {"409 slot_taken": 1}


async def test_a_repeated_request_is_answered_alike_though_nobody_is_free_by_then(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime
) -> None:
    await clinic.doctor()
    patient = await clinic.patient()
    first, again = await book(client, patient, ten, "k"), await book(client, patient, ten, "k")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
