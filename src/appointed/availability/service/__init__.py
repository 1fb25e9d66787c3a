"""What is done with a doctor's hours and time off. What takes time away is called by `appointments`, which knows whom
it hits."""

from .hours import DAY_MINUTES, STEP_MINUTES, WeeklyHours, add, change, hours_in, new, place_of, remove
from .permission import check_may_change, check_may_change_absences, may_know_why, owner_of
from .time_off import Absence, BlockReason, Days, LeaveReason, change_absence, new_absence, remove_absence, span_of

__all__ = [
    "DAY_MINUTES", "STEP_MINUTES", "Absence", "BlockReason", "Days", "LeaveReason", "WeeklyHours", "add", "change",
    "change_absence", "check_may_change", "check_may_change_absences", "hours_in", "may_know_why", "new",
    "new_absence", "owner_of", "place_of", "remove", "remove_absence", "span_of",
]  # fmt: skip
