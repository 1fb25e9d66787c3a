"""Rooms and devices: what there is, by kind, and what of it is a resource."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.locations.models import RoomKind
from appointed.resources.models import Resource

from ..support.factories import Clinic, Person


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


async def ask(client: httpx.AsyncClient, method: str, path: str, who: Person, body: Any = None) -> httpx.Response:
    return await client.request(method, f"/rooms{path}", headers=dict(who.headers), json=body)


async def kinds(database: Database) -> dict[str, str]:
    """What each kind's resource says that it is."""
    async with database.reads() as session:
        rows = await session.execute(select(RoomKind.kind, Resource.kind).join(Resource, Resource.id == RoomKind.id))
        return {row[0]: row[1] for row in rows}


async def test_a_room_is_a_resource_and_so_is_its_kind(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person, database: Database
) -> None:
    location_id = str((await clinic.location()).id)
    room = {"location_id": location_id, "name": "Room 1", "kind": "treatment"}
    made = await ask(client, "POST", "", admin, room)
    assert made.json() == room | {"id": made.json()["id"], "is_device": False, "is_active": True}
    await ask(client, "POST", "", admin, room | {"name": "Room 2"})
    device = await ask(client, "POST", "", admin, room | {"name": "Pump", "kind": "pump", "is_device": True})
    async with database.reads() as session:
        found = (await session.scalars(select(Resource.kind))).all()
    assert sorted(found) == ["device", "room", "room", "room-kind", "room-kind"]
    assert await kinds(database) == {"treatment": "room-kind", "pump": "room-kind"}
    nurse = await clinic.staff(Role.NURSE)
    listed = (await ask(client, "GET", f"?location_id={location_id}", nurse)).json()["items"]
    assert [each["name"] for each in listed] == ["Pump", "Room 1", "Room 2"]
    assert (await ask(client, "GET", f"/{device.json()['id']}", nurse)).json() == device.json()
    assert (await ask(client, "GET", f"?location_id={uuid4()}", nurse)).json()["items"] == []


async def test_a_room_of_another_kind_is_chosen_by_that_kind(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person, database: Database
) -> None:
    room = await clinic.room((await clinic.location()).id, "treatment")
    changed = await ask(client, "PATCH", f"/{room.id}", admin, {"kind": "x-ray", "name": "Dark room"})
    assert (changed.json()["kind"], changed.json()["name"]) == ("x-ray", "Dark room")
    assert set(await kinds(database)) == {"treatment", "x-ray"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"kind": "Two words"}, "kind"), ({"kind": ""}, "kind"), ({"name": "\0"}, "name"),
     ({"location_id": str(uuid4())}, "location_id")],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_name(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person, sqlite_database: object, changes: Any, field: str
) -> None:
    body = {"location_id": str((await clinic.location()).id), "name": "Room 1", "kind": "treatment"} | changes
    answer = await ask(client, "POST", "", admin, body)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert (await ask(client, "GET", "", admin)).json()["items"] == []


async def test_rooms_that_are_added_at_once_share_one_kind(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person, database: Database
) -> None:
    location_id = str((await clinic.location()).id)
    bodies = [{"location_id": location_id, "name": f"Room {number}", "kind": "treatment"} for number in range(8)]
    answers = await asyncio.gather(*(ask(client, "POST", "", admin, body) for body in bodies))
    assert {answer.status_code for answer in answers} <= {201, 503}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len(made) > 1
    assert len((await ask(client, "GET", "", admin)).json()["items"]) == len(made)
    assert await kinds(database) == {"treatment": "room-kind"}
