"""Rooms and devices that visits have."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor
from appointed.core.clock import Clock
from appointed.core.errors import StartAgain
from appointed.locations import queries
from appointed.locations.models import Room
from appointed.locations.service import ensure_kind, rooms

from .dealing import Affected, Cause, Dealing, Fate
from .taking import taking_ground


async def change_room(
    session: AsyncSession, actor: Actor, room_id: UUID, changes: Mapping[str, Any], *, clock: Clock
) -> Room:
    """Change what is given; visits that were marked because the room was out of use lose their mark when it is back."""
    if not changes.get("is_active"):
        return await rooms.change(session, actor.user_id, room_id, changes, now=clock.now())
    seen = await queries.get_room(session, room_id)
    kinds = {seen.kind, changes.get("kind", seen.kind)}
    whose = {room_id, *[await ensure_kind(session, seen.location_id, kind) for kind in kinds]}
    async with taking_ground(session, actor, whose, Dealing(Fate.KEEP), Cause.ROOM_DEACTIVATED, clock=clock) as taking:
        return await rooms.change(session, actor.user_id, room_id, changes, now=taking.now)


async def deactivate_room(
    session: AsyncSession, actor: Actor, room_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Have the room or device chosen no more; the visits that have it."""
    room = await queries.get_room(session, room_id)
    kind = room.kind
    # Whoever chooses a room locks its kind.
    whose = {room_id, await ensure_kind(session, room.location_id, kind)}
    async with taking_ground(session, actor, whose, dealing, Cause.ROOM_DEACTIVATED, clock=clock) as taking:
        await session.refresh(room)
        if room.kind != kind:
            raise StartAgain
        await rooms.deactivate(session, actor.user_id, room, now=taking.now)
    return taking.affected
