"""For whom a visit type is, and what its numbers must be; pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from appointed.core.errors import Field, Invalid
from appointed.core.grid import OffGrid, check_on_grid

DAY_MINUTES = 24 * 60
ON_GRID = ("length_minutes", "buffer_before_minutes", "buffer_after_minutes", "grid_minutes", "grid_offset_minutes")
RANGES: Mapping[str, tuple[int, int]] = {
    "length_minutes": (5, DAY_MINUTES),
    "buffer_before_minutes": (0, DAY_MINUTES),
    "buffer_after_minutes": (0, DAY_MINUTES),
    "grid_minutes": (5, DAY_MINUTES),
    "grid_offset_minutes": (0, DAY_MINUTES - 5),
    "notice_minutes": (0, 366 * DAY_MINUTES),
    "window_days": (1, 3_660),
    "daily_limit": (1, 1_000),
    "weekly_limit": (1, 1_000),
    "patient_limit": (1, 1_000),
    "revisit_days": (1, 3_660),
    "cancel_notice_minutes": (0, 366 * DAY_MINUTES),
    "no_show_limit": (1, 100),
    "no_show_months": (1, 120),
}
"""The least and the most of each number; those that may be null do not limit then."""


class Audience(StrEnum):
    """Whom a visit type is for: a new patient has had no visit here, a returning one has."""

    ALL = "all"
    NEW = "new"
    RETURNING = "returning"


def check(said: Mapping[str, Any]) -> None:
    """`OffGrid` or `Invalid`, with the fields, unless what is said of a visit type goes together."""
    check_ranges(said)
    check_on_grid({name: said[name] for name in ON_GRID if name in said})
    lengths = said.get("allowed_lengths", ())
    if any(length % 5 for length in lengths):
        raise OffGrid(fields=[Field("allowed_lengths", OffGrid.code, OffGrid.detail)])
    if not all(5 <= length <= DAY_MINUTES for length in lengths):
        raise Invalid.field("allowed_lengths", "A visit lasts five minutes at the least and a day at the most.")
    if (said.get("no_show_limit") is None) != (said.get("no_show_months") is None):
        raise Invalid.field("no_show_limit", "Say both after how many no-shows and in how many months, or neither.")


def check_ranges(said: Mapping[str, Any]) -> None:
    """`Invalid` with every field whose number is out of its range; null does not limit."""
    numbers = [(name, said.get(name), *bounds) for name, bounds in RANGES.items()]
    wrong = [
        Field(name, "out_of_range", f"Must be from {least} to {most}.")
        for name, number, least, most in numbers
        if number is not None and not least <= number <= most
    ]
    if wrong:
        raise Invalid(fields=wrong)
