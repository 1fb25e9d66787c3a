"""What is done with locations, and with what is there."""

from .days import set_day, unset_day
from .places import Place, apply, change, create, deactivate, ensure_default, get_default, place_of
from .rooms import NewRoom, ensure_kind
from .rooms import add as add_room
from .staff import assign
from .travel import set_travel, unset_travel

__all__ = [
    "NewRoom", "Place", "add_room", "apply", "assign", "change", "create", "deactivate", "ensure_default",
    "ensure_kind", "get_default", "place_of", "set_day", "set_travel", "unset_day", "unset_travel",
]  # fmt: skip
