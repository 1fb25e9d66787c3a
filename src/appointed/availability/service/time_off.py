"""Leave and blocks: time in which a doctor sees nobody."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.availability.errors import OffGrid
from appointed.availability.models import Schedule, TimeOff
from appointed.availability.rules import TICK_SECONDS, TimeOffKind
from appointed.core.db import vault_of
from appointed.core.errors import Field, Invalid
from appointed.core.ids import new_id
from appointed.locations.models import Location
from appointed.locations.service import get_default


class LeaveReason(StrEnum):
    VACATION = "vacation"
    SICK = "sick"
    TRAINING = "training"
    OTHER = "other"


class BlockReason(StrEnum):
    MEETING = "meeting"
    CALL_BACKS = "call_backs"
    OTHER = "other"


REASONS: dict[TimeOffKind, frozenset[str]] = {
    TimeOffKind.LEAVE: frozenset(LeaveReason),
    TimeOffKind.BLOCK: frozenset(BlockReason),
}


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Absence:
    """What is said of time off; the instants lie on whole five minutes."""

    kind: TimeOffKind
    starts_at: datetime
    ends_at: datetime
    reason_code: str
    note: str | None = None

    def check(self) -> None:
        times = {"starts_at": self.starts_at, "ends_at": self.ends_at}
        if off := [name for name, at in times.items() if at.timestamp() % TICK_SECONDS]:
            raise OffGrid(fields=[Field(name, OffGrid.code, OffGrid.detail) for name in off])
        if self.ends_at <= self.starts_at:
            raise Invalid.field("ends_at", "The end must be after the start.")
        if self.reason_code not in REASONS[self.kind]:
            allowed = ", ".join(sorted(REASONS[self.kind]))
            raise Invalid.field("reason_code", f"The reason of a {self.kind} is one of: {allowed}.")


async def span_of(session: AsyncSession, doctor_id: UUID, days: Days) -> tuple[datetime, datetime]:
    """From the midnight at which the days begin to the one at which they end, wherever the doctor has hours: the
    earliest and the latest of these places. Without hours, at the clinic."""
    zones = set(
        await session.scalars(
            select(Location.timezone).join(Schedule, Schedule.location_id == Location.id)
            .where(Schedule.doctor_id == doctor_id).distinct()
        )
    ) or {(await get_default(session)).timezone}  # fmt: skip
    after = days.last + timedelta(days=1)
    return (
        min(datetime.combine(days.first, time(), ZoneInfo(zone)).astimezone(UTC) for zone in zones),
        max(datetime.combine(after, time(), ZoneInfo(zone)).astimezone(UTC) for zone in zones),
    )


def new_absence(session: AsyncSession, by: UUID, doctor_id: UUID, absence: Absence, now: datetime) -> TimeOff:
    """Time off of a doctor whose row is locked."""
    row = TimeOff(id=new_id(), doctor_id=doctor_id, kind=absence.kind, created_by=by, created_at=now)
    _apply(session, row, absence)
    session.add(row)
    _record(session, now, by, "add", row)
    return row


def change_absence(session: AsyncSession, by: UUID, row: TimeOff, absence: Absence, now: datetime) -> None:
    """Make the row, whose doctor is locked, what is said; its kind stays."""
    _apply(session, row, absence)
    _record(session, now, by, "change", row)


async def remove_absence(session: AsyncSession, by: UUID, row: TimeOff, now: datetime) -> None:
    await session.delete(row)
    _record(session, now, by, "remove", row)


def _apply(session: AsyncSession, row: TimeOff, absence: Absence) -> None:
    row.starts_at, row.ends_at, row.reason_code = absence.starts_at, absence.ends_at, absence.reason_code
    row.note_sealed = vault_of(session).seal_maybe("time_off", "note", row.id, absence.note)


def _record(session: AsyncSession, now: datetime, by: UUID, verb: str, row: TimeOff) -> None:
    audit.record(session, now, by, f"time-off.{verb}", "time-off", row.id, doctor_id=str(row.doctor_id))
