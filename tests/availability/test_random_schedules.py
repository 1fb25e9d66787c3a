"""Free time in many thousands of random schedules, against an oracle that shares no code with the rules."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from appointed.availability.rules import Facts, free_starts, instant_of, refusal, tick_of

from .conftest import Count
from .oracle import Oracle
from .schedules import HOW_MANY, SEED, schedules
from .worlds import HILL, LAKE, World

pytestmark = pytest.mark.usefixtures("packaged_zones")

AT_ONCE = 1000
slices = pytest.mark.parametrize(
    "numbers",
    [range(first, min(first + AT_ONCE, HOW_MANY)) for first in range(0, HOW_MANY, AT_ONCE)],
    ids=lambda numbers: f"{SEED} {numbers.start} to {numbers.stop}",
)


@slices
def test_random_schedules_list_and_refuse_as_the_oracle_does(numbers: range, count: Count) -> None:
    some = 0
    for number, (luck, world) in zip(numbers, schedules(numbers), strict=True):
        place = luck.choice((None, None, None, None, HILL, HILL, LAKE))
        facts, oracle = world.facts, world.oracle
        ticks, asked = world.ticks, facts
        if luck.random() < 0.3:
            ticks = range(*sorted(luck.sample(world.ticks, 2)))
            reach = ticks.stop + world.rules.length_minutes // 5
            asked = replace(facts, openings=world.openings(range(ticks.start, reach)))
        found = listed(world, asked, ticks, place)
        expected = [(tick, location) for tick, location in oracle.free(world.ticks, place) if tick in ticks]
        assert (number, world, ticks, found) == (number, world, ticks, expected)
        check_one_refusal(luck, world, facts, oracle, place)
        some += bool(found)
    assert some > len(numbers) / 3, "most of these schedules are empty, and compare nothing with nothing"
    count(len(numbers))


def listed(world: World, facts: Facts, ticks: range, place: UUID | None) -> list[tuple[int, UUID]]:
    first, last = instant_of(ticks.start), instant_of(ticks.stop)
    found = free_starts(facts, world.rules, first, last, world.now, location_id=place)
    return [(tick_of(start), location) for start, location in found]


def check_one_refusal(luck: Random, world: World, facts: Facts, oracle: Oracle, place: UUID | None) -> None:
    start = instant_of(luck.choice(world.ticks)) + timedelta(seconds=luck.choice((0, 0, 0, 0, 0, 1, -0.25)))
    end = start + timedelta(minutes=luck.choice((world.rules.length_minutes,) * 4 + (5, 45, 600, 1440)))
    any_length, is_extra, waived = luck.random() < 0.3, luck.random() < 0.2, luck.random() < 0.15

    answer = refusal(
        facts, world.rules, start, end, world.now,
        location_id=place, any_length=any_length, is_extra=is_extra, waived=waived,
    )  # fmt: skip

    expected = oracle.refusal(start, end, place, any_length=any_length, is_extra=is_extra, waived=waived)
    assert (world, start, end, answer) == (world, start, end, expected)
