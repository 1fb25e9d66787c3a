"""What can be wrong with opening hours."""

from appointed.core.errors import AppError
from appointed.core.grid import OffGrid

__all__ = ["HoursOverlap", "LastOffer", "OffGrid"]


class HoursOverlap(AppError):
    """`hours` in the problem document are the ids of the rows in the way, `first_at` when they first are."""

    code = "hours_overlap"
    detail = "The doctor has hours at another location then."


class LastOffer(AppError):
    code = "last_offer"
    detail = "Nobody else is named: without this offer every doctor would offer the visit type. Say everybody=true."
