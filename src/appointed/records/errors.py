"""Why a record cannot become what was asked for."""

from appointed.core.errors import AppError


class NotSignable(AppError):
    code = "not_signable"
    detail = "Only a preliminary record can be signed."


class NotAmendable(AppError):
    code = "not_amendable"
    detail = "Only a signed record that was not retracted can be amended."


class NotReleasable(AppError):
    code = "not_releasable"
    detail = "Only a signed record that was not retracted can be released."


class Superseded(AppError):
    """`amended_by_id` in the problem document is the version that replaced it."""

    code = "superseded"
    detail = "A later version replaces this one. Change that one."
