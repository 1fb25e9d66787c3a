"""Why a visit type cannot be changed."""

from appointed.core.errors import AppError


class DefaultVisitType(AppError):
    code = "default_visit_type"
    detail = "This is what is booked when no visit type is named; it cannot be deactivated."
