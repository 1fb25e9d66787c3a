"""Whether what stands in the database can be true: nobody twice at one time, no time that is nobody's."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import select

from appointed.appointments.models import Appointment, GroupSession, Participant, Series
from appointed.appointments.rules import NOT_HELD, Status
from appointed.audit.models import AuditEvent
from appointed.availability.rules import tick_of
from appointed.core.db import Database
from appointed.core.outbox import OutboxMessage
from appointed.patients.models import CareRelation
from appointed.resources.models import BusyTick
from appointed.visit_types.models import VisitType

TICK_HOLDERS = frozenset({Status.PENDING, Status.BOOKED, Status.ARRIVED, Status.CHECKED_IN, Status.FULFILLED})
Tick = tuple[UUID, int, UUID, bool]
NONE: Mapping[UUID, tuple[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Remains:
    """Everything that bookings leave behind."""

    visits: Sequence[Appointment]
    types: dict[UUID, VisitType]
    ticks: Counter[Tick]
    relations: Counter[UUID]
    events: Counter[tuple[str, str]]
    trail: Counter[tuple[str, UUID | None]]
    sessions: Sequence[GroupSession]
    series: dict[UUID, Series]
    beside: Sequence[tuple[UUID, UUID]]
    """Visits, and the rooms, devices and further doctors that each of them takes."""
    buffers: Mapping[UUID, tuple[int, int]]
    """Minutes before and after, of the visits and sessions that were not booked with those that their type has now."""

    @property
    def held(self) -> list[GroupSession]:
        return [each for each in self.sessions if each.cancelled_at is None]

    def buffers_of(self, owner: Appointment | GroupSession) -> tuple[int, int]:
        kind = self.types[owner.visit_type_id]
        return self.buffers.get(owner.id, (kind.buffer_before_minutes, kind.buffer_after_minutes))

    @property
    def live(self) -> list[Appointment]:
        return [visit for visit in self.visits if visit.status in TICK_HOLDERS]


async def remains(database: Database, buffers: Mapping[UUID, tuple[int, int]] = NONE) -> Remains:
    async with database.reads() as session:
        visits = (await session.scalars(select(Appointment).order_by(Appointment.starts_at))).all()
        types = (await session.scalars(select(VisitType))).all()
        ticks = await session.execute(
            select(BusyTick.resource_id, BusyTick.tick, BusyTick.owner_id, BusyTick.is_buffer)
        )
        relations = await session.scalars(select(CareRelation.appointment_id))
        messages = await session.execute(select(OutboxMessage.name, OutboxMessage.payload))
        trail = await session.execute(
            select(AuditEvent.action, AuditEvent.entity_id).where(AuditEvent.outcome == "done")
        )
        sessions = (await session.scalars(select(GroupSession).order_by(GroupSession.starts_at))).all()
        series = (await session.scalars(select(Series))).all()
        beside = await session.execute(select(Participant.appointment_id, Participant.resource_id))
        return Remains(
            visits,
            {each.id: each for each in types},
            Counter((*row,) for row in ticks.all()),
            Counter(relations.all()),
            Counter((row.name, row.payload.get("appointment_id", "")) for row in messages.all()),
            Counter((row.action, row.entity_id) for row in trail.all()),
            sessions,
            {each.id: each for each in series},
            [(row.appointment_id, row.resource_id) for row in beside.all()],
            buffers,
        )


async def flaws(database: Database, buffers: Mapping[UUID, tuple[int, int]] = NONE) -> list[str]:
    """What cannot be true together; empty when all is well. `buffers` as in `Remains`."""
    found = await remains(database, buffers)
    return [*_overlaps(found), *_stray_ticks(found), *_crowded(found), *_broken_series(found), *_untold(found)]


def _overlaps(found: Remains) -> Iterable[str]:
    """Of patients, and of doctors: a session counts as one visit, however many take part."""
    theirs = [(visit.patient_id, tick_of(visit.starts_at), _end_of(visit)) for visit in found.live]
    doctors = [(visit.doctor_id, tick_of(visit.starts_at), _end_of(visit))
               for visit in found.live if not visit.is_extra and visit.session_id is None]  # fmt: skip
    meetings = [(each.doctor_id, tick_of(each.starts_at), tick_of(each.ends_at)) for each in found.held]
    for taken in (theirs, sorted([*doctors, *meetings], key=lambda span: span[1])):
        last: dict[UUID, int] = {}
        # Who is done in the moment in which they begin has had no time, and somebody else may begin then.
        for resource_id, start, end in (span for span in taken if span[1] < span[2]):
            if start < last.get(resource_id, start):
                yield f"{resource_id} is double booked at tick {start}"
            last[resource_id] = max(end, last.get(resource_id, end))


def _stray_ticks(found: Remains) -> Iterable[str]:
    wanted = Counter(tick for visit in found.live for tick in _ticks_of(visit, found.buffers_of(visit)))
    wanted += Counter(tick for each in found.held for tick in _ticks_of_session(each, found.buffers_of(each)))
    visits = {visit.id: visit for visit in found.live if visit.session_id is None}
    for visit_id, resource_id in found.beside:
        if visit := visits.get(visit_id):
            wanted += Counter(_with_buffers(resource_id, visit.id, tick_of(visit.starts_at), _end_of(visit),
                                            found.buffers_of(visit)))  # fmt: skip
    yield from (f"no visit owns the tick {tick}" for tick in found.ticks - wanted)
    yield from (f"a visit lacks the tick {tick}" for tick in wanted - found.ticks)


def _crowded(found: Remains) -> Iterable[str]:
    """Each place of a session has a seat of its own below the capacity; who has left has none."""
    sessions = {each.id: each for each in found.sessions}
    seats: set[tuple[UUID, int]] = set()
    for visit in found.visits:
        if visit.session_id is None or visit.status == Status.CANCELLED:
            if visit.seat is not None:
                yield f"{visit.id} keeps the seat {visit.seat}"
            continue
        session = sessions[visit.session_id]
        if visit.seat is None or not 0 <= visit.seat < session.capacity or (session.id, visit.seat) in seats:
            yield f"{visit.id} has the seat {visit.seat} of {session.capacity}, or not alone"
        elif session.cancelled_at is not None:
            yield f"{visit.id} is a place in a session that was called off"
        else:
            seats.add((session.id, visit.seat))


def _broken_series(found: Remains) -> Iterable[str]:
    """A series has all of its visits, and they are of one patient."""
    numbers: dict[UUID, set[int | None]] = {series_id: set() for series_id in found.series}
    for visit in found.visits:
        if visit.series_id is not None:
            numbers[visit.series_id].add(visit.series_number)
            if visit.patient_id != found.series[visit.series_id].patient_id:
                yield f"{visit.id} is in somebody else's series"
    for series_id, those in numbers.items():
        if those != set(range(1, len(those) + 1)) or len(those) < 2:
            yield f"the series {series_id} has the visits {those}"


def _end_of(visit: Appointment) -> int:
    """The tick at which the visit is over: who is done early leaves the ticks that have not begun."""
    booked = tick_of(visit.ends_at)
    if visit.finished_at is None:
        return booked
    return min(booked, tick_of(visit.finished_at + timedelta(minutes=5, microseconds=-1)))


def _ticks_of(visit: Appointment, buffers: tuple[int, int]) -> Iterable[Tick]:
    first, last = tick_of(visit.starts_at), _end_of(visit)
    yield from ((visit.patient_id, tick, visit.id, False) for tick in range(first, last))
    if not visit.is_extra and visit.session_id is None:
        yield from _with_buffers(visit.doctor_id, visit.id, first, last, buffers)


def _ticks_of_session(session: GroupSession, buffers: tuple[int, int]) -> Iterable[Tick]:
    for resource_id in (session.doctor_id, session.room_id):
        if resource_id is not None:
            yield from _with_buffers(
                resource_id, session.id, tick_of(session.starts_at), tick_of(session.ends_at), buffers
            )


def _with_buffers(resource_id: UUID, owner_id: UUID, first: int, last: int, buffers: tuple[int, int]) -> Iterable[Tick]:
    before, after = first - buffers[0] // 5, last + buffers[1] // 5
    yield from ((resource_id, tick, owner_id, not first <= tick < last) for tick in range(before, after))


def _untold(found: Remains) -> Iterable[str]:
    """Each booking and each cancellation is told once, in the outbox and in the trail."""
    for visit in found.visits:
        events = Counter({name: count for (name, about), count in found.events.items() if about == str(visit.id)})
        trail = Counter({name: count for (name, about), count in found.trail.items() if about == visit.id})
        made = sum(trail[f"appointment.{deed}"] for deed in ("book", "fit-in", "hold"))
        undone = trail["appointment.undo-cancel"] + int(visit.status == Status.ENTERED_IN_ERROR)
        is_cancelled = visit.status == Status.CANCELLED
        is_treated = visit.status not in NOT_HELD | {Status.PENDING}
        said = {
            "records of booking": (made, 1),
            "booked events": (events["appointment.booked"],
                              made - trail["appointment.hold"] + trail["appointment.confirm"]),
            "cancelled events": (events["appointment.cancelled"], trail["appointment.cancel"]),
            "records of cancelling": (max(0, trail["appointment.cancel"] - undone), int(is_cancelled)),
            "rescheduled events": (events["appointment.rescheduled"], trail["appointment.reschedule"]),
            "care relations": (found.relations[visit.id], int(is_treated)),
        }  # fmt: skip
        yield from (f"{visit.id} has {count} {what}" for what, (count, wanted) in said.items() if count != wanted)
    strangers = set(found.relations) - {visit.id for visit in found.visits}
    yield from (f"a care relation stems from {stranger}, which is no visit" for stranger in strangers)
