"""Changing a series over HTTP: one of its visits, one and those that follow, or all of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.core.outbox import OutboxMessage
from appointed.locations.service import get_default
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws

from .lives import do

WEEK = timedelta(days=7)
TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def patient(clinic: Clinic) -> Person:
    return await clinic.patient()


async def booked(client: httpx.AsyncClient, who: Person, doctor: Person, start: datetime = TEN, **more: Any) -> Any:
    body = {"doctor_id": str(doctor.id), "starts_at": start.isoformat(), "every_weeks": 1, "count": 4, **more}
    answer = await client.post("/appointments/series", json=body, headers=who.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def change(
    client: httpx.AsyncClient, clinic: Clinic, who: Person, series: Any, what: str, **body: Any
) -> httpx.Response:
    return await do(client, clinic, who, f"series/{series['id']}", what, json=body)  # type: ignore[arg-type]


def shown(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(each["starts_at"][5:16], each["status"]) for each in answer.json()["appointments"]]


async def test_what_follows_one_of_a_series_is_cancelled_and_told_of_once(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person
) -> None:
    series = await booked(client, patient, doctor)
    for _ in range(2):
        answer = await change(client, clinic, patient, series, "cancel", first_number=3, reason="Well again")
        assert [status for _, status in shown(answer)] == ["booked", "booked", "cancelled", "cancelled"]
    await clinic.visit(await clinic.patient(), doctor, TEN + 3 * WEEK)
    async with clinic.database.reads() as session:
        told = (await session.scalars(select(OutboxMessage).where(OutboxMessage.name.like("%cancelled")))).all()
    assert sorted((each.name, each.payload.get("is_notifying")) for each in told) == [
        ("appointment.cancelled", "False"), ("appointment.cancelled", "False"), ("series.cancelled", None),
    ]  # fmt: skip
    assert await flaws(clinic.database) == []


async def test_all_that_is_to_come_is_cancelled_and_what_has_been_stays(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, patient: Person, doctor: Person
) -> None:
    series, desk = await booked(client, patient, doctor), await clinic.staff(Role.RECEPTIONIST)
    clock.set(TEN)
    await do(client, clinic, desk, series["appointments"][0]["id"], "complete")
    clock.advance(timedelta(days=1))
    answer = await change(client, clinic, desk, series, "cancel")
    assert [status for _, status in shown(answer)] == ["fulfilled"] + ["cancelled"] * 3
    assert await flaws(clinic.database) == []


@pytest.mark.parametrize(("by", "first"), [(timedelta(minutes=15), 1), (timedelta(days=7), 1), (-WEEK / 7, 2)])
async def test_what_is_to_come_moves_as_one_and_never_meets_itself(
    by: timedelta, first: int, client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person
) -> None:
    kind = await clinic.visit_type(length_minutes=60, grid_minutes=15, revisit_days=4)
    series = await booked(client, patient, doctor, visit_type_id=str(kind.id))
    old = [datetime.fromisoformat(each["starts_at"]) for each in series["appointments"]]
    to = (old[first - 1] + by).isoformat()
    answer = await change(client, clinic, patient, series, "reschedule", starts_at=to, first_number=first)
    wanted = old[: first - 1] + [each + by for each in old[first - 1 :]]
    assert shown(answer) == [(each.isoformat()[5:16], "booked") for each in wanted]
    assert await flaws(clinic.database) == []


async def test_if_one_cannot_move_none_does_and_each_is_reported(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person
) -> None:
    series = await booked(client, patient, doctor)
    await clinic.visit(await clinic.patient(), doctor, TEN + 2 * WEEK + timedelta(hours=1))
    to = (TEN + timedelta(hours=1)).isoformat()
    answer = await change(client, clinic, patient, series, "reschedule", starts_at=to)
    assert tally([answer]) == {"409 slot_taken": 1}
    assert [each["code"] for each in answer.json()["occurrences"]] == [None, None, "slot_taken", None]
    read = await client.get(f"/appointments/series/{series['id']}", headers=patient.headers)
    assert read.json() == series
    assert await flaws(clinic.database) == []


async def test_the_clock_on_the_wall_is_what_moves(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, sqlite_database: Database
) -> None:
    """The clocks of Berlin go forward on 30 March 2031."""
    async with transaction(clinic.database.writes) as session:
        (await get_default(session)).timezone = "Europe/Berlin"
    series = await booked(client, patient, doctor, datetime(2031, 3, 18, 9, tzinfo=UTC))
    answer = await change(client, clinic, patient, series, "reschedule", starts_at="2031-03-19T11:00:00Z")
    assert [start for start, _ in shown(answer)] == ["03-19T11:00", "03-26T11:00", "04-02T10:00", "04-09T10:00"]


async def test_where_nothing_is_to_come_nothing_moves_and_strangers_see_no_series(
    client: httpx.AsyncClient, clinic: Clinic, patient: Person, doctor: Person, sqlite_database: Database
) -> None:
    series = await booked(client, patient, doctor)
    stranger = await clinic.patient()
    to = (TEN + timedelta(hours=1)).isoformat()
    for what, body in (("cancel", {}), ("reschedule", {"starts_at": to})):
        assert tally([await change(client, clinic, stranger, series, what, **body)]) == {"404 not_found": 1}
    assert shown(await change(client, clinic, patient, series, "cancel"))
    assert tally([await change(client, clinic, patient, series, "reschedule", starts_at=to)]) == {
        "409 not_possible_now": 1
    }
