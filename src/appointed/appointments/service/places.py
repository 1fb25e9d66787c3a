"""Places in a group session: each is a visit that takes its patient's time, and a seat."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.accounts.actor import Actor
from appointed.appointments import group_queries, offers
from appointed.appointments.errors import REFUSALS, SessionCancelled, SessionFull
from appointed.appointments.models import Appointment, GroupSession
from appointed.appointments.offers import Asked
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Channel
from appointed.availability.rules import tick_of
from appointed.core.clock import Clock

from .booking import Booking, asked_of, check_allowed, lock_for_one, patient_of, refused, write


@dataclass(frozen=True, slots=True)
class Joining:
    """Who takes part. What only the desk may say is None when it was not said."""

    patient_id: UUID | None = None
    reason: str | None = None
    channel: Channel | None = None
    is_notifying: bool | None = None


async def join(
    session: AsyncSession, actor: Actor, session_id: UUID, joining: Joining, *, policy: Policy, clock: Clock
) -> Appointment:
    """A place, on the lowest seat that is free. `TimeRefused` with the first reason that applies: `SessionFull` is the
    last of them. `SessionCancelled` if it does not take place."""
    seen = await group_queries.get(session, session_id)
    booking = _booking(seen, joining)
    check_allowed(actor, booking)
    asked = _asked(actor, booking, await patient_of(session, actor, booking), seen, policy)
    # The doctor too: whoever takes their time away must see every place that there is.
    whom = {seen.id, *await offers.to_lock(session, asked)}
    await lock_for_one(session, asked, lambda: resources.lock(session, whom))
    now = clock.now()
    group = await group_queries.get(session, session_id)
    if group.cancelled_at is not None:
        raise SessionCancelled(patient_id=asked.patient_id)
    judged = await offers.judge(session, asked, now, locked=whom)
    seat = await group_queries.free_seat(session, group)
    if judged.reason or seat is None:
        error = refused(REFUSALS[judged.reason] if judged.reason else SessionFull, judged)
        # Another time of the doctor's is no place in this session.
        error.wanted = None
        raise error
    judged = replace(judged, asked=replace(asked, is_extra=False), takes=())
    return await write(session, actor, booking, judged, policy=policy, now=now, session_id=group.id, seat=seat,
                       claims=[_own_time(asked.patient_id, group.starts_at, group.ends_at)])  # fmt: skip


def _booking(group: GroupSession, joining: Joining) -> Booking:
    return Booking(
        doctor_id=group.doctor_id,
        starts_at=group.starts_at,
        ends_at=group.ends_at,
        visit_type_id=group.visit_type_id,
        location_id=group.location_id,
        patient_id=joining.patient_id,
        reason=joining.reason,
        channel=joining.channel,
        is_notifying=joining.is_notifying,
    )


def _asked(actor: Actor, booking: Booking, patient_id: UUID, group: GroupSession, policy: Policy) -> Asked:
    """The session has its doctor's and its room's time, off any grid, and may have any length."""
    return replace(asked_of(actor, booking, patient_id, policy), is_extra=True, any_length=True, ignoring=group.id)


def _own_time(patient_id: UUID, starts_at: datetime, ends_at: datetime) -> resources.Claim:
    first, last = tick_of(starts_at), tick_of(ends_at)
    return resources.Claim(patient_id, first, last, first, last)
