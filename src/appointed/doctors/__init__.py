"""The people who look after patients."""

from .queries import find, find_own, ids_like, page
from .service import change, deactivate, get, register

__all__ = ["change", "deactivate", "find", "find_own", "get", "ids_like", "page", "register"]
