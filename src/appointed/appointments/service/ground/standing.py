"""What visits stand on, as it is at one moment, and what each of them lacks of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment, GroupSession, Participant
from appointed.availability import queries as availability
from appointed.availability.models import Offer
from appointed.availability.rules import Hours, openings, tick_of
from appointed.doctors.models import Doctor
from appointed.locations.holidays import closed_days
from appointed.locations.models import Location, Room
from appointed.patients.models import Patient
from appointed.visit_types.models import VisitType

from .reaching import too_far

_DAY = timedelta(days=1)
_ACTIVE = (Doctor, Patient, Location, Room, VisitType)


class Lack(StrEnum):
    """What a visit can lack."""

    HOURS = "hours"
    HOURS_BESIDE = "hours_beside"
    TIME = "time"
    WAY = "way"
    DOCTOR = "doctor"
    PATIENT = "patient"
    PLACE = "place"
    BESIDE = "beside"
    TYPE = "type"
    OFFER = "offer"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the visits that it was read for stand on."""

    hours: Mapping[UUID, Collection[Hours]]
    off: Mapping[UUID, Sequence[tuple[datetime, datetime]]]
    """By doctor, when they see nobody."""
    inactive: frozenset[UUID]
    """Doctors, patients, locations, rooms and visit types that are no more."""
    offers: Mapping[UUID, Collection[tuple[UUID, UUID | None]]]
    """By visit type, the doctors and locations that offer it; types that everybody offers everywhere have no entry."""
    beside: Mapping[UUID, Collection[UUID]]
    """By visit, the rooms, devices and further doctors that it takes."""
    too_far: frozenset[UUID]
    """Visits to which a doctor cannot get in time from where they are before."""

    def lacks(self, visit: Appointment) -> frozenset[Lack]:
        beside = self.beside.get(visit.id, ())
        whom = {visit.doctor_id, *beside}
        offered = self.offers.get(visit.visit_type_id)
        found = {
            Lack.HOURS: not self._covers(visit.doctor_id, visit, visit.visit_type_id),
            Lack.HOURS_BESIDE: any(one in self.hours and not self._covers(one, visit, None) for one in beside),
            Lack.TIME: any(self._is_off(one, visit) for one in whom),
            Lack.WAY: visit.id in self.too_far,
            Lack.DOCTOR: visit.doctor_id in self.inactive,
            Lack.PATIENT: visit.patient_id in self.inactive,
            Lack.PLACE: visit.location_id in self.inactive,
            Lack.BESIDE: not self.inactive.isdisjoint(beside),
            Lack.TYPE: visit.visit_type_id in self.inactive,
            Lack.OFFER: offered is not None
            and not {(visit.doctor_id, visit.location_id), (visit.doctor_id, None)} & set(offered),
        }
        return frozenset(lack for lack, is_lacking in found.items() if is_lacking)

    def _covers(self, doctor_id: UUID, visit: Appointment, visit_type_id: UUID | None) -> bool:
        """Whether the visit lies within unbroken open time at its location; without a type, of whatever type."""
        reached, end = tick_of(visit.starts_at), tick_of(visit.ends_at)
        for opening in openings(self.hours.get(doctor_id, ()), reached, end):
            limits = opening.visit_type_ids
            offered = not limits or visit_type_id is None or visit_type_id in limits
            is_there = opening.location_id == visit.location_id and not opening.is_holiday
            if offered and is_there and opening.start <= reached:
                reached = max(reached, opening.end)
        return reached >= end

    def _is_off(self, doctor_id: UUID, visit: Appointment) -> bool:
        return any(start < visit.ends_at and visit.starts_at < end for start, end in self.off.get(doctor_id, ()))


async def standing_of(session: AsyncSession, visits: Sequence[Appointment], now: datetime) -> Standing:
    """What the visits stand on now. Who calls it has locked whatever may change of it."""
    if not visits:
        return Standing({}, {}, frozenset(), {}, {}, frozenset())
    beside = await _beside(session, visits)
    others = {one for taken in beside.values() for one in taken}
    doctors = {visit.doctor_id for visit in visits} | others
    first, last = min(visit.starts_at for visit in visits), max(visit.ends_at for visit in visits)
    places, types = {visit.location_id for visit in visits}, {visit.visit_type_id for visit in visits}
    closed = await closed_days(session, places, (first - _DAY).date(), (last + _DAY).date())
    off: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for row in await availability.absences(session, doctors, first, last):
        off.setdefault(row.doctor_id, []).append((row.starts_at, row.ends_at))
    return Standing(
        await availability.hours_of(session, doctors, closed),
        off,
        await _inactive(session, doctors | places | types | {visit.patient_id for visit in visits}),
        await _offers(session, types),
        beside,
        await too_far(session, visits, beside, now),
    )


async def _beside(session: AsyncSession, visits: Collection[Appointment]) -> dict[UUID, list[UUID]]:
    """What each takes itself, and the room of the session in which it has a place."""
    found: dict[UUID, list[UUID]] = {}
    ids, sessions = [visit.id for visit in visits], {visit.session_id for visit in visits if visit.session_id}
    rows = await session.execute(
        select(Participant.appointment_id, Participant.resource_id).where(Participant.appointment_id.in_(ids))
    )
    for appointment_id, resource_id in rows.all():
        found.setdefault(appointment_id, []).append(resource_id)
    if sessions:
        held = select(GroupSession.id, GroupSession.room_id).where(GroupSession.id.in_(sessions))
        rooms = {session_id: room_id for session_id, room_id in (await session.execute(held)).all() if room_id}
        for visit in visits:
            if visit.session_id in rooms:
                found.setdefault(visit.id, []).append(rooms[visit.session_id])
    return found


async def _inactive(session: AsyncSession, ids: Collection[UUID]) -> frozenset[UUID]:
    def of(model: Any) -> Select[Any]:
        return select(model.id).where(model.id.in_(ids), model.is_active.is_(False))

    return frozenset(await session.scalars(union_all(*map(of, _ACTIVE))))


async def _offers(session: AsyncSession, types: Collection[UUID]) -> dict[UUID, set[tuple[UUID, UUID | None]]]:
    found: dict[UUID, set[tuple[UUID, UUID | None]]] = {}
    rows = await session.execute(
        select(Offer.visit_type_id, Offer.doctor_id, Offer.location_id).where(Offer.visit_type_id.in_(types))
    )
    for visit_type_id, doctor_id, location_id in rows.all():
        found.setdefault(visit_type_id, set()).add((doctor_id, location_id))
    return found
