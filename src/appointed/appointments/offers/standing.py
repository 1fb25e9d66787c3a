"""Where a doctor offers a visit type by which rules, before anything is known about time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment
from appointed.availability.models import Offer
from appointed.availability.offering import Limits, is_offered_at, limits_of, offer_at, offers_of, rules_of
from appointed.availability.rules import Hours, VisitRules
from appointed.visit_types.models import VisitType
from appointed.visit_types.rules import Audience

from .asking import Around
from .reading import Offering, Practice

NO_LIMITS = Limits(None, None)


class Terms(NamedTuple):
    """What holds at a place. `is_possible` leaves out what the desk may waive: whether they offer it, and for whom.
    `zone` is the wall clock by which days are counted, and empty where none are."""

    rules: VisitRules
    limits: Limits
    is_offered: bool
    is_possible: bool
    zone: str
    room_kind: str | None


@dataclass(frozen=True, slots=True)
class Stand:
    """A doctor at those places where the terms are alike; at none if the doctor has no hours."""

    doctor_id: UUID
    terms: Terms
    zones: Mapping[UUID, str]
    """Of the places, by location."""
    hours: list[Hours]


def stands_of(offering: Offering, around: Around) -> list[Stand]:
    known = _Terms(offering, _is_audience(offering, around))
    return [
        stand
        for doctor_id, practice in offering.practices.items()
        for stand in _stands(doctor_id, practice, known, around)
    ]


def _stands(doctor_id: UUID, practice: Practice, known: "_Terms", around: Around) -> Iterator[Stand]:
    zones = {each.location_id: each.zone for each in practice.hours}
    if around.location_id:
        zones = {around.location_id: zones.get(around.location_id, "UTC")}
    if not zones:
        yield Stand(doctor_id, known.of(practice, None, ""), {}, [])
        return
    alike: dict[Terms, dict[UUID, str]] = {}
    for place, zone in zones.items():
        alike.setdefault(known.of(practice, place, zone), {})[place] = zone
    for terms, places in alike.items():
        hours = [each for each in practice.hours if each.location_id in places]
        yield Stand(doctor_id, terms, places, hours)


class _Terms:
    """Makes terms; most doctors have the same ones, and of each there is one only."""

    def __init__(self, offering: Offering, is_audience: bool) -> None:
        self._visit_type, self._is_audience = offering.visit_type, is_audience
        self._made: dict[Any, Terms] = {}

    def of(self, practice: Practice, place: UUID | None, zone: str) -> Terms:
        offer = offer_at(practice.offered, place) if place else None
        is_offered = is_offered_at(practice.offered, place) if place else bool(practice.offered)
        key = (offer, is_offered, practice.is_active, zone)
        if key not in self._made:
            self._made[key] = self._terms(*key)
        return self._made[key]

    def _terms(self, offer: Offer | None, is_offered: bool, is_active: bool, zone: str) -> Terms:
        limits = limits_of(self._visit_type, offer)
        is_possible = is_active and self._visit_type.is_active
        return Terms(
            rules_of(self._visit_type, offer),
            limits,
            is_possible and is_offered and self._is_audience,
            is_possible,
            zone if limits != NO_LIMITS or self._visit_type.revisit_days else "",
            self._visit_type.room_kind,
        )


async def rules_for(session: AsyncSession, visit: Appointment) -> VisitRules:
    """The rules of a visit's type as its doctor offers it at its location now."""
    visit_type = await session.get_one(VisitType, visit.visit_type_id)
    offered = (await offers_of(session, visit.visit_type_id, [visit.doctor_id]))[visit.doctor_id]
    return rules_of(visit_type, offer_at(offered, visit.location_id))


def _is_audience(offering: Offering, around: Around) -> bool:
    """Of nobody in particular it is not known whether they are new."""
    if offering.visit_type.audience == Audience.ALL:
        return True
    is_returning = offering.visit_type.audience == Audience.RETURNING
    return all(offering.history_of(each).was_here == is_returning for each in around.patients)
