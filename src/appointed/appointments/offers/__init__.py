"""Is this time free for them? The one answer that listing, booking and every other path ask for."""

from .asking import Asked, Judged, Parties, Taken
from .judging import judge, name_the_missing, to_lock
from .listing import Slot, nearest, slots
from .meeting import Meeting, judge_meeting
from .standing import rules_for

__all__ = [
    "Asked", "Judged", "Meeting", "Parties", "Slot", "Taken", "judge", "judge_meeting",
    "name_the_missing", "nearest", "rules_for", "slots", "to_lock",
]  # fmt: skip
