"""Visits of a family: back to back, with one doctor at one place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from appointed.availability.rules import Facts, Reason, consecutive, instant_of, refusal, tick_of

from .asks import Ask, rules, span
from .worlds import HILL, LAKE, PATIENTLY, World, at, hours, worlds

WHOLE_DAY = range(tick_of(at("00:00")), tick_of(at("24:00")))


def found(ask: Ask, *others: Facts, location_id: UUID | None = None) -> list[str]:
    rows = consecutive([ask.facts, *others], ask.rules, WHOLE_DAY, at(ask.now), location_id=location_id)
    return [" ".join(f"{instant_of(tick):%H:%M}" for tick in ticks) for ticks, _ in rows]


def test_each_follows_at_the_next_start() -> None:
    ask = Ask(hours=(hours("09:00", "11:00"),), visits=(span("09:30", "10:00"),))

    assert found(ask) == ["09:00", "10:00", "10:30"]
    assert found(ask, ask.facts) == ["10:00 10:30"]
    assert found(ask, ask.facts, ask.facts) == []
    assert consecutive([], ask.rules, WHOLE_DAY, at(ask.now)) == []


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

    within = range(tick_of(at("09:30")), tick_of(at("10:30")))
    rows = consecutive([ask.facts] * 2, ask.rules, within, at(ask.now))

    assert rows == [([tick_of(at("09:30")), tick_of(at("10:00"))], HILL)]


def test_nobody_waits_through_the_lunch_break() -> None:
    ask = Ask(hours=(hours("09:00", "10:00"), hours("10:30", "11:30")))

    assert found(ask, ask.facts) == ["09:00 09:30", "10:30 11:00"]
    slow = replace(ask, rules=rules(buffer_after_minutes=30))
    assert found(slow, slow.facts) == ["09:30 10:30"], "the buffer is all that lies between them"
    longer = replace(ask, hours=(hours("09:00", "10:00"), hours("10:00", "11:30")), rules=slow.rules)
    assert found(longer, longer.facts) == ["09:00 10:00", "09:30 10:30", "10:00 11:00"]


@PATIENTLY
@given(worlds(), st.integers(2, 4))
def test_a_row_goes_from_each_start_to_the_next_that_is_free(world: World, many: int) -> None:
    """The next is found as booking finds it: by asking for one tick after another until it is on the grid."""
    rows = consecutive([world.facts] * many, world.rules, world.ticks, world.now)

    expected = [(chain, place) for place in (HILL, LAKE) for chain in chains(world, place, many)]
    assert rows == sorted(expected)


def chains(world: World, place: UUID, many: int) -> Iterator[list[int]]:
    facts = world.facts
    if place not in {opening.location_id for opening in facts.openings}:
        return
    refused = cache(lambda tick: refused_at(world, facts, place, tick))
    for first in world.ticks:
        chain = [first]
        while chain[-1] in world.ticks and refused(chain[-1]) is None and len(chain) < many:
            gap = world.rules.length_minutes + world.rules.buffer_after_minutes + world.rules.buffer_before_minutes
            steps = range(chain[-1] + gap // 5, chain[-1] + (gap + world.rules.grid_minutes) // 5)
            chain.append(next((tick for tick in steps if refused(tick) != Reason.OFF_GRID), steps[-1]))
        if chain[-1] in world.ticks and refused(chain[-1]) is None:
            yield chain


def refused_at(world: World, facts: Facts, place: UUID, tick: int) -> Reason | None:
    start = instant_of(tick)
    end = start + timedelta(minutes=world.rules.length_minutes)
    return refusal(facts, world.rules, start, end, world.now, location_id=place)
