"""The states of a record."""

import pytest

from appointed.core.errors import AppError
from appointed.records.errors import NotAmendable, NotSignable, Superseded
from appointed.records.rules import NEXT, RELEASED, Action, Status, check

P, F, A, E = Status.PRELIMINARY, Status.FINAL, Status.AMENDED, Status.ENTERED_IN_ERROR


@pytest.mark.parametrize(
    ("action", "outcomes"),
    [
        (Action.SIGN, {P: F, F: F, A: NotSignable, E: NotSignable}),
        (Action.AMEND, {P: NotAmendable, F: A, A: A, E: NotAmendable}),
        (Action.RETRACT, {P: E, F: E, A: E, E: E}),
    ],
)
@pytest.mark.parametrize("status", Status)
def test_a_state_allows_what_the_table_says(
    action: Action, outcomes: dict[Status, Status | type[AppError]], status: Status
) -> None:
    outcome = outcomes[status]
    if isinstance(outcome, Status):
        assert check(action, status, is_superseded=False) is outcome
    else:
        with pytest.raises(outcome):
            check(action, status, is_superseded=False)


@pytest.mark.parametrize(
    ("action", "status"), [(Action.AMEND, F), (Action.AMEND, A), (Action.RETRACT, F), (Action.RETRACT, A)]
)
def test_what_was_replaced_changes_no_more(action: Action, status: Status) -> None:
    with pytest.raises(Superseded):
        check(action, status, is_superseded=True)


@pytest.mark.parametrize(("action", "status"), [(Action.SIGN, F), (Action.RETRACT, E)])
def test_what_was_done_before_it_was_replaced_stays_done(action: Action, status: Status) -> None:
    assert check(action, status, is_superseded=True) is status


def test_nothing_that_was_signed_becomes_preliminary_again() -> None:
    assert all(P not in steps.values() for steps in NEXT.values())


def test_a_retracted_record_stays_retracted() -> None:
    assert all(steps.get(E, E) is E for steps in NEXT.values())


def test_others_see_neither_drafts_nor_what_was_retracted() -> None:
    assert frozenset({F, A}) == RELEASED
