"""The people who look after patients."""

from .queries import find, find_own, page
from .service import change, deactivate, get, register

__all__ = ["change", "deactivate", "find", "find_own", "get", "page", "register"]
