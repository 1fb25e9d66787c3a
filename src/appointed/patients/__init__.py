"""The people who are looked after."""

from .queries import find_own_id, get, get_for_change
from .service import Login, change, deactivate, invite, join, register

__all__ = ["Login", "change", "deactivate", "find_own_id", "get", "get_for_change", "invite", "join", "register"]
