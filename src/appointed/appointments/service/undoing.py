"""Undoing the last change of a visit, shortly after it was made: the time is taken again, or somebody has it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, resources
from appointed.accounts.actor import Actor
from appointed.appointments import group_queries, offers, queries
from appointed.appointments.errors import (
    BufferNeeded,
    NotUndoable,
    PatientBusy,
    RoomTaken,
    SessionCancelled,
    SessionFull,
    SlotTaken,
    TimeRefused,
    TooLateToUndo,
)
from appointed.appointments.events import AppointmentUndone
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.appointments.policy import Policy
from appointed.appointments.rules import HOLDING, UNDOABLE, Action, Status, step_of
from appointed.core import batch, outbox
from appointed.core.clock import Clock
from appointed.core.db import constraint_of
from appointed.core.errors import Forbidden, VersionMismatch
from appointed.patients.errors import PatientErased
from appointed.patients.models import Patient

from .claiming import OWNER, claims_for, end_expired
from .ground import mark_if_groundless
from .history import lock_visit, record_change
from .living import TIMES, keep_care

# What these did to the visit's time is taken back.
FREEING = frozenset({Action.CANCEL, Action.NO_SHOW, Action.COMPLETE})
CANCELLED = ("cancelled_at", "cancelled_by", "cancel_code", "cancel_note_sealed", "is_cancelled_late")


async def undo(
    session: AsyncSession, actor: Actor, appointment_id: UUID, *, version: int | None = None, policy: Policy,
    clock: Clock,
) -> Appointment:  # fmt: skip
    """The visit as it was before its last change; `NotUndoable` of some changes, `TooLateToUndo` after a while.

    `TimeRefused` if somebody has its time by now. Whoever may make the change may undo it; patients, what they did.
    """
    seen = await queries.get(session, actor, appointment_id)
    doctor_user_id = await queries.user_of_doctor(session, seen.doctor_id)
    visit = await lock_visit(session, seen)
    now = clock.now()
    if version not in (None, visit.version):
        raise VersionMismatch(patient_id=visit.patient_id)
    change = _check_undoable(await queries.last_change(session, visit), visit, now, policy)
    action = Action(change.action)
    _check_may(actor, visit, change, action, is_own=doctor_user_id == actor.user_id)
    if action is Action.CANCEL:
        await _check_known(session, visit)
    before = Status(visit.status)
    record_change(session, visit, "undo", change.status_before, by=actor.user_id, code=action, now=now)
    await _restore(session, visit, change, action)
    if action in FREEING and visit.status in HOLDING:
        await _retake(session, visit, now)
    await keep_care(session, visit, before, doctor_user_id, policy, now)
    if action is Action.CANCEL:
        await mark_if_groundless(session, actor, visit, now)
    outbox.publish(session, AppointmentUndone(visit.id, visit.version, action), now)
    audit.record(session, now, actor.user_id, f"appointment.undo-{action}", "appointment", visit.id,
                 patient_id=visit.patient_id)  # fmt: skip
    return visit


def _check_undoable(
    change: AppointmentChange | None, visit: Appointment, now: datetime, policy: Policy
) -> AppointmentChange:
    # A hold has its end, which does not wait for anybody's second thoughts.
    if change is None or change.action not in UNDOABLE or change.status_before == Status.PENDING:
        raise NotUndoable(patient_id=visit.patient_id)
    if change.changed_at + policy.undone_within < now:
        raise TooLateToUndo(patient_id=visit.patient_id)
    return change


def _check_may(actor: Actor, visit: Appointment, change: AppointmentChange, action: Action, *, is_own: bool) -> None:
    step = step_of(action, Status(change.status_before))
    is_theirs = is_own or (action is Action.CANCEL and change.changed_by == actor.user_id)
    if step is None or not step.may_be_done_by(actor.permissions, is_own=is_theirs):
        raise Forbidden(patient_id=visit.patient_id)


async def _check_known(session: AsyncSession, visit: Appointment) -> None:
    """Nobody is expected who was erased; the lock of the patient is the visit's, too."""
    patient = await session.get_one(Patient, visit.patient_id, populate_existing=True)
    if patient.erased_at:
        raise PatientErased(patient_id=visit.patient_id)


async def _restore(session: AsyncSession, visit: Appointment, change: AppointmentChange, action: Action) -> None:
    names = CANCELLED if action is Action.CANCEL else TIMES.get(action, ())
    blank = {name: None for name in names if name in CANCELLED or getattr(visit, name) == change.changed_at}
    for name, value in {**blank, "status": change.status_before, "version": visit.version + 1}.items():
        setattr(visit, name, value)
    if action is Action.CANCEL and visit.session_id is not None:
        visit.seat = await _seat(session, visit, visit.session_id)
    await session.flush()


async def _seat(session: AsyncSession, visit: Appointment, session_id: UUID) -> int:
    group = await group_queries.get(session, session_id)
    if group.cancelled_at is not None:
        raise SessionCancelled(patient_id=visit.patient_id)
    seat = await group_queries.free_seat(session, group)
    if seat is None:
        raise SessionFull(patient_id=visit.patient_id)
    return seat


async def _retake(session: AsyncSession, visit: Appointment, now: datetime) -> None:
    claims = await _claims(session, visit)
    await resources.release(session, visit.id)
    await end_expired(session, claims, now)
    first, last = min(claim.first for claim in claims), max(claim.last for claim in claims)
    runs = await resources.busy(session, [claim.resource_id for claim in claims], first, last, now)
    if refusal := _in_the_way(visit, claims, runs):
        raise refusal(patient_id=visit.patient_id)
    resources.take(session, claims, visit.id, OWNER)
    try:
        await batch.flush(session)
    except IntegrityError as error:
        if constraint_of(error) == "pk_busy_ticks":
            raise SlotTaken(patient_id=visit.patient_id) from None
        raise


async def _claims(session: AsyncSession, visit: Appointment) -> list[resources.Claim]:
    others = await queries.taken_by(session, [visit]) - {visit.patient_id, visit.session_id}
    if visit.is_extra or visit.session_id is not None:
        others -= {visit.doctor_id}
    rules = await offers.rules_for(session, visit)
    return claims_for(visit.patient_id, others, visit.starts_at, visit.ends_at, rules)


def _in_the_way(
    visit: Appointment, claims: Iterable[resources.Claim], runs: Sequence[resources.Busy]
) -> type[TimeRefused] | None:
    """In the order in which a booking would be refused."""
    met = {
        _refusal_of(visit, claim, run)
        for claim in claims
        for run in runs
        if run.resource_id == claim.resource_id and run.first < claim.last and claim.first < run.last
    }
    return next((each for each in (PatientBusy, SlotTaken, BufferNeeded, RoomTaken) if each in met), None)


def _refusal_of(visit: Appointment, claim: resources.Claim, run: resources.Busy) -> Any:
    if claim.resource_id == visit.patient_id:
        return PatientBusy
    if claim.resource_id != visit.doctor_id:
        return RoomTaken
    is_within = run.first < claim.visit_last and claim.visit_first < run.last
    return SlotTaken if is_within and not run.is_buffer else BufferNeeded
