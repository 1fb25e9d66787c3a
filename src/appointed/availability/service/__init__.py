"""What is done with a doctor's hours and time off. What takes time away is called by `appointments`, which knows whom
it hits."""

from .elsewhere import check_elsewhere_at
from .hours import DAY_MINUTES, STEP_MINUTES, WeeklyHours, add, change, hours_in, new, place_of, remove
from .offers import OVERRIDES, Terms, check_may_offer, check_offer, remove_offer, set_offer
from .permission import check_may_change, check_may_change_absences, may_know_why, owner_of
from .time_off import Absence, BlockReason, Days, LeaveReason, change_absence, new_absence, remove_absence, span_of

__all__ = [
    "DAY_MINUTES", "OVERRIDES", "STEP_MINUTES", "Absence", "BlockReason", "Days", "LeaveReason", "Terms", "WeeklyHours",
    "add", "change", "change_absence", "check_elsewhere_at", "check_may_change", "check_may_change_absences",
    "check_may_offer", "check_offer", "hours_in", "may_know_why", "new", "new_absence", "owner_of", "place_of",
    "remove", "remove_absence", "remove_offer", "set_offer", "span_of",
]  # fmt: skip
