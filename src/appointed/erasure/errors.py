"""Why somebody cannot be erased yet."""

from appointed.core.errors import AppError


class StillExpected(AppError):
    """`visits` in the problem document are the ids of the visits and holds that are to come."""

    code = "visits_to_come"
    detail = "Visits of this patient are to come, or a time is held. Cancel them first."
