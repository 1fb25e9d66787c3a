"""A family's visits: one after the other with one doctor, all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor
from appointed.appointments import offers
from appointed.appointments.models import Appointment
from appointed.appointments.offers import Asked, Judged
from appointed.appointments.policy import Policy
from appointed.availability.rules import Reason
from appointed.core.clock import Clock
from appointed.core.ids import new_id

from .booking import Booking, asked_of, check_allowed, patient_of, write
from .several import Told, check_all_had, lock_for, told_of

TICK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class BookedFamily:
    """The visits have `family_id` in common, and stand in the order of the members."""

    family_id: UUID
    visits: Sequence[Appointment]


async def book_family(
    session: AsyncSession, actor: Actor, bookings: Sequence[Booking], *, policy: Policy, clock: Clock
) -> BookedFamily:
    """A visit for each booking, of one doctor and one location: the first when it asks, each other as soon as the one
    before is over. If one cannot be had none is: `TimeRefused` with a report on each."""
    askeds = []
    for booking in bookings:
        check_allowed(actor, booking)
        askeds.append(asked_of(actor, booking, await patient_of(session, actor, booking), policy))
    whom = await lock_for(session, askeds)
    now, family_id = clock.now(), new_id()
    told: list[Told] = []
    previous: Judged | None = None
    for booking, asked in zip(bookings, askeds, strict=True):
        judged = await _next(session, asked, previous, now, whom)
        visit = None if judged.reason else await write(
            session, actor, booking, judged, policy=policy, now=now, family_id=family_id
        )  # fmt: skip
        told.append(told_of(judged, visit))
        previous = judged
    check_all_had(told, "members")
    return BookedFamily(family_id, [each.visit for each in told if each.visit])


async def _next(
    session: AsyncSession, asked: Asked, previous: Judged | None, now: datetime, whom: frozenset[UUID]
) -> Judged:
    """The judgement on the first start, on the grid of this visit, that leaves the buffers of both their time."""
    if previous is None:
        return await offers.judge(session, asked, now, locked=whom)
    asked = replace(asked, starts_at=previous.ends_at, location_id=previous.location_id or asked.location_id)
    judged = await offers.judge(session, asked, now, locked=whom)
    buffers = previous.rules.buffer_after_minutes + judged.rules.buffer_before_minutes
    start = previous.ends_at + timedelta(minutes=buffers)
    for step in range(judged.rules.grid_minutes // 5):
        starts_at = start + step * TICK
        if starts_at != judged.asked.starts_at:
            judged = await offers.judge(session, replace(asked, starts_at=starts_at), now, locked=whom)
        if judged.reason is not Reason.OFF_GRID:
            break
    return judged
