"""`GET /appointments`: what is listed, in which order, page by page."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import counted

from .lives import do, read

HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


async def listed(client: httpx.AsyncClient, who: Person, **query: Any) -> list[str]:
    answer = await client.get("/appointments", params=query, headers=who.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return [visit["id"] for visit in answer.json()["items"]]


async def test_visits_are_listed_by_their_start_and_by_what_is_asked_for(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime
) -> None:
    one, another = await clinic.doctor(), await clinic.doctor()
    pat, kim = await clinic.patient(), await clinic.patient()
    kind = await clinic.visit_type()
    late = str((await clinic.visit(pat, one, ten + 2 * DAY, visit_type_id=kind.id)).id)
    first = await clinic.visit(kim, another, ten)
    early, place_id = str(first.id), first.location_id
    between = str((await clinic.visit(kim, one, ten + DAY)).id)
    await client.delete(f"/appointments/{between}", headers=kim.headers)
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [early, between, late]),
        ({"doctor_id": str(one.id)}, [between, late]),
        ({"patient_id": str(kim.id)}, [early, between]),
        ({"doctor_id": str(one.id), "patient_id": str(kim.id)}, [between]),
        ({"status": "booked"}, [early, late]),
        ({"status": ["booked", "cancelled"]}, [early, between, late]),
        ({"status": "noshow"}, []),
        ({"from": "2031-03-04"}, [between, late]),
        ({"to": "2031-03-04"}, [early, between]),
        ({"from": "2031-03-04", "to": "2031-03-04"}, [between]),
        ({"from": (ten + DAY).isoformat(), "to": (ten + 2 * DAY).isoformat()}, [between]),
        ({"needs_attention": "false"}, [early, between, late]),
        ({"needs_attention": "true"}, []),
        ({"visit_type_id": str(kind.id)}, [late]),
        ({"visit_type_id": str(kind.id), "status": "cancelled"}, []),
        ({"location_id": str(place_id)}, [early, between, late]),
        ({"location_id": str(one.id)}, []),
        ({"series_id": str(one.id)}, []),
        ({"session_id": str(one.id)}, []),
    ]
    for query, expected in asked:
        assert await listed(client, desk, **query) == expected, query
    assert await listed(client, kim) == [early, between]
    assert await listed(client, one) == [between, late]


async def test_visits_that_lost_their_ground_are_found_until_somebody_deals_with_them(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime
) -> None:
    doctor, patient = await clinic.doctor(hours=False), await clinic.patient()
    hours = await clinic.hours(doctor.profile_id, ten.weekday(), 540, 780)
    rest = await clinic.hours(doctor.profile_id, ten.weekday(), 780, 1020)
    lost = [str((await clinic.visit(patient, doctor, ten + HALF_HOUR * number)).id) for number in range(2)]
    kept = str((await clinic.visit(patient, doctor, ten + 8 * HALF_HOUR)).id)

    refused = await client.delete(f"/availability/{hours}", headers=desk.headers)
    assert (refused.status_code, refused.json()["code"], refused.json()["visits"]) == (409, "visits_affected", lost)
    assert await listed(client, desk, needs_attention=True) == []

    removed = await client.request("DELETE", f"/availability/{hours}", json={"visits": "keep"}, headers=desk.headers)
    assert removed.status_code == 200
    assert [each["id"] for each in removed.json()["affected"]] == lost
    assert [each["starts_at"] for each in removed.json()["affected"]] == [
        "2031-03-03T10:00:00Z",
        "2031-03-03T10:30:00Z",
    ]
    assert await listed(client, desk, needs_attention=True) == lost
    assert await listed(client, desk, needs_attention=False) == [kept]
    marked = (await client.get(f"/appointments/{lost[0]}", headers=desk.headers)).json()
    assert (marked["status"], marked["attention_code"]) == ("booked", "hours_removed")

    await client.delete(f"/appointments/{lost[0]}", headers=desk.headers)
    assert await listed(client, desk, needs_attention=True) == lost[1:]
    shrunk = await client.patch(
        f"/availability/{rest}", json={"start_time": "15:00", "visits": "keep"}, headers=desk.headers
    )
    assert [each["id"] for each in shrunk.json()["affected"]] == [kept]
    assert await listed(client, desk, needs_attention=True) == [lost[1], kept]


async def test_taking_hours_away_cancels_with_a_reason_or_not_at_all(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(hours=False), await clinic.patient()
    hours = await clinic.hours(doctor.profile_id, ten.weekday(), 540, 780)
    visit = str((await clinic.visit(patient, doctor, ten)).id)
    body: dict[str, Any] = {"visits": "cancel"}
    silent = await client.request("DELETE", f"/availability/{hours}", json=body, headers=desk.headers)
    assert (silent.status_code, silent.json()["fields"][0]["name"]) == (422, "reason")
    said = await client.request("DELETE", f"/availability/{hours}", json=body | {"reason": "Ill"}, headers=desk.headers)
    assert [each["id"] for each in said.json()["affected"]] == [visit]
    read = (await client.get(f"/appointments/{visit}", headers=patient.headers)).json()
    assert (read["status"], read["cancel_code"], read["cancel_note"]) == ("cancelled", "hours_removed", "Ill")


async def test_the_list_of_the_days_end_is_of_what_nobody_has_closed(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, desk: Person, ten: datetime, database: Database
) -> None:
    doctor, other = await clinic.doctor(), await clinic.doctor()
    visits = [await clinic.visit(await clinic.patient(), doctor, ten + HALF_HOUR * number) for number in range(8)]
    elsewhere = await clinic.visit(await clinic.patient(), other, ten)
    clock.set(ten + 7 * HALF_HOUR)
    done = [["arrive"], ["check-in"], ["arrive", "complete"], ["no-show"], ["complete"], ["cancel"], [], []]
    for visit, actions in zip(visits, done, strict=True):
        for action in actions:
            assert (await do(client, clinic, desk, visit.id, action)).status_code == 200

    async def unclosed(who: Person, *, is_asked: bool = True) -> list[str]:
        query = {"unclosed": is_asked}
        return [each["id"] for each in (await read(client, clinic, who, "/appointments", **query))["items"]]

    # The seventh ends at this moment, the eighth begins.
    mine = [str(visits[number].id) for number in (0, 1, 6)]
    assert await unclosed(doctor) == mine
    assert set(await unclosed(desk)) == {*mine, str(elsewhere.id)}
    assert len(await unclosed(desk, is_asked=False)) == 9


async def test_hours_that_others_cover_can_go_without_a_word(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    twice = await clinic.hours(doctor.profile_id, ten.weekday(), 540, 780)
    await clinic.visit(patient, doctor, ten)
    assert (await client.delete(f"/availability/{twice}", headers=desk.headers)).json() == {"affected": []}


async def test_pages_hold_every_visit_once_whatever_happens_between_them(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime
) -> None:
    """Equal starts too, and visits that come, go and change before and after where the reader is."""
    doctors, people = [await clinic.doctor() for _ in range(3)], [await clinic.patient() for _ in range(3)]
    for number in range(6):
        for doctor, patient in zip(doctors, people, strict=True):
            await clinic.visit(patient, doctor, ten + HALF_HOUR * number)
    whole = await listed(client, desk, limit=200)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    for turn in range(10):
        page = (await client.get("/appointments", params=query, headers=desk.headers)).json()
        seen += [visit["id"] for visit in page["items"]]
        await clinic.visit(people[0], doctors[0], ten - HALF_HOUR + DAY * (turn + 1))
        await client.delete(f"/appointments/{seen[-1]}", headers=desk.headers)
        if page["next_cursor"] is None or len(seen) >= len(whole):
            break
        assert len(page["items"]) == 4
        query["cursor"] = page["next_cursor"]
    assert seen[: len(whole)] == whole
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": 10**9}, "limit"), ({"limit": 0}, "limit"), ({"cursor": "nonsense"}, "cursor"),
     ({"status": "lost"}, "status"),
     ({"from": "2031-03-03T10:00"}, "from"), ({"to": "yesterday"}, "to"), ({"doctor_id": "7"}, "doctor_id")],
)  # fmt: skip
async def test_a_list_that_cannot_be_had_names_the_field(
    query: dict[str, Any], field: str, client: httpx.AsyncClient, desk: Person, sqlite_database: Database
) -> None:
    said = await client.get("/appointments", params=query, headers=desk.headers)
    assert said.status_code == 422
    assert field in {each["name"].partition(".")[0] for each in said.json()["fields"]}


async def test_however_many_visits_are_listed_the_statements_are_as_many(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()

    async def statements() -> int:
        with counted(database) as sent:
            await listed(client, desk, limit=200)
        return len(sent)

    await clinic.visit(patient, doctor, ten)
    of_one = await statements()
    for number in range(1, 30):
        await clinic.visit(patient, doctor, ten + DAY * number)
    assert await statements() == of_one <= 7
