"""The grid on which all time lies: multiples of five minutes."""

from collections.abc import Mapping

from .errors import AppError, Field, Kind

STEP_MINUTES = 5


class OffGrid(AppError):
    code = "off_grid"
    kind = Kind.INVALID
    detail = "Times are multiples of five minutes."


def check_on_grid(minutes: Mapping[str, int | None]) -> None:
    """`OffGrid` with the fields whose minutes are no multiples of five; None is no time at all."""
    if off := [name for name, value in minutes.items() if value is not None and value % STEP_MINUTES]:
        raise OffGrid(fields=[Field(name, OffGrid.code, OffGrid.detail) for name in off])
