"""Counting the visits that limits are about: the doctors' of a day or a week, and the patient's own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments.models import Appointment
from appointed.appointments.rules import Status, months_before
from appointed.availability.offering import Limits
from appointed.availability.rules import (
    Reason,
    Span,
    full_days,
    full_weeks,
    joined,
    reached,
    revisits,
    tick_of,
    within_limits,
)
from appointed.core.types import Guid, ids_of
from appointed.visit_types.models import VisitType

from .asking import NOBODY, Around, shifted
from .reading import Offering, is_live
from .standing import NO_LIMITS, Stand

Barred = Mapping[Reason, Sequence[Span]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A week of any clock on a wall around a time.
_A_WEEK = timedelta(days=9)
_IS_OF_TYPE = Appointment.visit_type_id == bindparam("visit_type", type_=Guid())
_OF_DOCTORS = select(Appointment.doctor_id, Appointment.starts_at).where(
    Appointment.doctor_id.in_(ids_of("doctors")),
    Appointment.starts_at >= bindparam("first"),
    Appointment.starts_at < bindparam("last"),
    _IS_OF_TYPE,
    is_live(),
)
_OF_PATIENTS = select(Appointment.patient_id, Appointment.starts_at).where(
    Appointment.patient_id.in_(ids_of("patients")),
    Appointment.starts_at >= bindparam("first"),
    _IS_OF_TYPE,
    is_live(),
)
_MISSED = (
    select(func.count(Appointment.id))
    .where(
        Appointment.patient_id.in_(ids_of("patients")),
        Appointment.starts_at >= bindparam("since"),
        Appointment.status == Status.NOSHOW,
        Appointment.excused_at.is_(None),
        _IS_OF_TYPE,
    )
    .group_by(Appointment.patient_id)
)


@dataclass(frozen=True, slots=True)
class Counted:
    """When visits of one type start: of each doctor, as ticks, and of each patient."""

    of_doctors: dict[UUID, list[int]] = field(default_factory=dict)
    of_patients: dict[UUID, list[datetime]] = field(default_factory=dict)

    def bears(self, stand: Stand) -> Callable[[Sequence[int]], bool]:
        """Whether the doctor's limits bear visits that would come together, by their ticks."""
        if stand.terms.limits == NO_LIMITS:
            return lambda _ticks: True
        return within_limits(stand.terms.zone, self.of_doctors.get(stand.doctor_id, ()), *stand.terms.limits)


async def count(
    session: AsyncSession, visit_type: VisitType, limits: Collection[tuple[UUID, Limits]], around: Around
) -> Counted:
    """Nothing is asked about doctors and patients whom nothing limits."""
    counted = Counted()
    limited = {doctor_id for doctor_id, limit in limits if limit != NO_LIMITS}
    given = around.parameters | {"visit_type": visit_type.id}
    if limited:
        within = {"first": shifted(around.first, -_A_WEEK), "last": shifted(around.last, _A_WEEK)}
        for row in await session.execute(_OF_DOCTORS, given | within | {"doctors": list(limited)}):
            counted.of_doctors.setdefault(row.doctor_id, []).append(tick_of(row.starts_at))
    if not around.patients or (visit_type.patient_limit is None and not visit_type.revisit_days):
        return counted
    first = shifted(min(around.first, around.now), -timedelta(days=2 + (visit_type.revisit_days or 0)))
    for row in await session.execute(_OF_PATIENTS, given | {"first": first}):
        counted.of_patients.setdefault(row.patient_id, []).append(row.starts_at)
    return counted


async def has_missed_too_many(session: AsyncSession, visit_type: VisitType, around: Around) -> bool:
    """Whether a patient, who books online, has missed as many visits of the type as it bears without an excuse."""
    if not around.is_online or not around.patients or visit_type.no_show_limit is None:
        return False
    since = months_before(around.now, visit_type.no_show_months) if visit_type.no_show_months else _EPOCH
    given = {"patients": around.patients, "visit_type": visit_type.id, "since": since}
    return any(count >= visit_type.no_show_limit for count in await session.scalars(_MISSED, given))


def barred(offering: Offering, stand: Stand, counted: Counted, around: Around, patient_id: UUID | None) -> Barred:
    """When no visit may start, by why."""
    visit_type, zone = offering.visit_type, stand.terms.zone
    history, theirs = offering.history_of(patient_id), counted.of_patients.get(patient_id or NOBODY, ())
    limits, starts = stand.terms.limits, counted.of_doctors.get(stand.doctor_id, ())
    to_come = sum(starts_at > around.now for starts_at in theirs)
    found = {
        Reason.DAILY_LIMIT: full_days(zone, starts, limits.daily),
        Reason.WEEKLY_LIMIT: full_weeks(zone, starts, limits.weekly),
        Reason.PATIENT_LIMIT: joined(
            (
                *(reached(to_come, visit_type.patient_limit) if patient_id else ()),
                *revisits(zone, map(tick_of, theirs), visit_type.revisit_days),
            )
        ),
        Reason.QUOTA_REACHED: joined(
            (*reached(history.upcoming, around.quotas.upcoming), *reached(history.holds, around.quotas.holds))
        ),
    }
    return {reason: spans for reason, spans in found.items() if spans}
