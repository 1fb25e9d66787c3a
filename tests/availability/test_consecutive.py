"""Visits of a family: back to back, with one doctor at one place."""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from appointed.availability.rules import Facts, Reason, VisitRules, consecutive, free_starts, instant_of

from .asks import Ask, rules, span
from .worlds import HILL, LAKE, PATIENTLY, World, at, hours, worlds


def found(ask: Ask, *others: Facts, location_id: UUID | None = None) -> list[str]:
    rows = consecutive([ask.facts, *others], ask.rules, at("00:00"), at("24:00"), at(ask.now), location_id=location_id)
    return [" ".join(f"{start:%H:%M}" for start in starts) for starts, _ in rows]


def test_each_follows_at_the_next_start() -> None:
    ask = Ask(hours=(hours("09:00", "11:00"),), visits=(span("09:30", "10:00"),))

    assert found(ask) == ["09:00", "10:00", "10:30"]
    assert found(ask, ask.facts) == ["10:00 10:30"]
    assert found(ask, ask.facts, ask.facts) == []
    assert consecutive([], ask.rules, at("00:00"), at("24:00"), at(ask.now)) == []


def test_buffers_lie_between_them() -> None:
    ask = Ask(hours=(hours("09:00", "10:30"),), rules=rules(grid_minutes=5, buffer_before_minutes=10))

    assert found(ask, ask.facts) == ["09:00 09:40", "09:05 09:45", "09:10 09:50", "09:15 09:55", "09:20 10:00"]
    after = replace(ask, rules=rules(grid_minutes=5, buffer_after_minutes=15, buffer_before_minutes=5))
    assert found(after, after.facts)[0] == "09:00 09:50"


def test_the_next_may_begin_right_as_the_one_before_ends() -> None:
    ask = Ask(hours=(hours("09:00", "10:00"),), rules=rules(grid_minutes=25, length_minutes=25))

    assert found(ask, ask.facts) == ["09:00 09:25"]
    assert found(replace(ask, rules=rules(grid_minutes=20, length_minutes=25)), ask.facts) == []


def test_the_grid_may_make_them_wait() -> None:
    ask = Ask(hours=(hours("09:00", "11:00"),), rules=rules(grid_minutes=20))

    assert found(ask, ask.facts) == ["09:00 09:40", "09:20 10:00", "09:40 10:20"]


def test_a_start_that_is_taken_is_not_leapt_over() -> None:
    ask = Ask(hours=(hours("09:00", "10:00"), hours("10:00", "11:00", LAKE)), visits=(span("09:30", "09:35"),))

    assert found(ask, ask.facts) == ["10:00 10:30"]
    assert found(ask, ask.facts, location_id=HILL) == []
    assert found(ask, ask.facts, location_id=LAKE) == ["10:00 10:30"]


def test_each_has_time_and_limits_of_their_own() -> None:
    ask = Ask(hours=(hours("09:00", "11:00"),))
    second = replace(ask, patient_busy=(span("09:30", "10:00"),))
    third = replace(ask, barred={Reason.PATIENT_LIMIT: (span("00:00", "10:30"),)})

    assert found(ask, second.facts) == ["09:30 10:00", "10:00 10:30"]
    assert found(second, ask.facts) == ["09:00 09:30", "10:00 10:30"]
    assert found(ask, second.facts, third.facts) == ["09:30 10:00 10:30"]


def test_they_stay_within_what_is_asked_for() -> None:
    ask = Ask(hours=(hours("09:00", "12:00"),))

    rows = consecutive([ask.facts] * 2, ask.rules, at("09:30"), at("10:30"), at(ask.now))

    assert rows == [([at("09:30"), at("10:00")], HILL)]


@PATIENTLY
@given(worlds(), st.integers(2, 4))
def test_a_row_goes_from_each_start_to_the_next_that_is_free(world: World, many: int) -> None:
    first, last = (instant_of(tick) for tick in (world.ticks.start, world.ticks.stop))

    rows = consecutive([world.facts] * many, world.rules, first, last, world.now)

    free = free_starts(world.facts, world.rules, first, last, world.now)
    grid = every_start(world)
    assert rows == [
        (starts, place)
        for start, place in free
        if (starts := followed([start], place, many, free, grid, world.rules)) is not None
    ]


def every_start(world: World) -> list[tuple[datetime, UUID]]:
    """The starts on the grid, whatever else stands in the way of a visit."""
    first, last = (instant_of(tick) for tick in (world.ticks.start, world.ticks.stop))
    known = [replace(each, is_holiday=False, release_minutes=None) for each in world.facts.openings]
    least = replace(world.rules, length_minutes=5, notice_minutes=0, window_days=400)
    return free_starts(Facts(known, (), (), ()), least, first, last, first - timedelta(days=2))


def followed(
    starts: list[datetime],
    place: UUID,
    many: int,
    free: Container[tuple[datetime, UUID]],
    grid: Sequence[tuple[datetime, UUID]],
    rules: VisitRules,
) -> list[datetime] | None:
    if (starts[-1], place) not in free or len(starts) == many:
        return starts if (starts[-1], place) in free else None
    earliest = starts[-1] + timedelta(
        minutes=rules.length_minutes + rules.buffer_after_minutes + rules.buffer_before_minutes
    )
    following = next((start for start, where in grid if where == place and start >= earliest), None)
    return followed([*starts, following], place, many, free, grid, rules) if following else None
