"""A doctor who runs late: what is shown with whose visits, and what stays as it was."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.core.outbox import OutboxMessage
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import counted
from tests.support.racing import tally
from tests.support.soundness import remains

from .lives import do, headers_of, read

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
async def doctor(clinic: Clinic) -> Person:
    return await clinic.doctor()


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


async def put(client: httpx.AsyncClient, clinic: Clinic, who: Person, doctor: Person, **said: Any) -> httpx.Response:
    return await client.put(f"/doctors/{doctor.id}/running-late", json=said, headers=headers_of(clinic, who))


async def expected(client: httpx.AsyncClient, clinic: Clinic, who: Person) -> list[str | None]:
    """What each visit of the list is expected at, as wall time."""
    items = (await read(client, clinic, who, "/appointments"))["items"]
    return [item["expected_at"] and item["expected_at"][11:16] for item in items]


async def events(database: Database) -> list[dict[str, str]]:
    query = select(OutboxMessage.payload).where(OutboxMessage.name == "doctor.running-late").order_by(OutboxMessage.id)
    async with database.reads() as session:
        return list(await session.scalars(query))


async def test_visits_that_wait_show_when_they_are_expected(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, nurse: Person, database: Database
) -> None:
    other = await clinic.doctor()
    nine = clock.now() + HOUR
    visits = [await clinic.visit(await clinic.patient(), doctor, nine + HOUR / 2 * n) for n in (0, 1, 2, 3, 4)]
    await clinic.visit(await clinic.patient(), other, nine + 3 * HOUR)
    await clinic.visit(await clinic.patient(), doctor, nine + 24 * HOUR)
    ticks = (await remains(database)).ticks
    clock.set(nine + 50 * MINUTE)
    await do(client, clinic, nurse, visits[2].id, "arrive")
    await do(client, clinic, nurse, visits[2].id, "start")
    said = await put(client, clinic, doctor, doctor, minutes=40)
    assert said.json() == {"doctor_id": str(doctor.id), "minutes": 40, "since": "2031-03-03T09:10:00Z",
                           "until": "2031-03-04T00:00:00Z"}  # fmt: skip
    # Nine o'clock was over, ten has been started; tomorrow and the other doctor are on time.
    assert await expected(client, clinic, nurse) == [None, "10:10", None, "11:10", "11:40", None, None]
    one = await read(client, clinic, nurse, f"/appointments/{visits[3].id}")
    assert (one["starts_at"][11:16], one["expected_at"][11:16]) == ("10:30", "11:10")
    arrived = (await do(client, clinic, nurse, visits[3].id, "arrive")).json()
    assert arrived["expected_at"][11:16] == "11:10"
    assert (await remains(database)).ticks == ticks
    assert await events(database) == [
        {"doctor_id": str(doctor.id), "minutes": "40", "until": "2031-03-04T00:00:00+00:00"}
    ]


async def test_a_delay_is_changed_ended_and_told_once_however_often_it_is_said(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, nurse: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    await clinic.visit(await clinic.patient(), doctor, clock.now() + 2 * HOUR)
    for minutes, shown in ((0, None), (20, "10:20"), (20, "10:20"), (35, "10:35"), (0, None), (0, None)):
        assert tally([await put(client, clinic, nurse, doctor, minutes=minutes)]) == {"200": 1}
        assert await expected(client, clinic, nurse) == [shown]
    assert [event["minutes"] for event in await events(sqlite_database)] == ["20", "35", "0"]


async def test_a_delay_ends_when_it_was_said_to(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, nurse: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    for hours in (2, 3):
        await clinic.visit(await clinic.patient(), doctor, clock.now() + hours * HOUR)
    until = clock.now() + 3 * HOUR
    await put(client, clinic, nurse, doctor, minutes=15, until=until.isoformat())
    assert await expected(client, clinic, nurse) == ["10:15", None]


@pytest.mark.parametrize(
    ("said", "field"),
    [({"minutes": -1}, "minutes"), ({"minutes": 241}, "minutes"), ({}, "minutes"), ({"minutes": 2.5}, "minutes"),
     ({"minutes": 5, "until": "2031-03-03T08:00:00Z"}, "until"), ({"minutes": 5, "until": "2031-03-03"}, "until")],
)  # fmt: skip
async def test_a_delay_that_cannot_be_names_its_field(
    said: dict[str, Any], field: str, client: httpx.AsyncClient, clinic: Clinic, doctor: Person, nurse: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    answer = await put(client, clinic, nurse, doctor, **said)
    assert (answer.status_code, [each["name"] for each in answer.json()["fields"]]) == (422, [field])
    assert await events(sqlite_database) == []


async def test_the_clinics_day_ends_by_its_own_clock(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, doctor: Person, nurse: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    """At the clinic's midnight, which for the default clinic is that of UTC."""
    clock.set(datetime.fromisoformat("2031-03-03T23:59:00+00:00"))
    assert (await put(client, clinic, nurse, doctor, minutes=5)).json()["until"] == "2031-03-04T00:00:00Z"


async def test_however_many_visits_wait_the_statements_are_as_many(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, nurse: Person, database: Database
) -> None:
    async def statements() -> int:
        with counted(database) as sent:
            await expected(client, clinic, nurse)
        return len(sent)

    patient, doctors = await clinic.patient(), [await clinic.doctor() for _ in range(4)]
    for number, each in enumerate(doctors):
        await put(client, clinic, nurse, each, minutes=10)
        await clinic.visit(patient, each, clock.now() + (2 + number) * HOUR)
        if number == 0:
            of_one = await statements()
    assert await statements() == of_one
