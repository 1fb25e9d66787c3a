"""Is this time free for them? The one answer that listing, booking and every other path ask for."""

from .asking import Around, Asked, Judged, Parties, Taken
from .finding import Wish
from .judging import judge, name_the_missing, to_lock
from .listing import Day, FamilySlot, Slot, count_days, find, nearest, slots
from .meeting import Meeting, judge_meeting
from .searching import Search
from .standing import rules_for

__all__ = [
    "Around", "Asked", "Day", "FamilySlot", "Judged", "Meeting", "Parties", "Search", "Slot", "Taken", "Wish",
    "count_days", "find", "judge", "judge_meeting", "name_the_missing", "nearest", "rules_for", "slots", "to_lock",
]  # fmt: skip
