"""Judging a time for a group session: the doctor's, with nobody in particular."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability.rules import Reason, VisitRules, first_of, verdict

from . import reading
from .asking import Around
from .gathering import gather
from .needing import Needs
from .standing import Stand, stands_of


class Meeting(NamedTuple):
    """The answer: why not, or where; and by which rules."""

    reason: Reason | None
    location_id: UUID | None
    rules: VisitRules


async def judge_meeting(
    session: AsyncSession,
    doctor_id: UUID,
    visit_type_id: UUID | None,
    location_id: UUID | None,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> Meeting:
    """Whether the doctor has the time, whatever its length and its notice. Call it with the doctor locked; the room is
    the caller's to find. `Invalid` if there is no such doctor or visit type."""
    until = min(ends_at, starts_at + timedelta(days=1))
    around = Around(starts_at, until, now, None, location_id)
    offering = await reading.named(session, [doctor_id], visit_type_id, around)
    stands = stands_of(offering, around)
    facts, _ = await gather(session, offering, stands, Needs(), around)
    answers: list[Meeting] = []
    for stand, (first, *_) in zip(stands, facts, strict=True):
        rules = _any_start(stand)
        places, reason = verdict(first, rules, starts_at, ends_at, now, location_id=location_id, any_length=True)
        if not stand.terms.is_offered:
            reason = first_of(reason, Reason.NOT_OFFERED)
        answers.append(Meeting(reason, None if reason else places[0], rules))
    return next((answer for answer in answers if answer.reason is None), answers[0])


def _any_start(stand: Stand) -> VisitRules:
    """A session is planned by the desk, not found on a grid."""
    return replace(stand.terms.rules, grid_minutes=5, grid_offset_minutes=0, notice_minutes=0)
