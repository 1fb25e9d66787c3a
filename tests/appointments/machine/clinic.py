"""The real side: the services of a clinic on a database, each step in a transaction of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor, Role
from appointed.appointments import offers, service
from appointed.appointments.models import (
    Appointment,
    AppointmentChange,
    GroupSession,
    Participant,
    Series,
)
from appointed.appointments.policy import Policy, Quotas
from appointed.appointments.service.ground.visit_types import change_visit_type
from appointed.audit.models import AuditEvent
from appointed.availability.models import Offer, TimeOff
from appointed.availability.rules import TimeOffKind
from appointed.availability.service import Absence
from appointed.core.db import Database, transaction
from appointed.core.errors import AppError
from appointed.core.ids import new_id
from appointed.core.outbox import OutboxMessage
from appointed.core.settings import Settings
from appointed.locations.service import get_default
from appointed.patients.models import CareRelation
from appointed.resources.models import BusyTick, Resource
from appointed.visit_types.models import VisitType
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.soundness import flaws

from .model import DAY, HOURS, MOST_HOLDS, MOST_UPCOMING, ROOM, Ask, Kind, Meeting, Visit, Who, wall

# A Friday; on the Sunday after it the clocks are put forward.
OPENS = datetime(2031, 3, 28, 7, tzinfo=UTC)
KINDS: Mapping[str, Kind] = {
    "short": Kind(30, allowed=(60,)),
    "long": Kind(45, grid=15, before=5, after=10, notice=60, daily=2, per_patient=3, takes_room=True),
    "group": Kind(60, doctors=(1,)),
}
ROOM_KIND = "treatment"
POLICY = Policy(quotas=Quotas(MOST_UPCOMING, MOST_HOLDS))
_FORGOTTEN = (Participant, AppointmentChange, BusyTick, CareRelation, Appointment, Series, GroupSession, TimeOff,
              OutboxMessage, AuditEvent)  # fmt: skip
_A = Appointment
_SHOWN = select(_A.id, _A.cancel_code, _A.status, _A.doctor_id, _A.patient_id, _A.visit_type_id, _A.starts_at,
                _A.ends_at, _A.hold_expires_at, _A.is_extra, _A.seat, _A.series_number, _A.needs_attention)  # fmt: skip
# Portable, and written down a second time on purpose: what must never be false, asked of the database itself.
_AT_ONCE = """
    SELECT COUNT(*) FROM appointments a JOIN appointments b ON a.id < b.id
    WHERE a.starts_at < b.ends_at AND b.starts_at < a.ends_at
      AND a.status IN ('booked', 'arrived') AND b.status IN ('booked', 'arrived')
