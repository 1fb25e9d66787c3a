"""Whose time a visit takes, and the holds that are over but still stand in its way."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.appointments import queries
from appointed.appointments.models import Participant
from appointed.appointments.offers import Judged
from appointed.appointments.rules import Status
from appointed.availability.rules import VisitRules, tick_of
from appointed.availability.walltime import TICK_MINUTES
from appointed.core import batch

from .cancelling import give_up

OWNER = "appointment"
HOLD_EXPIRED = "hold_expired"


def claims_of(judged: Judged) -> list[resources.Claim]:
    """The patient's time; with its buffers that of what the visit needs and, unless it is fitted in, the doctor's."""
    asked = judged.asked
    whom = [taken.resource_id for taken in judged.takes] + ([] if asked.is_extra else [asked.doctor_id])
    return claims_for(asked.patient_id, whom, asked.starts_at, judged.ends_at, judged.rules)


def claims_for(
    patient_id: UUID, others: Iterable[UUID], starts_at: datetime, ends_at: datetime, rules: VisitRules
) -> list[resources.Claim]:
    first, last = tick_of(starts_at), tick_of(ends_at)
    before, after = rules.buffer_before_minutes // TICK_MINUTES, rules.buffer_after_minutes // TICK_MINUTES
    return [
        resources.Claim(patient_id, first, last, first, last),
        *(resources.Claim(each, first - before, last + after, first, last) for each in others),
    ]


def put_participants(session: AsyncSession, judged: Judged, appointment_id: UUID) -> None:
    """Have written what the visit takes besides its doctor and its patient."""
    rows: list[dict[str, Any]] = [
        {"appointment_id": appointment_id, "resource_id": taken.resource_id, "role": taken.role}
        for taken in judged.takes
    ]
    batch.put(session, Participant.__table__, rows)


async def end_expired(session: AsyncSession, claims: Sequence[resources.Claim], now: datetime) -> None:
    """End the holds that expired with time among the claims, in id order; whoever claims it has locked it."""
    owners = await resources.expired_owners(session, claims, now)
    for visit in await queries.get_locked(session, owners) if owners else ():
        # Somebody who wants other time of the same hold may have ended it while we waited for its row.
        if visit.status == Status.PENDING and visit.hold_expires_at and visit.hold_expires_at <= now:
            await give_up(session, visit, by=None, code=HOLD_EXPIRED, now=now)
