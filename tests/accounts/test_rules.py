"""How long failed logins keep an address waiting."""

from datetime import timedelta

from appointed.accounts.rules import FORGOTTEN_AFTER, LONGEST_WAIT, failures_after, wait_after
from tests.support.clock import MONDAY


def test_five_tries_are_free_and_then_each_failure_doubles_the_wait_to_an_hour() -> None:
    waits = [wait_after(failures) // timedelta(seconds=1) for failures in range(14)]
    assert waits == [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_however_many_failures_there_are_the_wait_is_an_hour() -> None:
    assert {wait_after(failures) for failures in (20, 1_000, 2**31)} == {LONGEST_WAIT}


def test_failures_of_a_day_ago_are_forgotten() -> None:
    moment = timedelta(microseconds=1)
    assert failures_after(7, MONDAY, MONDAY + FORGOTTEN_AFTER - moment) == 8
    assert failures_after(7, MONDAY, MONDAY + FORGOTTEN_AFTER) == 1
    assert failures_after(0, MONDAY, MONDAY) == 1
