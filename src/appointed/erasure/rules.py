"""For what reasons somebody is erased, and how long their records are kept; pure."""

from datetime import date
from enum import StrEnum

from appointed.core.ages import last_born


class Ground(StrEnum):
    """Those of GDPR article 17 (1) that a clinic can have."""

    NO_LONGER_NEEDED = "no_longer_needed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    UNLAWFUL = "unlawful"
    LEGAL_OBLIGATION = "legal_obligation"


def kept_long_enough(today: date, years: int, age_of_majority: int) -> tuple[date, date]:
    """The last day since which the years have passed, and the day before which one must be born.

    Of whom a year of birth is all that is known is of age when that year and the years of childhood are over.
    """
    return last_born(years, today), last_born(age_of_majority + years, today).replace(month=1, day=1)
