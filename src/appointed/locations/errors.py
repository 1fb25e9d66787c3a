"""Why a location cannot be changed."""

from appointed.core.errors import AppError


class DefaultLocation(AppError):
    code = "default_location"
    detail = "This location stands for the clinic where none is named; it cannot be deactivated."
