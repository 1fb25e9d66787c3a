"""Group sessions over HTTP: planning, taking part, leaving and calling off."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.appointments.models import Appointment
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.locations.models import Room, RoomKind
from appointed.locations.service import get_default
from appointed.resources.models import Resource
from tests.support.factories import Clinic, Person
from tests.support.racing import tally
from tests.support.soundness import flaws

TEN = datetime(2031, 3, 4, 10, 5, tzinfo=UTC)
LONG = timedelta(minutes=75)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def plan(client: httpx.AsyncClient, who: Person, doctor: Person, **more: Any) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "title": "Back school", "starts_at": TEN.isoformat(),
            "ends_at": (TEN + LONG).isoformat(), "capacity": 2} | more  # fmt: skip
    return await client.post("/sessions", json=body, headers=who.headers)


async def join(client: httpx.AsyncClient, who: Person, session: Any, **more: Any) -> httpx.Response:
    return await client.post(f"/sessions/{session['id']}/places", json=more, headers=who.headers)


async def free_places(client: httpx.AsyncClient, session: Any) -> int:
    places: int = (await client.get(f"/sessions/{session['id']}")).json()["free_places"]
    return places


async def seats(database: Database) -> list[int]:
    async with database.reads() as session:
        found = await session.scalars(select(Appointment.seat).where(Appointment.seat.is_not(None)))
        return sorted(seat for seat in found if seat is not None)


async def room_in(database: Database, kind: str = "gym") -> Room:
    async with transaction(database.writes) as session:
        place = await get_default(session)
        known = await session.scalar(select(RoomKind).where(RoomKind.kind == kind))
        row, room_id, kind_id = None, new_id(), new_id()
        session.add(Resource(id=room_id, kind="room"))
        if known is None:
            session.add(Resource(id=kind_id, kind="room-kind"))
            await session.flush()
            session.add(RoomKind(id=kind_id, location_id=place.id, kind=kind))
        await session.flush()
        row = Room(id=room_id, location_id=place.id, name="Gym", kind=kind, is_device=False, is_active=True,
                   created_at=TEN)  # fmt: skip
        session.add(row)
    return row


async def test_a_session_takes_its_doctors_time_and_shows_its_free_places(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    session = (await plan(client, desk, doctor)).json()
    assert (session["free_places"], session["capacity"]) == (2, 2)
    body = {"doctor_id": str(doctor.id), "starts_at": TEN.replace(minute=30).isoformat()}
    assert tally([await client.post("/appointments", json=body, headers=patient.headers)]) == {"409 slot_taken": 1}
    listed = await client.get("/slots", params={"doctor_id": str(doctor.id), "from": "2031-03-04", "to": "2031-03-04"})
    assert not {"10:00", "10:30", "11:00"} & {slot["starts_at"][11:16] for slot in listed.json()["slots"]}
    everybody = await client.get("/sessions", params={"from": "2031-03-04", "to": "2031-03-04"})
    assert everybody.json()["items"] == [session]
    assert (await client.get("/sessions", params={"doctor_id": str(uuid4())})).json()["items"] == []
    assert await flaws(database) == []


async def test_whoever_takes_part_has_a_seat_until_there_is_none(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, people = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    session = (await plan(client, desk, doctor)).json()
    answers = [await join(client, who, session) for who in people]
    assert tally(answers) == {"201": 2, "409 session_full": 1}
    place = answers[0].json()
    assert (place["session_id"], place["doctor_id"], place["is_extra"]) == (session["id"], str(doctor.id), False)
    assert datetime.fromisoformat(place["ends_at"]) == TEN + LONG
    assert await free_places(client, session) == 0
    assert await seats(database) == [0, 1]
    assert tally([await join(client, people[0], session)]) == {"409 patient_busy": 1}
    assert await flaws(database) == []


async def test_who_leaves_leaves_the_lowest_seat_to_others(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, people = await clinic.doctor(), [await clinic.patient() for _ in range(3)]
    session = (await plan(client, desk, doctor)).json()
    first, _ = [(await join(client, who, session)).json() for who in people[:2]]
    left = await client.post(f"/appointments/{first['id']}/cancel", headers=people[0].headers)
    assert left.json()["status"] == "cancelled"
    assert await seats(database) == [1]
    assert tally([await join(client, people[2], session)]) == {"201": 1}
    assert await seats(database) == [0, 1]
    assert await flaws(database) == []


async def test_a_patient_who_is_elsewhere_cannot_take_part(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    session = (await plan(client, desk, doctor)).json()
    await clinic.visit(patient, await clinic.doctor(), TEN.replace(minute=30))
    assert tally([await join(client, patient, session)]) == {"409 patient_busy": 1}


async def test_calling_a_session_off_cancels_every_place_and_frees_the_time(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    doctor, people = await clinic.doctor(), [await clinic.patient() for _ in range(2)]
    session = (await plan(client, desk, doctor)).json()
    places = [(await join(client, who, session)).json() for who in people]
    for _ in range(2):
        answer = await client.post(f"/sessions/{session['id']}/cancel", json={"reason": "Ill"}, headers=desk.headers)
        assert (answer.status_code, answer.json()["free_places"]) == (200, 0)
        assert answer.json()["version"] == 2
    for place, who in zip(places, people, strict=True):
        read = (await client.get(f"/appointments/{place['id']}", headers=who.headers)).json()
        assert (read["status"], read["cancel_code"], read["cancel_note"]) == ("cancelled", "session_cancelled", "Ill")
    assert tally([await join(client, people[0], session)]) == {"409 session_cancelled": 1}
    assert (await client.get("/sessions")).json()["items"] == []
    assert await flaws(database) == []
    assert tally([await plan(client, desk, doctor)]) == {"201": 1}


async def test_a_session_lies_within_hours_and_never_over_a_visit(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor = await clinic.doctor()
    await clinic.visit(await clinic.patient(), doctor, TEN.replace(minute=30))
    refused = [
        await plan(client, desk, doctor),
        await plan(client, desk, doctor, starts_at=TEN.replace(hour=7).isoformat()),
        await plan(client, desk, doctor, starts_at=TEN.replace(minute=7).isoformat()),
        await plan(client, desk, doctor, ends_at=TEN.isoformat()),
        await plan(client, desk, doctor, room_id=str(uuid4())),
        await plan(client, desk, doctor, room_kind="gym"),
        await plan(client, desk, doctor, capacity=1),
        await plan(client, desk, doctor, capacity=201),
    ]
    assert [next(iter(tally([each]))) for each in refused] == [
        "409 slot_taken", "422 outside_hours", "422 off_grid", "422 invalid", "422 invalid", "409 slot_taken",
        "422 invalid", "422 invalid",
    ]  # fmt: skip


async def test_a_room_is_taken_once(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, database: Database
) -> None:
    rooms = {str((await room_in(database)).id) for _ in range(2)}
    answers = [await plan(client, desk, await clinic.doctor(), room_kind="gym") for _ in range(3)]
    assert tally(answers) == {"201": 2, "409 room_taken": 1}
    assert {each.json()["room_id"] for each in answers[:2]} == rooms
    taken = await plan(client, desk, await clinic.doctor(), room_id=answers[0].json()["room_id"])
    assert tally([taken]) == {"409 room_taken": 1}
    assert await flaws(database) == []


async def test_leave_over_a_session_marks_its_places(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    session = (await plan(client, desk, doctor)).json()
    place = (await join(client, patient, session)).json()
    await client.delete(f"/doctors/{doctor.id}", params={"visits": "keep"},
                        headers=(await clinic.staff(Role.ADMIN)).headers)  # fmt: skip
    read = await client.get(f"/appointments/{place['id']}", headers=patient.headers)
    assert read.json()["needs_attention"]
    assert tally([await join(client, await clinic.patient(), session)]) == {"422 not_offered": 1}
