"""Is this time free for them? The one answer that listing, booking and every other path ask for."""

from .asking import Asked, Judged, Parties, Quotas, Taken
from .judging import judge, name_the_missing, to_lock
from .listing import Slot, nearest, slots
from .meeting import Meeting, judge_meeting

__all__ = [
    "Asked", "Judged", "Meeting", "Parties", "Quotas", "Slot", "Taken", "judge", "judge_meeting",
    "name_the_missing", "nearest", "slots", "to_lock",
]  # fmt: skip
