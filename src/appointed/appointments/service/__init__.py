"""What is done with visits, by use."""

from .any_doctor import Wish, candidates
from .booking import Booking, book
from .cancelling import cancel
from .delays import run_late
from .family import BookedFamily, book_family
from .ground import (
    Affected,
    Cause,
    Dealing,
    Fate,
    add_hours,
    add_time_off,
    change_hours,
    change_time_off,
    change_timezone,
    deactivate_doctor,
    deactivate_patient,
    keep_visit,
    remove_hours,
    remove_time_off,
    taking_ground,
    taking_ground_at,
)
from .holding import confirm, expire_if_due, extend
from .living import miss_if_due, move
from .moving import Move, reschedule
from .past import By, history
from .places import Joining, join
from .series import BookedSeries, Report, book_series, report_on_series
from .series_changes import ChangedSeries, cancel_series, reschedule_series
from .sessions import Plan, cancel_session, plan_session
from .undoing import undo

__all__ = [
    "Affected",
    "BookedFamily",
    "BookedSeries",
    "Booking",
    "By",
    "Cause",
    "ChangedSeries",
    "Dealing",
    "Fate",
    "Joining",
    "Move",
    "Plan",
    "Report",
    "Wish",
    "add_hours",
    "add_time_off",
    "book",
    "book_family",
    "book_series",
    "cancel",
    "cancel_series",
    "cancel_session",
    "candidates",
    "change_hours",
    "change_time_off",
    "change_timezone",
    "confirm",
    "deactivate_doctor",
    "deactivate_patient",
    "expire_if_due",
    "extend",
    "history",
    "join",
    "keep_visit",
    "miss_if_due",
    "move",
    "plan_session",
    "remove_hours",
    "remove_time_off",
    "report_on_series",
    "reschedule",
    "reschedule_series",
    "run_late",
    "taking_ground",
    "taking_ground_at",
    "undo",
]  # fmt: skip
