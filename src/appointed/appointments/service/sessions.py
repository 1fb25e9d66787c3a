"""Group sessions: planning one, and calling one off."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit, doctors, resources
from appointed.accounts.actor import Actor
from appointed.appointments import group_queries, offers, queries
from appointed.appointments.errors import REFUSALS, RoomTaken, SlotTaken, TimeRefused, Wanted
from appointed.appointments.models import GroupSession
from appointed.availability.rules import Span, VisitRules, choose, tick_of
from appointed.core import batch
from appointed.core.clock import Clock
from appointed.core.db import constraint_of
from appointed.core.errors import Invalid, NotFound, StartAgain
from appointed.core.ids import new_id
from appointed.locations.models import Room, RoomKind

from .cancelling import give_up
from .claiming import end_expired

OWNER = "session"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is planned. `room_id` names a room, `room_kind` any one of that kind."""

    doctor_id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    visit_type_id: UUID | None = None
    location_id: UUID | None = None
    room_id: UUID | None = None
    room_kind: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A room that would do, and what is locked while one of its kind is chosen."""

    id: UUID
    location_id: UUID
    kind_id: UUID


async def plan_session(session: AsyncSession, actor: Actor, plan: Plan, *, clock: Clock) -> GroupSession:
    """A session that owns its doctor's time and its room's; `TimeRefused` with the first reason that applies."""
    if plan.ends_at <= plan.starts_at:
        raise Invalid.field("ends_at", "The end must be after the start.")
    rooms = await _candidates(session, plan)
    if plan.room_id and not rooms:
        raise Invalid.field("room_id", "There is no such room there.", "unknown")
    try:
        await resources.lock(session, {plan.doctor_id, *(room.kind_id for room in rooms)})
    except NotFound:
        if await doctors.find(session, plan.doctor_id) is None:
            raise Invalid.field("doctor_id", "There is no such doctor.", "unknown") from None
        raise StartAgain from None
    now = clock.now()
    if await _candidates(session, plan) != rooms:
        raise StartAgain
    location_id = plan.location_id or (rooms[0].location_id if plan.room_id else None)
    reason, place, rules = await offers.judge_meeting(session, plan.doctor_id, plan.visit_type_id, location_id,
                                                      plan.starts_at, plan.ends_at, now)  # fmt: skip
    if reason or place is None:
        raise _refused(REFUSALS[reason] if reason else SlotTaken, plan, rules)
    room_id = await _room(session, plan, [room.id for room in rooms if room.location_id == place], rules, now)
    return await _write(session, actor, plan, place, room_id, rules, now)


async def cancel_session(
    session: AsyncSession, actor: Actor, session_id: UUID, *, reason: str, clock: Clock
) -> GroupSession:
    """Call it off, and with it every place: each patient is told why. Calling it off again changes nothing."""
    seen = await group_queries.get(session, session_id)
    places = await group_queries.places_of(session, session_id)
    whom = {seen.id, seen.doctor_id, *(place.patient_id for place in places)}
    await resources.lock(session, whom)
    group = await group_queries.get(session, session_id)
    places = await group_queries.places_of(session, session_id)
    if not {group.doctor_id, *(place.patient_id for place in places)} <= whom:
        raise StartAgain
    if group.cancelled_at is not None:
        return group
    now = clock.now()
    for place in await queries.get_locked(session, [place.id for place in places]) if places else ():
        await give_up(session, place, by=actor.user_id, code="session_cancelled", note=reason, now=now)
    group.cancelled_at, group.version = now, group.version + 1
    await session.flush()
    await resources.release(session, group.id)
    audit.record(session, now, actor.user_id, "session.cancel", "session", group.id, places=str(len(places)))
    return group


async def _candidates(session: AsyncSession, plan: Plan) -> list[_Candidate]:
    """By id. A room that is named counts whatever its kind is."""
    if plan.room_id is None and plan.room_kind is None:
        return []
    query = (
        select(Room.id, Room.location_id, RoomKind.id)
        .join(RoomKind, (RoomKind.location_id == Room.location_id) & (RoomKind.kind == Room.kind))
        .where(Room.is_active, Room.is_device.is_(False))
        .order_by(Room.id)
    )
    if plan.location_id:
        query = query.where(Room.location_id == plan.location_id)
    query = query.where(Room.id == plan.room_id) if plan.room_id else query.where(Room.kind == plan.room_kind)
    return [_Candidate(*row) for row in (await session.execute(query)).all()]


async def _room(session: AsyncSession, plan: Plan, rooms: list[UUID], rules: VisitRules, now: datetime) -> UUID | None:
    """The one that fits best, or None if none is wanted; `RoomTaken` if none is free."""
    if plan.room_id is None and plan.room_kind is None:
        return None
    first, last, _, _ = _ticks(plan, rules)
    spans: dict[UUID, list[Span]] = {room: [] for room in rooms}
    for run in await resources.busy(session, rooms, first, last, now) if rooms else ():
        spans[run.resource_id].append(Span(run.first, run.last))
    chosen = choose([spans], first, last)
    if not chosen:
        raise _refused(RoomTaken, plan, rules)
    return chosen[0]


def _ticks(plan: Plan, rules: VisitRules) -> tuple[int, int, int, int]:
    """With the buffers, and without."""
    first, last = tick_of(plan.starts_at), tick_of(plan.ends_at)
    return first - rules.buffer_before_minutes // 5, last + rules.buffer_after_minutes // 5, first, last


async def _write(
    session: AsyncSession, actor: Actor, plan: Plan, place: UUID, room_id: UUID | None, rules: VisitRules, now: datetime
) -> GroupSession:
    group = GroupSession(
        id=new_id(), doctor_id=plan.doctor_id, visit_type_id=rules.visit_type_id, location_id=place, room_id=room_id,
        title=plan.title, starts_at=plan.starts_at, ends_at=plan.ends_at, capacity=plan.capacity, version=1,
        created_by=actor.user_id, created_at=now, cancelled_at=None,
    )  # fmt: skip
    resources.add(session, group.id, OWNER)
    await session.flush()
    session.add(group)
    whom = [plan.doctor_id, *([room_id] if room_id else [])]
    claims = [resources.Claim(one, *_ticks(plan, rules)) for one in whom]
    await end_expired(session, claims, now)
    resources.take(session, claims, group.id, OWNER)
    audit.record(session, now, actor.user_id, "session.plan", "session", group.id, doctor_id=str(plan.doctor_id))
    try:
        await batch.flush(session)
    except IntegrityError as error:
        if constraint_of(error) == "pk_busy_ticks":
            raise _refused(SlotTaken, plan, rules) from None
        raise
    return group


def _refused(kind: type[TimeRefused], plan: Plan, rules: VisitRules) -> TimeRefused:
    error = kind()
    error.wanted = Wanted(plan.doctor_id, rules.visit_type_id, plan.location_id, None, plan.starts_at)
    return error
