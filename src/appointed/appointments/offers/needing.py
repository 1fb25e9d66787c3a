"""What a visit takes besides its doctor: which rooms, devices and other doctors would do, and what to lock for them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability.models import Schedule
from appointed.availability.queries import hours_in, with_hours
from appointed.availability.rules import Hours
from appointed.core.names import search_key
from appointed.core.types import MachineString, ids_of
from appointed.doctors.models import Doctor
from appointed.locations.models import Room, RoomKind
from appointed.visit_types.models import VisitType

from .reading import Closed

_ROOMS: Select[*tuple[Any, ...]] = (
    select(Room.id, Room.location_id, Room.kind, Room.is_device, RoomKind.id.label("kind_id"))
    .join(RoomKind, and_(RoomKind.location_id == Room.location_id, RoomKind.kind == Room.kind))
    .where(
        Room.location_id.in_(ids_of("places")),
        Room.kind.in_(bindparam("kinds", type_=MachineString(40), expanding=True)),
        Room.is_active,
    )
)
_PRACTITIONERS = with_hours(
    select(Doctor.specialization_key).where(
        Doctor.is_active,
        Doctor.specialization_key.in_(bindparam("specializations", type_=MachineString(200), expanding=True)),
        Schedule.location_id.in_(ids_of("places")),
    )
)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a visit needs, by which name it is taken, and what would do at each location."""

    role: str
    candidates: Mapping[UUID, Collection[UUID]]


@dataclass(frozen=True, slots=True)
class Needs:
    """All that a visit of a type needs. `practices` are the hours of the doctors among it, `locks` the resources that
    are locked while one of each is chosen."""

    each: tuple[Need, ...] = ()
    practices: Mapping[UUID, Collection[Hours]] = field(default_factory=dict)
    locks: frozenset[UUID] = frozenset()

    @property
    def resources(self) -> set[UUID]:
        return {each for need in self.each for those in need.candidates.values() for each in those}


def needs_any(visit_type: VisitType) -> bool:
    return bool(visit_type.room_kind or visit_type.device_kinds or visit_type.practitioner_roles)


async def find(session: AsyncSession, visit_type: VisitType, places: Collection[UUID], closed: Closed) -> Needs:
    """Nothing is asked for a visit type that needs nothing."""
    found: list[Need] = []
    locks: set[UUID] = set()
    practices: dict[UUID, list[Hours]] = {}
    if kinds := _kinds(visit_type):
        given = {"places": list(places), "kinds": list({kind for kind, _ in kinds})}
        rows = (await session.execute(_ROOMS, given)).all()
        found += (Need(kind, _rooms(rows, kind, is_device=is_device)) for kind, is_device in kinds)
        locks |= {row.kind_id for row in rows}
    if visit_type.practitioner_roles:
        keys = {search_key(role["specialization"]) for role in visit_type.practitioner_roles}
        given = {"places": list(places), "specializations": list(keys)}
        rows = (await session.execute(_PRACTITIONERS, given)).all()
        practices = hours_in(rows, closed)
        found += (Need(role["role"], _practitioners(rows, role["specialization"]))
                  for role in visit_type.practitioner_roles)  # fmt: skip
        locks |= practices.keys()
    return Needs(tuple(found), practices, frozenset(locks))


def _kinds(visit_type: VisitType) -> list[tuple[str, bool]]:
    """The kinds of rooms and devices that are needed, each with whether it is a device."""
    room = [(visit_type.room_kind, False)] if visit_type.room_kind else []
    return [*room, *((kind, True) for kind in visit_type.device_kinds)]


def _rooms(rows: Iterable[Row[Any]], kind: str, *, is_device: bool) -> dict[UUID, set[UUID]]:
    return _by_place((row.location_id, row.id) for row in rows if (row.kind, row.is_device) == (kind, is_device))


def _practitioners(rows: Iterable[Row[Any]], specialization: str) -> dict[UUID, set[UUID]]:
    key = search_key(specialization)
    return _by_place((row.location_id, row.doctor_id) for row in rows if row.specialization_key == key)


def _by_place(found: Iterable[tuple[UUID, UUID]]) -> dict[UUID, set[UUID]]:
    places: dict[UUID, set[UUID]] = {}
    for place, each in found:
        places.setdefault(place, set()).add(each)
    return places
