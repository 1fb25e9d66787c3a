"""Where a doctor offers a visit type by which rules, before anything is known about time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment
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


@dataclass(frozen=True, slots=True)
class Stand:
    """A doctor at those places where the terms are alike; at none if the doctor has no hours."""

    doctor_id: UUID
    terms: Terms
    zones: Mapping[UUID, str]
    """Of the places, by location."""
    hours: list[Hours]


def stands_of(offering: Offering, around: Around) -> list[Stand]:
    return [
        stand
        for doctor_id, practice in offering.practices.items()
        for stand in _stands(doctor_id, practice, offering, around)
    ]


def _stands(doctor_id: UUID, practice: Practice, offering: Offering, around: Around) -> Iterator[Stand]:
    zones = {each.location_id: each.zone for each in practice.hours}
    if around.location_id:
        zones = {around.location_id: zones.get(around.location_id, "UTC")}
    if not zones:
        yield Stand(doctor_id, _terms(practice, offering, None, ""), {}, [])
        return
    alike: dict[Terms, dict[UUID, str]] = {}
    for place, zone in zones.items():
        alike.setdefault(_terms(practice, offering, place, zone), {})[place] = zone
    for terms, places in alike.items():
        hours = [each for each in practice.hours if each.location_id in places]
        yield Stand(doctor_id, terms, places, hours)


def _terms(practice: Practice, offering: Offering, place: UUID | None, zone: str) -> Terms:
    visit_type = offering.visit_type
    offer = offer_at(practice.offered, place) if place else None
    limits = limits_of(visit_type, offer)
    is_offered = is_offered_at(practice.offered, place) if place else bool(practice.offered)
    is_possible = practice.is_active and visit_type.is_active
    return Terms(
        rules_of(visit_type, offer),
        limits,
        is_possible and is_offered and _is_audience(offering),
        is_possible,
        zone if limits != NO_LIMITS or visit_type.revisit_days else "",
    )


async def rules_for(session: AsyncSession, visit: Appointment) -> VisitRules:
    """The rules of a visit's type as its doctor offers it at its location now."""
    visit_type = await session.get_one(VisitType, visit.visit_type_id)
    offered = (await offers_of(session, visit.visit_type_id, [visit.doctor_id]))[visit.doctor_id]
    return rules_of(visit_type, offer_at(offered, visit.location_id))


def _is_audience(offering: Offering) -> bool:
    """Of nobody in particular it is not known whether they are new."""
    if offering.history is None or offering.visit_type.audience == Audience.ALL:
        return True
    return offering.history.was_here == (offering.visit_type.audience == Audience.RETURNING)
