"""A patient who is about to book a doctor."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from .clock import FixedClock
from .factories import Clinic, Person
from .faults import LOCKING, Watch
from .racing import tally


@dataclass(frozen=True, slots=True)
class Scene:
    """They want the time at `at`, and send a key."""

    client: httpx.AsyncClient
    clinic: Clinic
    doctor: Person
    patient: Person
    at: datetime

    async def book(self) -> httpx.Response:
        headers = {**self.patient.headers, "Idempotency-Key": '"k"'}
        body: dict[str, Any] = {"doctor_id": str(self.doctor.id), "starts_at": self.at.isoformat()}
        return await self.client.post("/appointments", json=body, headers=headers)


async def scene_in(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> Scene:
    return Scene(client, clinic, await clinic.doctor(), await clinic.patient(), clock.now() + timedelta(hours=2))


def check_unavailable(answer: httpx.Response) -> None:
    assert tally([answer]) == {"503 unavailable": 1}
    assert int(answer.headers["Retry-After"]) > 0


async def until_waiting(watch: Watch, request: "asyncio.Task[httpx.Response]") -> None:
    """Until the request has asked for its lock, which somebody else has."""
    async with asyncio.timeout(10):
        while not any(LOCKING.search(statement) for statement in watch.statements):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert not request.done(), request.result().text
