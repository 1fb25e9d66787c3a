"""States of a visit, which of them hold time, and how one becomes another; pure."""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appointed.accounts.actor import Permission


class Status(StrEnum):
    """The states of FHIR R4 Appointment."""

    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"
    WAITLIST = "waitlist"


class Channel(StrEnum):
    ONLINE = "online"
    PHONE = "phone"
    DESK = "desk"


class Notified(StrEnum):
    """What became of the confirmation mail."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    NO_ADDRESS = "no_address"
    OFF = "off"


class Action(StrEnum):
    """What can be done with a visit that is booked."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    ARRIVE = "arrive"
    CHECK_IN = "check-in"
    ROOM = "room"
    START = "start"
    COMPLETE = "complete"
    NO_SHOW = "no-show"
    EXCUSE = "excuse"
    CORRECT = "correct"


@dataclass(frozen=True, slots=True)
class Step:
    """From any of these states to another, or with `to` None to the same one.

    Whoever has `by_all` may do it to every visit, whoever has `by_own` to those that are theirs. `has_begun`: not
    before the visit's start.
    """

    froms: frozenset[Status]
    to: Status | None
    by_all: Permission
    by_own: Permission | None = None
    has_begun: bool = False

    def may_be_done_by(self, permissions: Collection[Permission], *, is_own: bool) -> bool:
        return self.by_all in permissions or (is_own and self.by_own in permissions)


UPCOMING = frozenset({Status.PENDING, Status.BOOKED})
CANCELLABLE = frozenset({Status.PROPOSED, Status.WAITLIST}) | UPCOMING
PRESENT = frozenset({Status.ARRIVED, Status.CHECKED_IN})
UNCLOSED = frozenset({Status.BOOKED}) | PRESENT
HOLDING = frozenset({Status.ARRIVED, Status.CHECKED_IN, Status.FULFILLED}) | UPCOMING
"""States in which a visit has its time; a hold has it until it expires."""
NOT_HELD = frozenset({Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR})
_BOOKED = frozenset({Status.BOOKED})
_P = Permission

# For each action its ways; no state stands in two ways of one action.
STEPS: Mapping[Action, Sequence[Step]] = {
    Action.CONFIRM: [Step(frozenset({Status.PENDING}), Status.BOOKED, _P.APPOINTMENTS_BOOK_ALL,
                          _P.APPOINTMENTS_BOOK_OWN)],
    Action.CANCEL: [Step(CANCELLABLE, Status.CANCELLED, _P.APPOINTMENTS_BOOK_ALL, _P.APPOINTMENTS_CANCEL)],
    Action.ARRIVE: [Step(_BOOKED, Status.ARRIVED, _P.APPOINTMENTS_RECEIVE)],
    Action.CHECK_IN: [Step(_BOOKED | {Status.ARRIVED}, Status.CHECKED_IN, _P.APPOINTMENTS_RECEIVE)],
    Action.ROOM: [Step(PRESENT, None, _P.APPOINTMENTS_ATTEND_ALL, _P.APPOINTMENTS_ATTEND_OWN)],
    Action.START: [Step(PRESENT, None, _P.APPOINTMENTS_ATTEND_ALL, _P.APPOINTMENTS_ATTEND_OWN)],
    Action.COMPLETE: [
        Step(PRESENT, Status.FULFILLED, _P.APPOINTMENTS_ATTEND_ALL, _P.APPOINTMENTS_ATTEND_OWN),
        Step(_BOOKED, Status.FULFILLED, _P.APPOINTMENTS_CLOSE_ALL, _P.APPOINTMENTS_ATTEND_OWN, has_begun=True),
    ],
    Action.NO_SHOW: [
        Step(_BOOKED, Status.NOSHOW, _P.APPOINTMENTS_CLOSE_ALL, _P.APPOINTMENTS_ATTEND_OWN, has_begun=True)
    ],
    Action.EXCUSE: [Step(frozenset({Status.NOSHOW}), None, _P.APPOINTMENTS_CORRECT)],
    Action.CORRECT: [
        Step(UNCLOSED | {Status.FULFILLED, Status.NOSHOW, Status.CANCELLED}, Status.ENTERED_IN_ERROR,
             _P.APPOINTMENTS_CORRECT)
    ],
}  # fmt: skip
UNDOABLE = frozenset({Action.CANCEL, Action.ARRIVE, Action.CHECK_IN, Action.ROOM, Action.START, Action.COMPLETE,
                      Action.NO_SHOW})  # fmt: skip


def step_of(action: Action, status: Status) -> Step | None:
    """How the action is done to a visit in this state; None if it cannot be."""
    return next((step for step in STEPS[action] if status in step.froms), None)


def permissions_for(action: Action) -> set[Permission]:
    """Whoever has none of them may never do it."""
    return {permission for step in STEPS[action] for permission in (step.by_all, step.by_own) if permission}


def months_before(now: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the last day of a month that is too short for it."""
    years, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    day = min(now.day, monthrange(years, month + 1)[1])
    return now.replace(year=years, month=month + 1, day=day)


def is_treating(status: Status, *, is_booked_by_doctor: bool) -> bool:
    """Whether the doctor treats the patient because of a visit in this state: of one that the doctor booked, only once
    the patient has come."""
    if status == Status.BOOKED:
        return not is_booked_by_doctor
    return status in PRESENT | {Status.FULFILLED}
