"""What is asked about a visit, what is known about it, and the reasons for which it is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from appointed.availability.spans import Span
from appointed.availability.walltime import Opening


class Reason(StrEnum):
    """Why a time is refused. The members stand in the order in which they are named when several apply."""

    IN_THE_PAST = "in_the_past"
    TOO_SOON = "too_soon"
    TOO_FAR_AHEAD = "too_far_ahead"
    OFF_GRID = "off_grid"
    LENGTH_NOT_ALLOWED = "length_not_allowed"
    NOT_OFFERED = "not_offered"
    OUTSIDE_HOURS = "outside_hours"
    HOLIDAY = "holiday"
    ON_LEAVE = "on_leave"
    DAILY_LIMIT = "daily_limit"
    WEEKLY_LIMIT = "weekly_limit"
    PATIENT_LIMIT = "patient_limit"
    QUOTA_REACHED = "quota_reached"
    PATIENT_BUSY = "patient_busy"
    SLOT_TAKEN = "slot_taken"
    BUFFER = "buffer"
    TRAVEL_TIME = "travel_time"
    ROOM_TAKEN = "room_taken"
    SESSION_FULL = "session_full"


def first_of(*reasons: Reason | None) -> Reason | None:
    """The one that is named when several apply."""
    return next((reason for reason in Reason if reason in reasons), None)


@dataclass(frozen=True, slots=True)
class VisitRules:
    """How a visit type may be booked. Lengths, buffers and the grid are multiples of five minutes."""

    visit_type_id: UUID
    length_minutes: int = 30
    allowed_lengths: frozenset[int] = frozenset()
    """In minutes, besides `length_minutes`."""
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    grid_minutes: int = 30
    grid_offset_minutes: int = 0
    """From the start of the hours to the first start: the grid begins there."""
    notice_minutes: int = 0
    window_days: int = 365


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one doctor's time around a question. Spans are sorted and do not overlap."""

    openings: Sequence[Opening]
    visits: Sequence[Span]
    """The doctor's time that visits take, without their buffers."""
    buffers: Sequence[Span]
    """The doctor's time that only buffers take."""
    patient_busy: Sequence[Span]
    """Empty when no patient is asked for."""
    leave: Sequence[Span] = ()
    """The doctor's leave, which a visit may not meet; its buffers may."""
    barred: Mapping[Reason, Sequence[Span]] = field(default_factory=dict)
    """Ticks at which no visit may start, by the limit that is reached: daily, weekly, the patient's, the quota."""
    away: Mapping[UUID, Sequence[Span]] = field(default_factory=dict)
    """By location, the time in which the doctor is elsewhere or on the way; a visit meets it with its buffers."""
    needs: Mapping[UUID, Sequence[Mapping[UUID, Sequence[Span]]]] = field(default_factory=dict)
    """By location, for each thing that the visit needs, the busy time of each resource that would do. A visit takes a
    resource of its own for each need, with its buffers."""
