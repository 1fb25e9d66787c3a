"""What the clinic has set about booking; pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many visits to come, and how many holds among them, a patient may have before another is refused; None does
    not limit."""

    upcoming: int | None = None
    holds: int | None = None


NO_QUOTAS = Quotas()


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a doctor may look after a visit, how long a hold lasts, and how long ago a change may be undone.

    `quotas` are those of who books online; the desk has none.
    """

    care_lasts: timedelta = timedelta(days=365)
    hold_lasts: timedelta = timedelta(minutes=5)
    undone_within: timedelta = timedelta(minutes=10)
    quotas: Quotas = NO_QUOTAS
