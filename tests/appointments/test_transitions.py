"""How a visit's states follow each other: every state, every action, every role."""

import pytest

from appointed.accounts.actor import Role
from appointed.appointments.rules import (
    NOT_HELD,
    STEPS,
    UNDOABLE,
    Action,
    Status,
    is_treating,
    step_of,
)
from appointed.deps.auth import PERMISSIONS

# Behind each state what each action makes of it; a dot: the action cannot be done.
TABLE = """
                   confirm  cancel     arrive   check-in    room        start       complete   no-show  excuse  correct
proposed           .        cancelled  .        .           .           .           .          .        .       .
pending            booked   cancelled  .        .           .           .           .          .        .       .
booked             .        cancelled  arrived  checked-in  .           .           fulfilled  noshow   .       error
arrived            .        .          .        checked-in  arrived     arrived     fulfilled  .        .       error
checked-in         .        .          .        .           checked-in  checked-in  fulfilled  .        .       error
fulfilled          .        .          .        .           .           .           .          .        .       error
cancelled          .        .          .        .           .           .           .          .        .       error
noshow             .        .          .        .           .           .           .          .        noshow  error
entered-in-error   .        .          .        .           .           .           .          .        .       .
waitlist           .        cancelled  .        .           .           .           .          .        .       .
"""
# Who may do it: everybody's visits (all), their own (own), or none (-). From `booked`, closing is another matter.
WHO = """
                    patient  doctor  nurse  receptionist  admin  auditor
confirm             own      -       -      all           all    -
cancel              own      own     -      all           all    -
arrive              -        -       all    all           all    -
check-in            -        -       all    all           all    -
room                -        own     all    all           all    -
start               -        own     all    all           all    -
complete            -        own     all    all           all    -
complete booked     -        own     -      all           all    -
no-show             -        own     -      all           all    -
excuse              -        -       -      all           all    -
correct             -        -       -      all           all    -
"""


def grid(text: str) -> dict[str, dict[str, str]]:
    head, *lines = [line for line in text.splitlines() if line]
    columns = head.split()
    rows = {line[:19].strip(): line[19:].split() for line in lines}
    return {name: dict(zip(columns, cells, strict=True)) for name, cells in rows.items()}


@pytest.mark.parametrize("status", Status)
def test_every_action_makes_of_every_state_what_the_table_says(status: Status) -> None:
    for action in Action:
        expected = grid(TABLE)[status][action].replace("error", Status.ENTERED_IN_ERROR)
        step = step_of(action, status)
        assert (step.to or status if step else ".") == expected, action


@pytest.mark.parametrize("action", Action)
def test_every_role_may_do_what_the_table_says(action: Action) -> None:
    for status in Status:
        step = step_of(action, status)
        row = "complete booked" if (action, status) == (Action.COMPLETE, Status.BOOKED) else action
        for role in Role if step else ():
            assert step
            may = {is_own: step.may_be_done_by(PERMISSIONS[role], is_own=is_own) for is_own in (True, False)}
            expected = grid(WHO)[row][role]
            assert may == {True: expected != "-", False: expected == "all"}, (status, role)


def test_no_state_stands_in_two_ways_of_one_action() -> None:
    for steps in STEPS.values():
        states = [state for step in steps for state in step.froms]
        assert len(states) == len(set(states))


def test_what_is_closed_from_booked_has_begun() -> None:
    begun = {(action, step.to) for action, steps in STEPS.items() for step in steps if step.has_begun}
    assert begun == {(Action.COMPLETE, Status.FULFILLED), (Action.NO_SHOW, Status.NOSHOW)}


def test_what_is_corrected_or_confirmed_is_not_undone() -> None:
    assert set(Action) - UNDOABLE == {Action.CONFIRM, Action.EXCUSE, Action.CORRECT}


@pytest.mark.parametrize("status", Status)
def test_the_doctor_treats_whom_a_visit_of_theirs_stands_for(status: Status) -> None:
    has_come = status in (Status.ARRIVED, Status.CHECKED_IN, Status.FULFILLED)
    assert is_treating(status, is_booked_by_doctor=True) == has_come
    assert is_treating(status, is_booked_by_doctor=False) == (has_come or status == Status.BOOKED)
    assert not (status in NOT_HELD and is_treating(status, is_booked_by_doctor=False))
