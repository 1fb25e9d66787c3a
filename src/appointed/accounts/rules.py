"""How long failed logins keep an address waiting, and what links are mailed for; pure."""

from datetime import datetime, timedelta
from enum import StrEnum

FREE_TRIES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=1)
_MOST_DOUBLINGS = 12
# The hash of whoever has no password, such as a machine: it is the hash of none.
NO_PASSWORD = "none"  # noqa: S105 - says that there is none


def wait_after(failures: int) -> timedelta:
    """How long nobody may try after so many failures in a row: nothing, from five on 30 s, doubled up to an hour."""
    if failures < FREE_TRIES:
        return timedelta(0)
    return min(FIRST_WAIT * (1 << min(failures - FREE_TRIES, _MOST_DOUBLINGS)), LONGEST_WAIT)


def failures_after(count: int, last_failed_at: datetime, now: datetime) -> int:
    """The count with one more; what lies a day back is forgotten."""
    return 1 if last_failed_at + FORGOTTEN_AFTER <= now else count + 1


class Purpose(StrEnum):
    """What a mailed link is good for."""

    PASSWORD_RESET = "password-reset"  # noqa: S105 - what a link is for
    EMAIL_CONFIRMATION = "email-confirmation"


LINK_LASTS = {Purpose.PASSWORD_RESET: timedelta(hours=1), Purpose.EMAIL_CONFIRMATION: timedelta(days=7)}
