"""Whom a visit goes to, and which room and devices it takes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import permutations
from random import Random
from uuid import UUID

import pytest

from appointed.availability.rules import (
    Candidate,
    Facts,
    Span,
    VisitRules,
    choose,
    chosen_for,
    joined,
    rank,
)
from appointed.availability.spans import Taken, without

from .asks import span
from .worlds import CHECKUP, HILL, LAKE, MONDAY, ROOMS, at, spans_of

FIRST, SECOND, THIRD = ROOMS
START, END = 1000, 1006


def test_the_tightest_gap_around_the_visit_fits_best() -> None:
    loose = [Span(900, 990), Span(1010, 1100)]
    tight = [Span(900, 999), Span(1010, 1100)]

    assert choose([{FIRST: loose, SECOND: tight}], START, END) == [SECOND]
    assert choose([{FIRST: tight, SECOND: loose}], START, END) == [FIRST]
    assert choose([{FIRST: loose, SECOND: [Span(900, 990), Span(1009, 1100)]}], START, END) == [SECOND]


def test_of_equal_gaps_the_lowest_id_is_taken() -> None:
    alike = [Span(900, 995), Span(1011, 1100)]

    assert choose([{THIRD: alike, SECOND: [Span(900, 990), Span(1006, 1100)]}], START, END) == [SECOND]
    assert choose([{THIRD: alike, SECOND: alike}], START, END) == [SECOND]


def test_gaps_count_up_to_a_day_on_either_side() -> None:
    assert choose([{FIRST: [], SECOND: [Span(0, START - 288)]}], START, END) == [FIRST]
    assert choose([{FIRST: [], SECOND: [Span(0, START - 287)]}], START, END) == [SECOND]
    assert choose([{FIRST: [], SECOND: [Span(END + 288, 9000)]}], START, END) == [FIRST]
    assert choose([{FIRST: [], SECOND: [Span(END + 287, 9000)]}], START, END) == [SECOND]


def test_who_is_busy_is_not_chosen() -> None:
    assert choose([{FIRST: [Span(1005, 1006)], SECOND: []}], START, END) == [SECOND]
    assert choose([{FIRST: [Span(990, 1001)]}], START, END) is None
    assert choose([{FIRST: [Span(990, 1000), Span(1006, 1007)]}], START, END) == [FIRST]


def test_each_need_has_one_of_its_own() -> None:
    free = dict.fromkeys(ROOMS, ())

    assert choose([], START, END) == []
    assert choose([{}], START, END) is None
    assert choose([free, free, free], START, END) == ROOMS
    assert choose([free, free, free, free], START, END) is None
    assert choose([free, {FIRST: ()}], START, END) == [SECOND, FIRST]
    assert choose([free, {FIRST: (), SECOND: ()}, {FIRST: ()}], START, END) == [THIRD, SECOND, FIRST]
    assert choose([{FIRST: ()}, {FIRST: ()}], START, END) is None
    assert choose([free, {FIRST: ()}, {FIRST: ()}], START, END) is None


def test_the_choice_is_the_first_of_all_that_there_are() -> None:
    luck, found = Random("choose"), Counter[bool]()
    for number in range(400):
        busy = {room: spans_of(luck.sample(range(970, 1040), luck.randint(0, 3))) for room in [*ROOMS, UUID(int=99)]}
        needs = [{room: busy[room] for room in busy if luck.random() < 0.6} for _ in range(luck.randint(1, 3))]

        chosen = choose(needs, START, END)

        assert (number, chosen) == (number, best_of_all(needs))
        found[chosen is None] += 1
    assert min(found.values()) > 50


def best_of_all(needs: Sequence[Mapping[UUID, Sequence[Span]]]) -> list[UUID] | None:
    busy = {room: spans for need in needs for room, spans in need.items()}

    def gap(room: UUID) -> int:
        taken = {tick for each in busy[room] for tick in range(each.start, each.end)}
        before = next((gone for gone in range(288) if START - 1 - gone in taken), 288)
        return before + next((gone for gone in range(288) if END + gone in taken), 288)

    ways = [
        way
        for way in permutations(busy, len(needs))
        if all(room in need for room, need in zip(way, needs, strict=True))
        if not any(each.start < END and each.end > START for room in way for each in busy[room])
    ]
    best = min(ways, key=lambda way: [(gap(room), room) for room in way], default=None)
    return None if best is None else list(best)


def test_a_visit_takes_what_it_needs_there_with_its_buffers() -> None:
    rules = VisitRules(CHECKUP, buffer_before_minutes=5, buffer_after_minutes=10)
    needs = {HILL: [{FIRST: [span("09:00", "10:00")], SECOND: [span("10:40", "11:00")]}]}
    facts = Facts((), (), (), (), needs=needs)

    assert chosen_for(facts, rules, at("10:00"), at("10:30"), HILL) == [SECOND]
    assert chosen_for(facts, rules, at("10:05"), at("10:30"), HILL) == [FIRST]
    assert chosen_for(facts, rules, at("10:00"), at("10:35"), HILL) is None
    assert chosen_for(facts, rules, at("10:00"), at("10:30"), LAKE) == []


def test_the_doctor_with_the_fewest_visits_goes_first_then_the_earliest_then_by_id() -> None:
    later = MONDAY + timedelta(minutes=5)
    fair = [
        Candidate(UUID(int=9), later, 0),
        Candidate(UUID(int=3), MONDAY, 1),
        Candidate(UUID(int=4), MONDAY, 1),
        Candidate(UUID(int=2), later, 1),
        Candidate(UUID(int=1), MONDAY, 2),
    ]

    assert rank(sorted(fair)) == fair
    assert rank([]) == []


def test_spans_that_overlap_or_touch_are_joined() -> None:
    assert joined([Span(5, 7), Span(1, 3), Span(3, 4), Span(6, 6), Span(5, 6), Span(9, 9)]) == [Span(1, 4), Span(5, 7)]
    assert joined([Span(1, 9), Span(2, 3), Span(10, 11)]) == [Span(1, 9), Span(10, 11)]


@pytest.mark.parametrize(
    ("cuts", "left"),
    [
        ([], [Span(10, 20)]),
        ([Span(1, 10), Span(20, 30)], [Span(10, 20)]),
        ([Span(1, 11), Span(19, 30)], [Span(11, 19)]),
        ([Span(12, 14), Span(16, 17)], [Span(10, 12), Span(14, 16), Span(17, 20)]),
        ([Span(10, 20)], []),
        ([Span(1, 15), Span(15, 40)], []),
        ([Span(10, 11), Span(19, 20)], [Span(11, 19)]),
    ],
)
def test_what_is_cut_out_leaves_the_rest(cuts: list[Span], left: list[Span]) -> None:
    assert list(without(Span(10, 20), cuts)) == left


def test_no_spans_are_nothing_taken() -> None:
    assert not Taken(())
    assert Taken([Span(1, 2)])
