"""What is said of a visit type must go together."""

from typing import Any

import pytest

from appointed.core.errors import AppError
from appointed.visit_types.rules import RANGES, check
from appointed.visit_types.service import DEFAULTS


def refused(**changes: Any) -> tuple[str, list[str]]:
    """The code, and the fields that are named."""
    with pytest.raises(AppError) as error:
        check(DEFAULTS | changes)
    return error.value.code, [field.name for field in error.value.fields]


def test_the_defaults_go_together() -> None:
    check(DEFAULTS)
    check(DEFAULTS | dict.fromkeys(("daily_limit", "weekly_limit", "patient_limit", "revisit_days"), 1))


@pytest.mark.parametrize("name", sorted(RANGES))
def test_every_number_has_its_range(name: str) -> None:
    pair = {"no_show_limit": 1, "no_show_months": 1} if name.startswith("no_show") else {}
    for bound, beyond in zip(RANGES[name], (-1, 1), strict=True):
        check(DEFAULTS | pair | {name: bound})
        assert refused(**(pair | {name: bound + beyond}))[1] == [name]


@pytest.mark.parametrize(
    "name",
    ["length_minutes", "buffer_before_minutes", "buffer_after_minutes", "grid_minutes", "grid_offset_minutes"],
)
def test_what_takes_time_is_a_multiple_of_five_minutes(name: str) -> None:
    assert refused(**{name: 12}) == ("off_grid", [name])
    check(DEFAULTS | {"notice_minutes": 12, "cancel_notice_minutes": 7})


def test_other_lengths_are_lengths_too() -> None:
    check(DEFAULTS | {"allowed_lengths": [5, 45, 1440]})
    assert refused(allowed_lengths=[30, 31]) == ("off_grid", ["allowed_lengths"])
    for length in (0, -5, 1445):
        assert refused(allowed_lengths=[length])[1] == ["allowed_lengths"]


@pytest.mark.parametrize("only", ["no_show_limit", "no_show_months"])
def test_no_shows_are_counted_in_some_months_or_not_at_all(only: str) -> None:
    assert refused(**{only: 3}) == ("invalid", ["no_show_limit"])
    check(DEFAULTS | {"no_show_limit": 3, "no_show_months": 6})


def test_everything_that_is_wrong_is_named_at_once() -> None:
    assert refused(daily_limit=0, window_days=0)[1] == ["window_days", "daily_limit"]
    assert refused(length_minutes=7, grid_minutes=9) == ("off_grid", ["length_minutes", "grid_minutes"])


@pytest.mark.parametrize(
    ("said", "code", "name", "detail"),
    [
        ({"length_minutes": 0}, "out_of_range", "length_minutes", "Must be from 5 to 1440."),
        ({"window_days": 3_661}, "out_of_range", "window_days", "Must be from 1 to 3660."),
        ({"allowed_lengths": [7]}, "off_grid", "allowed_lengths", "Times are multiples of five minutes."),
        ({"allowed_lengths": [0]}, "invalid", "allowed_lengths",
         "A visit lasts five minutes at the least and a day at the most."),
        ({"no_show_limit": 2}, "invalid", "no_show_limit",
         "Say both after how many no-shows and in how many months, or neither."),
        ({"grid_minutes": 12}, "off_grid", "grid_minutes", "Times are multiples of five minutes."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(said: dict[str, Any], code: str, name: str, detail: str) -> None:
    with pytest.raises(AppError) as refused:
        check(said)
    assert [(field.name, field.code, field.detail) for field in refused.value.fields] == [(name, code, detail)]


def test_what_is_not_said_is_not_wrong() -> None:
    check({})
    check({"daily_limit": None, "length_minutes": 30})
