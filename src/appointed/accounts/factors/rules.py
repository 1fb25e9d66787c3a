"""Which second factors there are, how long things last, and which of a code's steps are good; pure."""

from datetime import datetime, timedelta
from enum import StrEnum


class Method(StrEnum):
    """What was shown beside the password, or instead of it."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


class Change(StrEnum):
    """What its owner is told of by mail."""

    TOTP_ADDED = "totp-added"
    TOTP_REMOVED = "totp-removed"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    CODES_RENEWED = "codes-renewed"
    CODE_USED = "code-used"
    RESET = "reset"


class Aim(StrEnum):
    """What a challenge is for; it is good for nothing else."""

    SECOND_FACTOR = "second-factor"
    PASSKEY_LOGIN = "passkey-login"
    PASSKEY_ADDING = "passkey-adding"


CHALLENGE_LASTS = timedelta(minutes=5)
ENROLMENT_LASTS = timedelta(minutes=10)
STEP_SECONDS = 30
RECOVERY_CODES = 10
MOST_PASSKEYS = 20


def steps_at(now: datetime) -> tuple[int, ...]:
    """The steps whose codes are good: this one, and for slow fingers and clocks the ones beside it (RFC 6238, 5.2)."""
    step = int(now.timestamp()) // STEP_SECONDS
    return step - 1, step, step + 1


def goes_forwards(before: int, now: int) -> bool:
    """Whether a passkey's counter has moved on; many count nothing and stay at 0 (WebAuthn level 3, 7.2, step 22)."""
    return now > before or now == before == 0
