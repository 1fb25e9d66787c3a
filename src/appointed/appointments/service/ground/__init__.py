"""Taking time away: which visits lose their ground, and what becomes of them."""

from .absences import add_time_off, change_time_off, remove_time_off
from .dealing import Affected, Cause, Dealing, Fate
from .hours import add_hours, change_hours, remove_hours
from .keeping import keep_visit
from .people import deactivate_doctor, deactivate_patient
from .places import change_timezone, taking_ground_at
from .taking import Taking, mark_if_groundless, taking_ground
from .weeks import Copied, copy_week

__all__ = [
    "Affected",
    "Cause",
    "Copied",
    "Dealing",
    "Fate",
    "Taking",
    "add_hours",
    "add_time_off",
    "change_hours",
    "change_time_off",
    "change_timezone",
    "copy_week",
    "deactivate_doctor",
    "deactivate_patient",
    "keep_visit",
    "mark_if_groundless",
    "remove_hours",
    "remove_time_off",
    "taking_ground",
    "taking_ground_at",
]
