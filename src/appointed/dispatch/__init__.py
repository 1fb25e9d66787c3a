"""Carrying out what the outbox says: which handlers an event has, how they are run, and what is swept up afterwards."""

from .chores import close_missed, do_chores, purge_erased
from .delivery import USUAL, deliver, deliver_due, due_ids
from .embedded import Dispatcher
from .handlers import HANDLERS
from .housekeeping import seal_trail, tidy, tidy_if_due
from .timing import Timing

__all__ = ["HANDLERS", "USUAL", "Dispatcher", "Timing", "close_missed", "deliver", "deliver_due", "do_chores",
           "due_ids", "purge_erased", "seal_trail", "tidy", "tidy_if_due"]  # fmt: skip
