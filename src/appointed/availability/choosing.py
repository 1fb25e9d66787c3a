"""Choose among what would do: the resources that a visit takes, and the doctor who gets it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from appointed.availability.spans import Span, Taken

Needs = Sequence[Mapping[UUID, Taken]]

A_DAY = 288
"""In ticks; how far around a visit a gap counts."""


def choose(needs: Iterable[Mapping[UUID, Sequence[Span]]], start: int, end: int) -> list[UUID] | None:
    """Give each need a resource of its own that is free from tick `start` to `end`; None if that cannot be.

    The best fit is chosen, need by need: the resource whose free gap around this time is the tightest (gaps count up
    to a day on either side), of equals the one with the lowest id; never one without which a later need goes empty.
    """
    laid_out = [{each: Taken(busy) for each, busy in need.items()} for need in needs]
    ranked = [_best_first(need, start, end) for need in laid_out]
    chosen: list[UUID] = []
    for number in range(len(ranked)):
        later = ranked[number + 1 :]
        fitting = (each for each in ranked[number] if each not in chosen and _can_serve(later, {*chosen, each}))
        found = next(fitting, None)
        if found is None:
            return None
        chosen.append(found)
    return chosen


def can_choose(needs: Needs, start: int, end: int) -> bool:
    """Whether `choose` would find something."""
    free = []
    for need in needs:
        free.append([each for each, taken in need.items() if not taken.meets(start, end)])
        if not free[-1]:
            return False
    return len(free) == 1 or _can_serve(free, ())


class Candidate(NamedTuple):
    """A doctor's free time, and how many visits that doctor has on its day."""

    doctor_id: UUID
    starts_at: datetime
    visits_that_day: int


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Order the doctors who could take a visit fairly: fewest visits that day, then earliest, then by id."""
    return sorted(candidates, key=lambda each: (each.visits_that_day, each.starts_at, each.doctor_id))


def _best_first(need: Mapping[UUID, Taken], start: int, end: int) -> list[UUID]:
    free = {each: taken for each, taken in need.items() if not taken.meets(start, end)}
    return sorted(free, key=lambda each: (free[each].gap_around(start, end, A_DAY), each))


def _can_serve(needs: Sequence[Collection[UUID]], taken: Collection[UUID]) -> bool:
    """Whether each need can have a resource of its own besides those taken (bipartite matching by augmenting paths)."""
    serves: dict[UUID, int] = {}

    def has_found(need: int, tried: set[UUID]) -> bool:
        for each in needs[need]:
            if each in tried or each in taken:
                continue
            tried.add(each)
            if each not in serves or has_found(serves[each], tried):
                serves[each] = need
                return True
        return False

    return all(has_found(need, set()) for need in range(len(needs)))
