"""How visits that lose their ground are dealt with, and how they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.appointments.errors import VisitsAffected
from appointed.appointments.models import Appointment
from appointed.appointments.service.cancelling import give_up
from appointed.core.errors import Invalid


class Fate(StrEnum):
    """What becomes of visits that lose their ground."""

    KEEP = "keep"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Dealing:
    """How to deal with affected visits; without a fate they stand in the way. A dry run lists them and does nothing."""

    fate: Fate | None = None
    reason: str | None = None
    is_dry_run: bool = False

    def check(self) -> None:
        if self.fate is Fate.CANCEL and not self.reason:
            raise Invalid.field("reason", "Say why the visits are cancelled; the patients are told.", "missing")


@dataclass(frozen=True, slots=True)
class Affected:
    """A visit that lost its ground."""

    id: UUID
    starts_at: datetime


class Cause(StrEnum):
    """Why a visit needs attention: what took its ground away."""

    HOURS_REMOVED = "hours_removed"
    HOURS_CHANGED = "hours_changed"
    BREAK = "break"
    CLOSED = "closed"
    ON_LEAVE = "on_leave"
    BLOCKED = "blocked"
    WEEK_COPIED = "week_copied"
    NOT_OFFERED = "not_offered"
    TRAVEL_TIME = "travel_time"
    HOLIDAYS_CHANGED = "holidays_changed"
    DOCTOR_DEACTIVATED = "doctor_deactivated"
    PATIENT_DEACTIVATED = "patient_deactivated"
    LOCATION_DEACTIVATED = "location_deactivated"
    ROOM_DEACTIVATED = "room_deactivated"
    VISIT_TYPE_DEACTIVATED = "visit_type_deactivated"
    TIMEZONE_CHANGED = "timezone_changed"
    UNDONE = "undone"


async def deal(
    session: AsyncSession, actor: Actor | None, affected: Sequence[Appointment], dealing: Dealing, cause: Cause,
    now: datetime,
) -> None:  # fmt: skip
    """Refuse, mark or cancel, as `dealing` says. Only somebody cancels; without an actor visits are marked."""
    if affected and dealing.fate is None:
        raise VisitsAffected(extra={"visits": [str(visit.id) for visit in affected]})
    for visit in affected:
        if dealing.fate is Fate.CANCEL and actor:
            await give_up(session, visit, by=actor.user_id, code=cause, note=dealing.reason, now=now)
        else:
            visit.needs_attention, visit.attention_code = True, cause
            _record(session, actor, "appointment.needs-attention", visit, now)


def mend(session: AsyncSession, actor: Actor | None, visit: Appointment, now: datetime) -> None:
    """Take the mark away from a visit that has its ground again."""
    _record(session, actor, "appointment.ground-restored", visit, now)
    visit.needs_attention, visit.attention_code = False, None


def _record(session: AsyncSession, actor: Actor | None, action: str, visit: Appointment, now: datetime) -> None:
    audit.record(session, now, actor.user_id if actor else None, action, "appointment", visit.id,
                 patient_id=visit.patient_id, code=visit.attention_code or "")  # fmt: skip
