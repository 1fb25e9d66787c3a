"""Listing free times."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.errors import Wanted
from appointed.appointments.policy import NO_QUOTAS, Quotas
from appointed.availability.rules import Facts, free_starts

from . import counting, needing, reading
from .asking import Around
from .gathering import gather
from .reading import Offering
from .standing import Stand, stands_of

ALTERNATIVES = 3
LOOK_BACK = timedelta(days=3)
LOOK_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that can be booked as it stands."""

    doctor_id: UUID
    location_id: UUID
    visit_type_id: UUID
    starts_at: datetime
    ends_at: datetime
    room_kind: str | None = None


async def slots(
    session: AsyncSession,
    doctor_ids: Collection[UUID],
    visit_type_id: UUID | None,
    first: datetime,
    last: datetime,
    now: datetime,
    *,
    patient_id: UUID | None = None,
    location_id: UUID | None = None,
    quotas: Quotas = NO_QUOTAS,
    is_online: bool = False,
) -> list[Slot]:
    """Times that start from `first` up to `last`, earliest first. With a patient, times that this patient can book, or
    if not `is_online`, that the desk can book for them."""
    around = Around(first, last, now, patient_id, location_id, quotas, is_online=is_online)
    offering = await reading.named(session, doctor_ids, visit_type_id, around)
    return await _list(session, offering, around)


async def _list(session: AsyncSession, offering: Offering, around: Around) -> list[Slot]:
    stands = [stand for stand in stands_of(offering, around) if stand.terms.is_offered and stand.hours]
    if not stands or await counting.has_missed_too_many(session, offering.visit_type, around):
        return []
    places = {place for stand in stands for place in stand.zones}
    needs = await needing.find(session, offering.visit_type, places, offering.closed)
    facts = await gather(session, offering, stands, needs, around)
    found = [slot for stand, (first, *_) in zip(stands, facts, strict=True)
             for slot in _of_stand(stand, first, offering.visit_type.room_kind, around)]  # fmt: skip
    return sorted(found, key=_order) if len(stands) > 1 else found


def _of_stand(stand: Stand, facts: Facts, room_kind: str | None, around: Around) -> list[Slot]:
    rules = stand.terms.rules
    length = timedelta(minutes=rules.length_minutes)
    return [
        Slot(stand.doctor_id, place, rules.visit_type_id, starts_at, starts_at + length, room_kind)
        for starts_at, place in free_starts(facts, rules, around.first, around.last, around.now,
                                            location_id=around.location_id)
    ]  # fmt: skip


def _order(slot: Slot) -> tuple[datetime, UUID, UUID]:
    return slot.starts_at, slot.doctor_id, slot.location_id


async def nearest(session: AsyncSession, wanted: Wanted, now: datetime) -> Sequence[Slot]:
    """The free times closest to the one that was refused, closest first."""
    first, last = max(now, wanted.starts_at - LOOK_BACK), wanted.starts_at + LOOK_AHEAD
    free = await slots(session, [wanted.doctor_id], wanted.visit_type_id, first, last, now,
                       patient_id=wanted.patient_id, location_id=wanted.location_id)  # fmt: skip
    return sorted(free, key=lambda slot: (abs(slot.starts_at - wanted.starts_at), slot.starts_at))[:ALTERNATIVES]
