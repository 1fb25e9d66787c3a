"""The day of a visit: arriving, checking in, being seen, being done, or not coming at all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor
from appointed.appointments import queries
from appointed.appointments.errors import NotPossibleNow
from appointed.appointments.events import (
    AppointmentArrived,
    AppointmentCheckedIn,
    AppointmentCompleted,
    AppointmentCorrected,
    AppointmentExcused,
    AppointmentMissed,
    AppointmentRoomed,
    AppointmentStarted,
)
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import STEPS, Action, Status, Step, is_treating, step_of
from appointed.availability.rules import TICK_SECONDS, tick_of
from appointed.core import outbox
from appointed.core.clock import Clock
from appointed.core.errors import Forbidden, VersionMismatch
from appointed.patients import care

from .history import lock_visit, record_change

EVENTS: Mapping[Action, Any] = {
    Action.ARRIVE: AppointmentArrived, Action.CHECK_IN: AppointmentCheckedIn, Action.ROOM: AppointmentRoomed,
    Action.START: AppointmentStarted, Action.COMPLETE: AppointmentCompleted, Action.NO_SHOW: AppointmentMissed,
    Action.EXCUSE: AppointmentExcused, Action.CORRECT: AppointmentCorrected,
}  # fmt: skip
# The times that an action leaves beside the state, unless they are there.
TIMES: Mapping[Action, tuple[str, ...]] = {
    Action.ARRIVE: ("arrived_at",), Action.CHECK_IN: ("arrived_at", "checked_in_at"), Action.ROOM: ("roomed_at",),
    Action.START: ("started_at",), Action.COMPLETE: ("finished_at",), Action.EXCUSE: ("excused_at",),
}  # fmt: skip
CLOSING = frozenset({Status.FULFILLED, Status.NOSHOW, Status.ENTERED_IN_ERROR})


async def move(
    session: AsyncSession,
    actor: Actor,
    appointment_id: UUID,
    action: Action,
    *,
    note: str | None = None,
    version: int | None = None,
    policy: Policy,
    clock: Clock,
) -> Appointment:
    """The visit after the action; doing again what was done changes nothing.

    `NotPossibleNow` in a state from which there is no such step, or before the visit's start if that is waited for.
    """
    seen = await queries.get(session, actor, appointment_id)
    doctor_user_id = await queries.user_of_doctor(session, seen.doctor_id)
    is_own = doctor_user_id == actor.user_id
    if not any(step.may_be_done_by(actor.permissions, is_own=is_own) for step in STEPS[action]):
        raise Forbidden(patient_id=seen.patient_id)
    visit = await lock_visit(session, seen)
    now = clock.now()
    if is_done(visit, action):
        return visit
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)
    step = check_step(visit, action, now)
    if not step.may_be_done_by(actor.permissions, is_own=is_own):
        raise Forbidden(patient_id=visit.patient_id)
    await carry_out(session, visit, action, step, by=actor.user_id, note=note, doctor_user_id=doctor_user_id,
                    policy=policy, now=now)  # fmt: skip
    return visit


async def miss_if_due(session: AsyncSession, appointment_id: UUID, after: timedelta, *, clock: Clock) -> bool:
    """Mark a visit as a no-show if it is still booked so long after its end; whether it was."""
    visit = await lock_visit(session, await queries.get_unseen(session, appointment_id))
    now = clock.now()
    if visit.status != Status.BOOKED or visit.ends_at + after > now:
        return False
    doctor_user_id = await queries.user_of_doctor(session, visit.doctor_id)
    await carry_out(session, visit, Action.NO_SHOW, check_step(visit, Action.NO_SHOW, now), by=None, note=None,
                    doctor_user_id=doctor_user_id, policy=Policy(), now=now)  # fmt: skip
    return True


def is_done(visit: Appointment, action: Action) -> bool:
    """Whether doing it would say nothing new."""
    status, (step, *_) = Status(visit.status), STEPS[action]
    if step.to is not None:
        return status == step.to
    return status in step.froms and all(getattr(visit, name) is not None for name in TIMES[action])


def check_step(visit: Appointment, action: Action, now: datetime) -> Step:
    step = step_of(action, Status(visit.status))
    if step is None:
        raise NotPossibleNow.of(visit.status, visit.patient_id)
    if step.has_begun and now < visit.starts_at:
        raise NotPossibleNow.of(visit.status, visit.patient_id, is_early=True)
    return step


async def carry_out(
    session: AsyncSession,
    visit: Appointment,
    action: Action,
    step: Step,
    *,
    by: UUID | None,
    note: str | None,
    doctor_user_id: UUID,
    policy: Policy,
    now: datetime,
) -> None:
    """Do it to a visit whose row and whose resources are locked; without `by`, the clock does."""
    before = Status(visit.status)
    after = step.to or before
    record_change(session, visit, action, after, by=by, note=note, now=now)
    visit.status, visit.version = after, visit.version + 1
    for name in TIMES.get(action, ()):
        if getattr(visit, name) is None:
            setattr(visit, name, now)
    if after in CLOSING:
        visit.needs_attention, visit.attention_code = False, None
    await session.flush()
    await _free(session, visit, now)
    await keep_care(session, visit, before, doctor_user_id, policy, now)
    outbox.publish(session, EVENTS[action](visit.id, visit.version), now)
    audit.record(session, now, by, f"appointment.{action}", "appointment", visit.id, patient_id=visit.patient_id)


async def _free(session: AsyncSession, visit: Appointment, now: datetime) -> None:
    """Whoever is done early leaves the rest to others; whoever did not come, all of it."""
    if visit.status == Status.FULFILLED:
        done = tick_of(now + timedelta(seconds=TICK_SECONDS, microseconds=-1))
        if done < (last := tick_of(visit.ends_at)):
            await resources.cut(session, visit.id, done, last)
    elif visit.status in CLOSING:
        await resources.release(session, visit.id)


async def keep_care(
    session: AsyncSession,
    visit: Appointment,
    before: Status,
    doctor_user_id: UUID,
    policy: Policy,
    now: datetime,
) -> None:
    """Begin or end the care relation, if the change of state means that."""
    is_booked_by_doctor = visit.booked_by == doctor_user_id
    was, is_now = (is_treating(Status(status), is_booked_by_doctor=is_booked_by_doctor)
                   for status in (before, visit.status))  # fmt: skip
    if is_now and not was:
        care.begin(session, appointment_id=visit.id, patient_id=visit.patient_id, doctor_id=visit.doctor_id,
                   doctor_user_id=doctor_user_id, location_id=visit.location_id,
                   valid_from=now, valid_until=visit.ends_at + policy.care_lasts)  # fmt: skip
    elif was and not is_now:
        await care.end(session, visit.id)
