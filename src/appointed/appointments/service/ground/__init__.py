"""Taking time away: which visits lose their ground, and what becomes of them."""

from .absences import add_time_off, change_time_off, remove_time_off
from .dealing import Affected, Cause, Dealing, Fate
from .hours import add_hours, change_hours, remove_hours
from .importing import Imported, export_hours, import_hours
from .keeping import keep_visit
from .offers import remove_offer, set_offer
from .people import change_doctor, change_patient, deactivate_doctor, deactivate_patient
from .places import (
    change_location,
    change_timezone,
    deactivate_location,
    set_day,
    set_travel,
    taking_ground_at,
    unset_day,
    unset_travel,
)
from .rooms import change_room, deactivate_room
from .taking import Taking, mark_if_groundless, taking_ground
from .visit_types import change_visit_type, deactivate_visit_type
from .weeks import Copied, copy_week

__all__ = [
    "Affected",
    "Cause",
    "Copied",
    "Dealing",
    "Fate",
    "Imported",
    "Taking",
    "add_hours",
    "add_time_off",
    "change_doctor",
    "change_hours",
    "change_location",
    "change_patient",
    "change_room",
    "change_time_off",
    "change_timezone",
    "change_visit_type",
    "copy_week",
    "deactivate_doctor",
    "deactivate_location",
    "deactivate_patient",
    "deactivate_room",
    "deactivate_visit_type",
    "export_hours",
    "import_hours",
    "keep_visit",
    "mark_if_groundless",
    "remove_hours",
    "remove_offer",
    "remove_time_off",
    "set_day",
    "set_offer",
    "set_travel",
    "taking_ground",
    "taking_ground_at",
    "unset_day",
    "unset_travel",
]
