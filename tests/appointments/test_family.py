"""Family appointments over HTTP: one after the other, all of them or none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws, remains

TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def book(
    client: httpx.AsyncClient, who: Person, doctor: Person, members: list[Any], start: datetime = TEN, **more: Any
) -> httpx.Response:
    named = [each if isinstance(each, dict) else {"patient_id": str(each.id)} for each in members]
    body = {"doctor_id": str(doctor.id), "starts_at": start.isoformat(), "members": named} | more
    return await client.post("/appointments/family", json=body, headers=who.headers)


def times_of(answer: httpx.Response) -> list[str]:
    return [f"{each['starts_at'][11:16]}-{each['ends_at'][11:16]}" for each in answer.json()["appointments"]]


async def test_members_are_seen_one_after_the_other(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, members = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    answer = await book(client, desk, doctor, members)
    assert tally([answer]) == {"201": 1}
    assert times_of(answer) == ["10:00-10:30", "10:30-11:00", "11:00-11:30"]
    visits = answer.json()["appointments"]
    assert [each["patient_id"] for each in visits] == [str(member.id) for member in members]
    assert {each["family_id"] for each in visits} == {answer.json()["family_id"]}
    assert await flaws(database) == []


async def test_buffers_and_grids_of_each_visit_type_are_kept(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, members = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    short = await clinic.visit_type(length_minutes=20, grid_minutes=10, buffer_after_minutes=10)
    long = await clinic.visit_type(length_minutes=40, grid_minutes=20, buffer_before_minutes=5)
    kinds = [short, long, short]
    named = [
        {"patient_id": str(member.id), "visit_type_id": str(kind.id)}
        for member, kind in zip(members, kinds, strict=True)
    ]
    answer = await book(client, desk, doctor, named)
    # The second leaves fifteen minutes and waits for its grid; so does the third, for which it leaves none.
    assert times_of(answer) == ["10:00-10:20", "10:40-11:20", "11:20-11:40"]
    assert await flaws(sqlite_database) == []


async def test_if_one_cannot_be_had_none_is(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, members = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    await clinic.visit(members[1], await clinic.doctor(), TEN + timedelta(minutes=30))
    answer = await book(client, desk, doctor, members)
    assert tally([answer]) == {"409 patient_busy": 1}
    report = answer.json()["members"]
    assert [each["code"] for each in report] == [None, "patient_busy", None]
    assert [each["patient_id"] for each in report] == [str(member.id) for member in members]
    assert [each["starts_at"][11:16] for each in report] == ["10:00", "10:30", "11:00"]
    assert report[1]["alternatives"]
    assert len((await remains(database)).visits) == 1
    assert await flaws(database) == []


async def test_the_end_of_the_hours_is_the_end(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, members = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    answer = await book(client, desk, doctor, members, TEN.replace(hour=16))
    assert tally([answer]) == {"422 outside_hours": 1}
    assert [each["code"] for each in answer.json()["members"]] == [None, None, "outside_hours"]


async def test_a_family_has_two_to_eight_different_members(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, members = await clinic.doctor(), [await clinic.patient() for _ in range(9)]
    for whom in (members[:1], members, [members[0], members[0]]):
        assert tally([await book(client, desk, doctor, whom)]) == {"422 invalid": 1}
    assert tally([await book(client, desk, doctor, members[:8])]) == {"201": 1}


async def test_a_patient_books_no_strangers(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient, stranger = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    answer = await book(client, patient, doctor, [patient, stranger])
    assert tally([answer]) == {"422 invalid": 1}
    assert (await remains(sqlite_database)).visits == []
