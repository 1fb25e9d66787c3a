"""Decide when a doctor can be booked: open time, busy time and a visit type's rules into refusals and start times."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from appointed.availability.choosing import Candidate, choose, rank
from appointed.availability.facts import Facts, Reason, VisitRules, first_of
from appointed.availability.limits import away, closed, full_days, full_weeks, reached, revisits, within_limits
from appointed.availability.question import Leeway, Question, Verdict, microseconds_of, tick_from
from appointed.availability.spans import ALWAYS, Span, Taken, joined
from appointed.availability.walltime import (
    TICK_MINUTES,
    TICK_SECONDS,
    Hours,
    HoursKind,
    Opening,
    TimeOffKind,
    instant_of,
    openings,
    tick_of,
)

__all__ = [
    "ALWAYS",
    "TICK_SECONDS",
    "Candidate",
    "Facts",
    "Hours",
    "HoursKind",
    "Opening",
    "Reason",
    "Span",
    "TimeOffKind",
    "Verdict",
    "VisitRules",
    "away",
    "choose",
    "chosen_for",
    "closed",
    "consecutive",
    "first_of",
    "free_starts",
    "free_ticks",
    "full_days",
    "full_weeks",
    "instant_of",
    "joined",
    "openings",
    "rank",
    "reached",
    "refusal",
    "revisits",
    "tick_from",
    "tick_of",
    "verdict",
    "within_limits",
]

_NOTHING: Mapping[UUID, Sequence[Span]] = MappingProxyType({})


def refusal(
    facts: Facts,
    rules: VisitRules,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    *,
    location_id: UUID | None = None,
    any_length: bool = False,
    is_extra: bool = False,
    waived: bool = False,
) -> Reason | None:
    """Say why a visit cannot take this time; None when it can.

    Without `location_id`, any one location will do: the visit is refused when it is refused at each that has hours.
    Named is then, of what stands in its way everywhere that was still possible, the first in order: it is off the grid
    if it is so at every location that has hours for its type at the start, it is late for travel if it is so wherever
    the hours hold it, and so on.

    `any_length` allows whatever length up to a day. `is_extra` fits the visit in, off the visit type's grid and over
    the visits and buffers that the doctor has, not over the patient's, nor elsewhere, nor without a room. `waived`
    allows any length up to a day and lets hours, holidays, notice, window, grid (of more than five minutes), leave and
    every limit pass; what is past or taken stays refused. If nothing is open anywhere, a location must be named.
    """
    leeway = Leeway(any_length, is_extra, waived)
    return _judged(facts, rules, starts_at, ends_at, now, location_id, leeway).reason


def verdict(
    facts: Facts,
    rules: VisitRules,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    *,
    location_id: UUID | None = None,
    any_length: bool = False,
    is_extra: bool = False,
    waived: bool = False,
) -> Verdict:
    """Say with the `refusal` at which locations the visit can be: by id, and when `waived` first where it is open."""
    leeway = Leeway(any_length, is_extra, waived)
    return _judged(facts, rules, starts_at, ends_at, now, location_id, leeway)


def free_starts(
    facts: Facts, rules: VisitRules, first: datetime, last: datetime, now: datetime, *, location_id: UUID | None = None
) -> list[tuple[datetime, UUID]]:
    """List, with their locations, the starts of the usual length that are not refused: `first` included, `last` not."""
    found = free_ticks(facts, rules, range(tick_from(first), tick_from(last)), now, location_id=location_id)
    return [(instant_of(tick), place) for tick, place in found]


def free_ticks(
    facts: Facts,
    rules: VisitRules,
    within: range,
    now: datetime,
    *,
    location_id: UUID | None = None,
    unwished: Mapping[UUID, Sequence[Span]] = _NOTHING,
) -> list[tuple[int, UUID]]:
    """List `free_starts` as ticks, without those that are `unwished` at their location."""
    return sorted(
        (tick, place)
        for place in _places(facts, location_id)
        for tick in _but(unwished.get(place), Question(facts, rules, now, place).free_ticks(within))
    )


def consecutive(
    members: Sequence[Facts],
    rules: VisitRules,
    within: range,
    now: datetime,
    *,
    location_id: UUID | None = None,
    unwished: Mapping[UUID, Sequence[Span]] = _NOTHING,
    until: int | None = None,
) -> list[tuple[list[int], UUID]]:
    """List, with their locations, the ticks from which visits of the usual length fit back to back with one doctor.

    `members` are the facts for each who comes, in the order of their visits; they differ in the patient's time and
    limits alone. Each visit starts at the first start on the grid that leaves room for the buffers after the visit
    before it. If the hours do not go on until then, or that start is not free for its patient, those before it do not
    count. The first starts `within` and when it is not `unwished`, the others up to `until`, if given, else within too.
    """
    later = range(within.start, within.stop if until is None else until)
    return sorted(
        (ticks, place)
        for place in (_places(members[0], location_id) if members else ())
        for ticks in _rows([Question(each, rules, now, place) for each in members], within, later, unwished.get(place))
    )


def chosen_for(
    facts: Facts, rules: VisitRules, starts_at: datetime, ends_at: datetime, location_id: UUID
) -> list[UUID] | None:
    """Give the resources that a visit takes there, one for each need in order, by best fit; None: `room_taken`."""
    start = tick_of(starts_at) - rules.buffer_before_minutes // TICK_MINUTES
    end = tick_of(ends_at) + rules.buffer_after_minutes // TICK_MINUTES
    return choose(facts.needs.get(location_id, ()), start, end)


def _judged(
    facts: Facts,
    rules: VisitRules,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    location_id: UUID | None,
    leeway: Leeway,
) -> Verdict:
    question = Question(facts, rules, now, location_id, leeway)
    return question.judge(microseconds_of(starts_at), microseconds_of(ends_at))


def _places(facts: Facts, location_id: UUID | None) -> set[UUID]:
    return {opening.location_id for opening in facts.openings} if location_id is None else {location_id}


def _but(unwished: Sequence[Span] | None, ticks: Sequence[int]) -> Sequence[int]:
    return Taken(unwished).clear(ticks, 0, 1) if unwished else ticks


def _rows(
    questions: Sequence[Question], within: range, later: range, unwished: Sequence[Span] | None
) -> Iterator[list[int]]:
    """The starts of all members, tick by tick, for each start of the first that all can follow."""
    first, *others = questions
    free = [frozenset(question.free_ticks(later)) for question in others]
    step = first.length + first.after + first.before
    for tick in _but(unwished, first.free_ticks(within)):
        ticks = [tick]
        for theirs in free:
            following = first.next_start(ticks[-1] + step)
            if following not in theirs:
                break
            ticks.append(following)
        else:
            yield ticks
