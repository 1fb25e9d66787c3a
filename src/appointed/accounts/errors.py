"""What can go wrong with an account."""

from datetime import timedelta
from math import ceil
from uuid import UUID

from appointed.core.errors import AppError, Kind


class EmailTaken(AppError):
    code = "email_taken"
    kind = Kind.CONFLICT
    detail = "There is an account with this e-mail address. Log in, or use another address."


class FailedLogin(AppError):
    """A password that did not do. It is recorded as what was tried, `action`; `user_id` is for the trail alone."""

    action: str = "session.open"

    def __init__(self, user_id: UUID | None = None, *, action: str | None = None) -> None:
        super().__init__()
        self.user_id = user_id
        self.action = action or self.action


class InvalidCredentials(FailedLogin):
    """The same for an unknown address, a wrong password and a disabled account."""

    code = "invalid_credentials"
    kind = Kind.UNAUTHENTICATED
    detail = "E-mail address or password is wrong."


class LockedOut(FailedLogin):
    """Too many failed tries for one address, known or not: even the right password has to wait."""

    code = "too_many_requests"
    kind = Kind.TOO_MANY
    detail = "Too many failed tries for this address. Wait a while and try again, or ask for a new password."

    def __init__(
        self, user_id: UUID | None = None, *, wait: timedelta = timedelta(seconds=30), action: str | None = None
    ) -> None:
        super().__init__(user_id, action=action)
        self.seconds = ceil(wait.total_seconds())


class InvalidToken(AppError):
    code = "invalid_token"
    kind = Kind.UNAUTHENTICATED
    detail = "The token is not valid or has expired. Log in again."


class LastAdministrator(AppError):
    code = "last_administrator"
    detail = "This is the only active administrator. Make another one first."


class DoctorsAccount(AppError):
    """A doctor who cannot log in any more while visits are still booked would be time lost in silence."""

    code = "doctors_account"
    detail = "This is a doctor's account. Deactivate the doctor at /doctors, which asks what becomes of the visits."


class WrongPassword(FailedLogin):
    """Of somebody who is logged in and is to show that it is still them."""

    code = "wrong_password"
    kind = Kind.INVALID
    at = "current_password"
    detail = "This is not your current password."
    action = "user.password"


class LinkSpent(AppError):
    code = "link_spent"
    kind = Kind.GONE
    detail = "This link was used, has expired or is not complete. Ask for a new one."


class EmailNotVerified(AppError):
    code = "email_not_verified"
    kind = Kind.FORBIDDEN
    detail = "Confirm your e-mail address first, by the link in our mail. You can have it sent again."
