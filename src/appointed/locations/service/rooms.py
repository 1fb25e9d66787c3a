"""Rooms and devices, and the kinds of them that a location has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.core.db import constraint_of
from appointed.core.errors import Invalid, StartAgain
from appointed.core.ids import new_id
from appointed.locations import queries
from appointed.locations.models import Location, Room, RoomKind


@dataclass(frozen=True, slots=True)
class NewRoom:
    """What is said of a room or a device; one of its kind is chosen for a visit that needs it."""

    location_id: UUID
    name: str
    kind: str
    is_device: bool = False


async def add(session: AsyncSession, by: UUID | None, new: NewRoom, *, now: datetime) -> Room:
    """A new room, which is a resource, and so is its kind at its location."""
    if await session.get(Location, new.location_id) is None:
        raise Invalid.field("location_id", "There is no such location.", "unknown")
    await ensure_kind(session, new.location_id, new.kind)
    room = Room(id=new_id(), location_id=new.location_id, name=new.name, kind=new.kind, is_device=new.is_device,
                is_active=True, created_at=now)  # fmt: skip
    resources.add(session, room.id, "device" if new.is_device else "room")
    await session.flush()
    session.add(room)
    await session.flush()
    audit.record(session, now, by, "room.add", "room", room.id)
    return room


async def change(session: AsyncSession, by: UUID, room_id: UUID, changes: Mapping[str, Any], *, now: datetime) -> Room:
    """Change a room's name or kind, or make it active again; visits that have it keep it, whatever it is now."""
    if changes.get("is_active") is False:
        raise Invalid.field("is_active", "Deactivate with DELETE, which asks what becomes of the visits.")
    room = await locked(session, room_id, *([changes["kind"]] if "kind" in changes else []))
    for name, value in changes.items():
        setattr(room, name, value)
    await session.flush()
    audit.record(session, now, by, "room.change", "room", room.id, fields=",".join(sorted(changes)))
    return room


async def deactivate(session: AsyncSession, by: UUID, room: Room, *, now: datetime) -> None:
    """The room, which is locked, is chosen no more."""
    room.is_active = False
    await session.flush()
    audit.record(session, now, by, "room.deactivate", "room", room.id)


async def ensure_kind(session: AsyncSession, location_id: UUID, kind: str) -> UUID:
    """The resource that stands for a kind of room at a location, made when it is first needed."""
    query = select(RoomKind.id).where(RoomKind.location_id == location_id, RoomKind.kind == kind)
    found = await session.scalar(query)
    if found is not None:
        return found
    row = RoomKind(id=new_id(), location_id=location_id, kind=kind)
    resources.add(session, row.id, "room-kind")
    await session.flush()
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_room_kinds_location_id_kind":
            # Somebody else made it meanwhile.
            raise StartAgain from None
        raise
    return row.id


async def locked(session: AsyncSession, room_id: UUID, *kinds: str) -> Room:
    """The room as it is now, behind its own lock and those of its kind and of the other kinds, made if need be.

    Whoever chooses a room locks the kind first, so a room neither comes nor goes while one is chosen.
    """
    seen = await queries.get_room(session, room_id)
    before = (seen.location_id, seen.kind)
    kind_ids = [await ensure_kind(session, seen.location_id, kind) for kind in {seen.kind, *kinds}]
    await resources.lock(session, [room_id, *kind_ids])
    await session.refresh(seen)
    if (seen.location_id, seen.kind) != before:
        raise StartAgain
    return seen