"""
_NEVER = {
    "a patient in two visits at once": f"{_AT_ONCE} AND a.patient_id = b.patient_id",
    "a doctor in two visits at once": f"""{_AT_ONCE} AND a.doctor_id = b.doctor_id AND NOT a.is_extra
        AND NOT b.is_extra AND a.session_id IS NULL AND b.session_id IS NULL""",
    "time that is nobody's": """
        SELECT COUNT(*) FROM busy_ticks t LEFT JOIN appointments a ON a.id = t.owner_id
        LEFT JOIN group_sessions g ON g.id = t.owner_id
        WHERE (a.id IS NULL AND g.id IS NULL) OR a.status IN ('cancelled', 'noshow') OR g.cancelled_at IS NOT NULL""",
    "more places than there are": """
        SELECT COUNT(*) FROM group_sessions g WHERE g.capacity <
          (SELECT COUNT(*) FROM appointments a WHERE a.session_id = g.id AND a.status <> 'cancelled')""",
    "a booked visit whose doctor has no relation to its patient": """
        SELECT COUNT(*) FROM appointments a WHERE a.status = 'booked'
          AND NOT EXISTS (SELECT 1 FROM care_relations c WHERE c.appointment_id = a.id)""",
}

Step = Callable[[AsyncSession], Awaitable[Any]]


@dataclass(frozen=True)
class Real:
    """A clinic with two doctors, three patients, a desk and one treatment room."""

    clinic: Clinic
    clock: FixedClock
    doctors: list[Person]
    patients: list[Person]
    desk: Person
    admin: Person
    kinds: dict[str, UUID]
    room_id: UUID

    @property
    def database(self) -> Database:
        return self.clinic.database

    async def begin(self) -> None:
        """Leave the people and nothing else, at the hour at which the clinic opens."""
        self.clock.set(OPENS)
        async with transaction(self.database.writes) as session:
            for model in _FORGOTTEN:
                await session.execute(delete(model))
            await session.execute(delete(Resource).where(Resource.kind == "session"))
            for name, kind in KINDS.items():
                await session.execute(update(VisitType).where(VisitType.id == self.kinds[name]).values(rules_of(kind)))

    async def attempt(self, step: Step) -> tuple[str | None, Any]:
        """The code by which it is refused, or what it gives."""
        try:
            async with transaction(self.database.writes) as session:
                return None, await step(session)
        except AppError as error:
            return error.code, None

    def actor(self, by: int | None) -> Actor:
        return self.desk.actor if by is None else self.patients[by].actor

    async def change_kind(self, session: AsyncSession, name: str, changes: Mapping[str, Any]) -> Any:
        return await change_visit_type(session, self.admin.actor, self.kinds[name], changes, clock=self.clock)

    def booking(self, ask: Ask, **more: Any) -> service.Booking:
        assert ask.patient is not None
        return service.Booking(self.doctors[ask.doctor].profile_id, ask.start, ask.end, self.kinds[ask.kind],
                               patient_id=self.patients[ask.patient].id, is_held=ask.is_held,
                               extra_reason="Acute" if ask.is_extra else None, **more)  # fmt: skip

    async def book(self, session: AsyncSession, ask: Ask) -> Appointment:
        return await service.book(session, self.actor(ask.by), self.booking(ask), policy=POLICY, clock=self.clock)

    async def plan(self, session: AsyncSession, meeting: Meeting) -> GroupSession:
        planned = service.Plan(self.doctors[meeting.doctor].profile_id, "Breathing", meeting.start, meeting.end,
                               meeting.capacity, self.kinds[meeting.kind],
                               room_kind=ROOM_KIND if meeting.takes_room else None)  # fmt: skip
        return await service.plan_session(session, self.desk.actor, planned, clock=self.clock)

    async def join(self, session: AsyncSession, meeting: Meeting, patient: int, by: int | None) -> Appointment:
        joining = service.Joining(self.patients[patient].id)
        return await service.join(session, self.actor(by), meeting.id, joining, policy=POLICY, clock=self.clock)

    async def leave(
        self, doctor: int, first: datetime, last: datetime, *, is_dry_run: bool
    ) -> tuple[UUID, set[UUID]]:  # fmt: skip
        """The leave, and the visits that it takes the ground from."""
        async with transaction(self.database.writes) as session:
            row, affected = await service.add_time_off(
                session, self.desk.actor, self.doctors[doctor].profile_id, None,
                lambda _start, _end: Absence(TimeOffKind.LEAVE, first, last, "vacation"),
                is_dry_run=is_dry_run, clock=self.clock,
            )  # fmt: skip
            return row.id, {each.id for each in affected}

    async def expire_if_due(self, visit: Visit) -> bool:
        async with transaction(self.database.writes) as session:
            return await service.expire_if_due(session, visit.id, clock=self.clock)

    async def free(
        self, doctor: int, patient: int | None, kind: str, by: int | None, days: list[date]
    ) -> list[datetime]:
        async with self.database.reads() as session:
            slots = await offers.slots(
                session, [self.doctors[doctor].profile_id], self.kinds[kind], wall(days[0], 0), wall(days[-1] + DAY, 0),
                self.clock.now(), patient_id=None if patient is None else self.patients[patient].id,
                quotas=Quotas(MOST_UPCOMING) if by is not None else Quotas(), is_online=by is not None,
            )  # fmt: skip
        return [slot.starts_at for slot in slots]

    async def visits(self) -> dict[UUID, tuple[Any, ...]]:
        """As `shown` gives those of the model."""
        async with self.database.reads() as session:
            rows = (await session.execute(_SHOWN)).all()
        return {
            id_: (*shown, "expired" if cancel_code == "hold_expired" else status)
            for id_, cancel_code, status, *shown in rows
        }

    def shown(self, visit: Visit) -> tuple[Any, ...]:
        is_held = visit.status == "pending"
        return (
            self.doctors[visit.doctor].id, self.patients[visit.patient].id, self.kinds[visit.kind], visit.start,
            visit.end, visit.hold_until if is_held else None, visit.is_extra, visit.seat, visit.number,
            visit.needs_attention, visit.status,
        )  # fmt: skip

    async def ticks(self) -> dict[tuple[UUID, int], bool]:
        """Who is busy when, and whether it is buffer; holds that are over count for nothing."""
        now = self.clock.now()
        async with self.database.reads() as session:
            rows = (await session.execute(select(*BusyTick.__table__.columns))).all()
        return {
            (row.resource_id, row.tick): row.is_buffer for row in rows if row.expires_at is None or row.expires_at > now
        }

    def resource(self, who: Who) -> UUID:
        if who == ROOM:
            return self.room_id
        kind, number = who
        return (self.doctors if kind == "doctor" else self.patients)[number].profile_id

    async def flaws(self, buffers: Mapping[UUID, tuple[int, int]]) -> list[str]:
        return await flaws(self.database, buffers)

    async def never(self) -> list[str]:
        """What must never be false and is."""
        async with self.database.reads() as session:
            return [what for what, query in _NEVER.items() if await session.scalar(text(query))]


def rules_of(kind: Kind) -> dict[str, Any]:
    said = asdict(kind)
    return {
        "length_minutes": said["length"], "grid_minutes": said["grid"], "grid_offset_minutes": said["offset"],
        "allowed_lengths": list(said["allowed"]), "buffer_before_minutes": said["before"],
        "buffer_after_minutes": said["after"], "notice_minutes": said["notice"], "window_days": said["window"],
        "daily_limit": said["daily"], "patient_limit": said["per_patient"],
        "room_kind": ROOM_KIND if said["takes_room"] else None,
    }  # fmt: skip


async def furnished(database: Database, settings: Settings, clock: FixedClock) -> Real:
    clock.set(OPENS)
    clinic = Clinic(database, settings.model_copy(update={"clinic_timezone": "Europe/Berlin"}), clock)
    await clinic.open()
    async with database.reads() as session:
        place = await get_default(session)
    room = await clinic.room(place.id, ROOM_KIND)
    doctors = [await clinic.doctor(hours=False) for _ in HOURS]
    for number, hours in HOURS.items():
        for weekday in range(7):
            for first, last in hours:
                await clinic.hours(doctors[number].profile_id, weekday, first, last)
    kinds = {name: (await clinic.visit_type(name=name, **rules_of(kind))).id for name, kind in KINDS.items()}
    async with transaction(database.writes) as session:
        for name, kind in KINDS.items():
            for number in kind.doctors if len(kind.doctors) < len(doctors) else ():
                session.add(Offer(id=new_id(), doctor_id=doctors[number].profile_id, visit_type_id=kinds[name]))
    return Real(
        clinic, clock, doctors, [await clinic.patient() for _ in range(3)], await clinic.staff(Role.RECEPTIONIST),
        await clinic.staff(Role.ADMIN), kinds, room.id,
    )  # fmt: skip
