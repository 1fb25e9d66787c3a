"""What can go wrong with an account."""

from uuid import UUID

from appointed.core.errors import AppError, Kind


class EmailTaken(AppError):
    code = "email_taken"
    kind = Kind.CONFLICT
    detail = "There is an account with this e-mail address. Log in, or use another address."


class InvalidCredentials(AppError):
    """The same for an unknown address, a wrong password and a disabled account. `user_id` is for the trail alone."""

    code = "invalid_credentials"
    kind = Kind.UNAUTHENTICATED
    detail = "E-mail address or password is wrong."

    def __init__(self, user_id: UUID | None = None) -> None:
        super().__init__()
        self.user_id = user_id


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
