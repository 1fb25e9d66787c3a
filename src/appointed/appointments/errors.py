"""Why a visit cannot be had, or cannot be given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from appointed.availability.rules import Reason
from appointed.core.errors import AppError, Kind


@dataclass(frozen=True, slots=True)
class Wanted:
    """The time that was refused, so that other times can be offered in its place."""

    doctor_id: UUID
    visit_type_id: UUID
    location_id: UUID | None
    patient_id: UUID | None
    starts_at: datetime


class TimeRefused(AppError):
    """`wanted` is set where other times would help; `others` where they would help parts of the problem document."""

    at = "starts_at"
    wanted: Wanted | None = None
    others: Sequence[tuple[dict[str, Any], Wanted]] = ()

    @classmethod
    def is_conflict(cls) -> bool:
        """Whether another time would do."""
        return cls.kind is Kind.CONFLICT


class TimeSkipped(TimeRefused):
    code = "time_skipped"
    kind = Kind.INVALID
    detail = "The clocks are put forward then: there is no such time on that day."


class InThePast(TimeRefused):
    code = "in_the_past"
    kind = Kind.INVALID
    detail = "This time has passed."


class TooSoon(TimeRefused):
    code = "too_soon"
    kind = Kind.INVALID
    detail = "This visit must be booked further ahead."


class TooFarAhead(TimeRefused):
    code = "too_far_ahead"
    kind = Kind.INVALID
    detail = "This visit cannot be booked that far ahead yet."


class OffGrid(TimeRefused):
    code = "off_grid"
    kind = Kind.INVALID
    detail = "Visits of this type do not start at this time. Take one of the free times that are listed."


class LengthNotAllowed(TimeRefused):
    code = "length_not_allowed"
    kind = Kind.INVALID
    at = "ends_at"
    detail = "Visits of this type do not have this length."


class NotOffered(TimeRefused):
    code = "not_offered"
    kind = Kind.INVALID
    detail = "The doctor does not offer this type of visit then."


class OutsideHours(TimeRefused):
    code = "outside_hours"
    kind = Kind.INVALID
    detail = "The doctor does not see patients then."


class Holiday(TimeRefused):
    code = "holiday"
    kind = Kind.INVALID
    detail = "The clinic is closed on that day."


class OnLeave(TimeRefused):
    code = "on_leave"
    kind = Kind.INVALID
    detail = "The doctor is on leave then."


class DailyLimit(TimeRefused):
    code = "daily_limit"
    kind = Kind.INVALID
    detail = "The doctor takes no more visits of this type on that day."


class WeeklyLimit(TimeRefused):
    code = "weekly_limit"
    kind = Kind.INVALID
    detail = "The doctor takes no more visits of this type in that week."


class PatientLimit(TimeRefused):
    code = "patient_limit"
    kind = Kind.INVALID
    detail = "The patient has a visit of this type already, or had one too short a time before."


class QuotaReached(TimeRefused):
    code = "quota_reached"
    kind = Kind.INVALID
    detail = "The patient holds as many visits as one can book ahead. Cancel one, or call the clinic."


class PatientBusy(TimeRefused):
    code = "patient_busy"
    detail = "The patient has another visit then."


class SlotTaken(TimeRefused):
    code = "slot_taken"
    detail = "Somebody else has this time."


class BufferNeeded(TimeRefused):
    code = "buffer"
    detail = "The doctor needs time between this visit and the next."


class TravelTime(TimeRefused):
    code = "travel_time"
    detail = "The doctor could not get there in time from another location."


class RoomTaken(TimeRefused):
    code = "room_taken"
    detail = "No room or device that this visit needs is free then."


class SessionFull(TimeRefused):
    code = "session_full"
    detail = "Every place in this session is taken."


REFUSALS: dict[Reason, type[TimeRefused]] = {
    Reason.IN_THE_PAST: InThePast,
    Reason.TOO_SOON: TooSoon,
    Reason.TOO_FAR_AHEAD: TooFarAhead,
    Reason.OFF_GRID: OffGrid,
    Reason.LENGTH_NOT_ALLOWED: LengthNotAllowed,
    Reason.NOT_OFFERED: NotOffered,
    Reason.OUTSIDE_HOURS: OutsideHours,
    Reason.HOLIDAY: Holiday,
    Reason.ON_LEAVE: OnLeave,
    Reason.DAILY_LIMIT: DailyLimit,
    Reason.WEEKLY_LIMIT: WeeklyLimit,
    Reason.PATIENT_LIMIT: PatientLimit,
    Reason.QUOTA_REACHED: QuotaReached,
    Reason.PATIENT_BUSY: PatientBusy,
    Reason.SLOT_TAKEN: SlotTaken,
    Reason.BUFFER: BufferNeeded,
    Reason.TRAVEL_TIME: TravelTime,
    Reason.ROOM_TAKEN: RoomTaken,
    Reason.SESSION_FULL: SessionFull,
}


class SessionCancelled(AppError):
    code = "session_cancelled"
    detail = "This session does not take place."


class HoldExpired(AppError):
    code = "hold_expired"
    kind = Kind.GONE
    detail = "This time was kept for you for a few minutes, which are over. Choose a time again."


class AlreadyExtended(AppError):
    code = "already_extended"
    detail = "A time is kept once longer, and no more. Confirm it, or choose again when it is over."


class NotMovable(AppError):
    code = "not_movable"
    detail = "A place in a group session cannot be moved. Cancel it, and take a place in another session."


class NotCancellable(AppError):
    code = "not_cancellable"
    detail = "This visit has begun or is over; it cannot be cancelled any more."


class VisitsAffected(AppError):
    """`visits` in the problem document are the ids of those that would lose their ground."""

    code = "visits_affected"
    detail = (
        "Visits are booked on this. Repeat with visits=keep to mark them, or visits=cancel and a reason to cancel them."
    )


class BadRecurrence(AppError):
    code = "bad_recurrence"
    kind = Kind.INVALID
    at = "rrule"
    detail = "This is no rule that a series can follow."


class NotPossibleNow(AppError):
    """`state` in the problem document is the visit's."""

    code = "not_possible_now"
    detail = "This cannot be done with the visit in the state in which it is."

    @classmethod
    def of(cls, status: str, patient_id: UUID, *, is_early: bool = False) -> "NotPossibleNow":
        why = "The visit has not begun yet." if is_early else f"The visit is {status}; this cannot be done with it."
        return cls(why, extra={"state": str(status)}, patient_id=patient_id)


class NotUndoable(AppError):
    code = "not_undoable"
    detail = "The last change of this visit is not one that can be undone."


class TooLateToUndo(AppError):
    code = "too_late_to_undo"
    detail = "The last change was too long ago to be undone. The desk can correct the visit, with a reason."


class CallTheClinic(AppError):
    code = "call_the_clinic"
    kind = Kind.FORBIDDEN
    detail = "This visit cannot be booked online after visits that were missed. Please call the clinic."
