"""What can go wrong with a second factor."""

from collections.abc import Sequence

from appointed.accounts.errors import FailedLogin, LockedOut
from appointed.core.errors import AppError, Kind

FACTOR = "session.second-factor"


class SecondFactorRequired(AppError):
    """The password was right. `challenge` is what the second factor is shown with, `methods` are those there are."""

    code = "second_factor_required"
    kind = Kind.UNAUTHENTICATED
    detail = "The password is right. Now show your second factor, together with the challenge, within five minutes."

    def __init__(self, challenge: str = "opaque", methods: Sequence[str] = ("totp", "recovery_code")) -> None:
        self.challenge, self.methods = challenge, tuple(methods)
        super().__init__(extra={"challenge": challenge, "methods": list(methods)})


class SecondFactorNeeded(AppError):
    """Of somebody who is logged in by their password alone, where the clinic wants more."""

    code = "second_factor_needed"
    kind = Kind.FORBIDDEN
    detail = "The clinic asks for a second factor. Add an authenticator app or a passkey, or log in with yours."


class ChallengeSpent(AppError):
    code = "challenge_spent"
    kind = Kind.GONE
    detail = "This challenge was used, has expired or is none of ours. Begin again."


class InvalidCode(FailedLogin):
    """The same for a wrong code, one that was used before, and a factor that the account does not have."""

    code = "invalid_second_factor"
    kind = Kind.UNAUTHENTICATED
    detail = "This second factor is wrong, or was used before."
    action = FACTOR


class CodesLockedOut(LockedOut):
    """Too many wrong second factors for one account: even the right one has to wait."""

    detail = "Too many wrong codes. Wait a while and try again."


class WrongCode(FailedLogin):
    """Of somebody who is adding an authenticator app."""

    code = "wrong_code"
    kind = Kind.INVALID
    at = "code"
    detail = "This is not the code that the app should show now. Is its clock right?"
    action = "factor.add"


class PasskeyRefused(FailedLogin):
    """The same for an unknown passkey, a signature that does not fit and a disabled account."""

    code = "passkey_refused"
    kind = Kind.UNAUTHENTICATED
    detail = "This passkey does not let anybody in here."


class PasskeyCopied(PasskeyRefused):
    """Its counter did not go forwards: somebody has a copy (WebAuthn level 3, section 6.1.1)."""

    code = "passkey_copied"
    detail = "This passkey has counted backwards, so there may be a copy of it. Remove it and add another one."


class PasskeyInvalid(FailedLogin):
    """Of somebody who is adding one."""

    code = "passkey_invalid"
    kind = Kind.INVALID
    at = "credential"
    detail = "This passkey cannot be added: it was not made for this site and this request, or not by its user."
    action = "factor.add"


class PasskeyKnown(AppError):
    code = "passkey_known"
    detail = "This passkey has been added already."


class TooManyPasskeys(AppError):
    code = "too_many_passkeys"
    detail = "There are as many passkeys as an account can have. Remove one first."


class TotpActive(AppError):
    code = "totp_active"
    detail = "There is an authenticator app already. Remove it first."


class NothingBegun(AppError):
    code = "nothing_begun"
    detail = "No authenticator app is about to be added. Begin at /auth/totp, and confirm within ten minutes."


class NoSecondFactor(AppError):
    code = "no_second_factor"
    detail = "There is no second factor yet that recovery codes could stand in for."


class OwnFactors(AppError):
    code = "own_factors"
    kind = Kind.FORBIDDEN
    detail = "These are your own. Remove them at /auth, with your password."
