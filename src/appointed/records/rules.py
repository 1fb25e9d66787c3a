"""States of a record and what leads from one to the next; pure."""

from collections.abc import Mapping
from enum import StrEnum

from appointed.core.errors import AppError

from .errors import NotAmendable, NotReleasable, NotSignable, Superseded


class Status(StrEnum):
    """Four of the states of FHIR R4 CompositionStatus."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered-in-error"


class Action(StrEnum):
    SIGN = "sign"
    AMEND = "amend"
    RETRACT = "retract"


# What others than the author may ever see.
RELEASED = frozenset({Status.FINAL, Status.AMENDED})

# Signing and retracting again change nothing. Amending leaves the row as it is: its status is that of the new version.
NEXT: Mapping[Action, Mapping[Status, Status]] = {
    Action.SIGN: {Status.PRELIMINARY: Status.FINAL, Status.FINAL: Status.FINAL},
    Action.AMEND: {Status.FINAL: Status.AMENDED, Status.AMENDED: Status.AMENDED},
    Action.RETRACT: dict.fromkeys(Status, Status.ENTERED_IN_ERROR),
}
REFUSALS: Mapping[Action, type[AppError]] = {Action.SIGN: NotSignable, Action.AMEND: NotAmendable}


def check_releasable(status: Status, *, is_superseded: bool) -> None:
    """Whether it may be said who else may read the record: of one that others may read at all, as it stands now."""
    if status not in RELEASED:
        raise NotReleasable
    if is_superseded:
        raise Superseded


def check(action: Action, status: Status, *, is_superseded: bool) -> Status:
    """The status that the action leads to. What was replaced changes no more, but what was done stays done."""
    status_after = NEXT[action].get(status)
    if status_after is None:
        raise REFUSALS[action]
    is_done = action is not Action.AMEND and status_after is status
    if is_superseded and not is_done:
        raise Superseded
    return status_after
