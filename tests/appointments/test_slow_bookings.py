"""A booking that is slow between its decision and its writing: in that moment nobody takes its ground away unseen."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.interference import widened
from tests.support.racing import booking
from tests.support.soundness import flaws, remains

SLOW_SECONDS = 0.5


@pytest.mark.parametrize("fate", ["keep", "cancel", None])
@pytest.mark.parametrize("ground", ["availability", "doctors", "patients"])
async def test_whoever_takes_the_ground_away_waits_and_is_told(
    ground: str, fate: str | None, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    admin, patient, doctor = await clinic.staff(Role.ADMIN), await clinic.patient(), await clinic.doctor(hours=False)
    hours = await clinic.hours(doctor.profile_id, clock.now().weekday(), 540, 1020)
    whose = {"availability": hours, "doctors": doctor.id, "patients": patient.id}[ground]
    client.headers.update(admin.headers)
    at = clock.now() + timedelta(hours=2)
    body: dict[str, Any] = {"visits": fate, "reason": "Ill"} if fate else {}
    with widened(database, SLOW_SECONDS) as paused:
        posting = asyncio.create_task(booking(client, doctor.profile_id, at, patient_id=str(patient.id))())
        async with asyncio.timeout(10):
            await paused.wait()
        removed = await client.request("DELETE", f"/{ground}/{whose}", json=body)
        booked = await posting
    assert booked.status_code == 201
    (visit,) = (await remains(database)).visits
    said = removed.json()
    assert (said.get("visits") or [each["id"] for each in said["affected"]]) == [str(visit.id)]
    assert (removed.status_code, visit.status, visit.needs_attention) == {
        "keep": (200, "booked", True), "cancel": (200, "cancelled", False), None: (409, "booked", False),
    }[fate]  # fmt: skip
    assert await flaws(database) == []
