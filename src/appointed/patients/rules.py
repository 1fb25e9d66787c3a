"""What somebody can be to a patient. Pure."""

from datetime import date, timedelta
from enum import StrEnum

from appointed.core.ages import birthday


class Relationship(StrEnum):
    """What a login is to the patient whom it looks after."""

    PARENT = "parent"
    GUARDIAN = "guardian"
    CARER = "carer"
    SPOUSE = "spouse"
    CHILD = "child"
    OTHER = "other"


# By law and not by anybody's leave: it ends when the patient comes of age. Who cares for an adult is a carer.
OF_MINORS = frozenset({Relationship.PARENT, Relationship.GUARDIAN})


def last_day(relationship: str, valid_until: date | None, born: date | None, age_of_majority: int) -> date | None:
    """The last day on which it counts, None if it does not end."""
    ends = [valid_until] if valid_until else []
    if relationship in OF_MINORS and born:
        ends.append(birthday(born, age_of_majority) - timedelta(days=1))
    return min(ends, default=None)
