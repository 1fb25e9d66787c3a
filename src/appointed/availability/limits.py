"""Make the spans that keep a visit out: limits that are reached, and the time that a doctor is elsewhere or closed."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from uuid import UUID

from appointed.availability.spans import ALWAYS, Span, joined, without
from appointed.availability.walltime import TICK_MINUTES, Opening, days_of, monday_of, spans_of_days

_WEEK_DAYS = 7


def full_days(zone: str, starts: Iterable[int], limit: int | None) -> list[Span]:
    """Give the days of the zone on which as many visits start as the limit allows; `starts` are ticks."""
    return _full(zone, Counter(days_of(zone, starts)), 1, limit)


def full_weeks(zone: str, starts: Iterable[int], limit: int | None) -> list[Span]:
    """Give the ISO weeks of the zone, from Monday, in which as many visits start as the limit allows."""
    return _full(zone, Counter(map(monday_of, days_of(zone, starts))), _WEEK_DAYS, limit)


def within_limits(
    zone: str, starts: Iterable[int], daily: int | None, weekly: int | None
) -> Callable[[Sequence[int]], bool]:
    """Give a test of visits that would come together, by their starts: whether the limits bear each of them after those
    before it and the others that start in its day and week."""
    known = days_of(zone, starts)
    taken = ((daily, int, Counter(known)), (weekly, monday_of, Counter(map(monday_of, known))))

    def bear(ticks: Sequence[int]) -> bool:
        days = days_of(zone, ticks)
        return all(
            counts[time_of(day)] + sum(time_of(other) == time_of(day) for other in days[:number]) < limit
            for limit, time_of, counts in taken
            if limit is not None
            for number, day in enumerate(days)
        )

    return bear


def revisits(zone: str, starts: Iterable[int], days: int | None) -> list[Span]:
    """Give the zone's days that lie fewer than `days` before or after a day on which a visit starts.

    One day bars the visit's own day, seven leave free the same weekday of the next week.
    """
    around = days or 0
    if around <= 0:
        return []
    return joined(
        span for day in set(days_of(zone, starts)) for span in spans_of_days(zone, day - around + 1, day + around)
    )


def reached(count: int, limit: int | None) -> list[Span]:
    """Give all time when as many are counted as the limit allows, else none."""
    return [ALWAYS] if limit is not None and count >= limit else []


def away(
    visits: Iterable[tuple[UUID, Span]],
    location_ids: Iterable[UUID],
    travel_minutes: Mapping[frozenset[UUID], int],
) -> dict[UUID, list[Span]]:
    """Give, by location, the time of the doctor's visits at other locations and of the ways there and back.

    `visits` name the location of each; minutes between two locations that are not known are none.
    """
    known = list(visits)
    return {
        here: joined(
            _widened(span, travel_minutes.get(frozenset({here, there}), 0)) for there, span in known if there != here
        )
        for here in location_ids
    }


def closed(openings: Iterable[Opening], first: int, last: int, location_ids: Collection[UUID] = ()) -> list[Span]:
    """Give the ticks from `first` up to `last` that no opening covers; holidays are no openings.

    With `location_ids`, openings elsewhere do not count. Who takes part in a visit beside its doctor is as good as busy
    then: join it with the time that they are.
    """
    return list(
        without(
            Span(first, last),
            joined(
                Span(opening.start, opening.end)
                for opening in openings
                if not opening.is_holiday and (not location_ids or opening.location_id in location_ids)
            ),
        )
    )


def _full(zone: str, counts: Counter[int], days: int, limit: int | None) -> list[Span]:
    if limit is None:
        return []
    if limit <= 0:
        return [ALWAYS]
    full = [day for day, count in counts.items() if count >= limit]
    return joined(span for day in full for span in spans_of_days(zone, day, day + days))


def _widened(span: Span, minutes: int) -> Span:
    ticks = -(-minutes // TICK_MINUTES)
    return Span(span.start - ticks, span.end + ticks)
