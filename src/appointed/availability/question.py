"""Judge visits: what is listed as free and what is booked are both decided here."""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from appointed.availability.choosing import can_choose
from appointed.availability.facts import Facts, Reason, VisitRules
from appointed.availability.spans import Taken
from appointed.availability.walltime import TICK_MINUTES, TICK_SECONDS, Opening

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE_MICROSECONDS = timedelta(minutes=1) // _MICROSECOND
TICK_MICROSECONDS = timedelta(seconds=TICK_SECONDS) // _MICROSECOND
_DAY_MINUTES = 24 * 60
_NEVER = 2**80


@dataclass(frozen=True, slots=True)
class Leeway:
    """What is not held against a visit: see `rules.refusal`."""

    any_length: bool = False
    is_extra: bool = False
    waived: bool = False


STRICT = Leeway()


class Verdict(NamedTuple):
    """Where a visit fits, the most fitting place first; or why it fits nowhere."""

    places: Sequence[UUID]
    reason: Reason | None = None


@dataclass(slots=True)
class _Stretch:
    """Unbroken open time at one location, however many openings make it up."""

    end: int


class _Offer(NamedTuple):
    """An opening for the visit type in question, and the stretch that it is part of."""

    opening: Opening
    stretch: _Stretch
    grid_start: int
    """The tick of the first start; it may lie before the opening."""


class Question:
    """Facts and rules made ready to judge many visits."""

    def __init__(
        self, facts: Facts, rules: VisitRules, now: datetime, location_id: UUID | None, leeway: Leeway = STRICT
    ) -> None:
        self._take_rules(rules, microseconds_of(now), leeway)
        self._take_hours(facts.openings, rules.visit_type_id, location_id)
        self.location_id = location_id
        self.asked = Verdict(() if location_id is None else (location_id,))
        self.patient_busy = Taken(facts.patient_busy)
        self.visits = Taken(() if leeway.is_extra else facts.visits)
        self.buffers = Taken(() if leeway.is_extra else facts.buffers)
        self.leave = Taken(() if leeway.waived else facts.leave)
        barred = {} if leeway.waived else facts.barred
        self.barred = [(reason, Taken(barred[reason])) for reason in sorted(barred, key=_PLACE_IN_ORDER.__getitem__)]
        self.away = {place: Taken(spans) for place, spans in facts.away.items() if spans}
        self.needs = {
            place: [{each: Taken(spans) for each, spans in need.items()} for need in needs]
            for place, needs in facts.needs.items()
            if needs and location_id in (None, place)
        }

    def _take_rules(self, rules: VisitRules, present: int, leeway: Leeway) -> None:
        self.waived = leeway.waived
        self.present = present
        self.soonest = present + (0 if leeway.waived else rules.notice_minutes * _MINUTE_MICROSECONDS)
        self.furthest = _NEVER if leeway.waived else present + rules.window_days * _DAY_MINUTES * _MINUTE_MICROSECONDS
        self.length = rules.length_minutes // TICK_MINUTES
        self.lengths: Container[int] = rules.allowed_lengths | {rules.length_minutes}
        if leeway.any_length or leeway.waived:
            self.lengths = range(TICK_MINUTES, _DAY_MINUTES + 1, TICK_MINUTES)
        self.grid = 1 if leeway.is_extra else rules.grid_minutes // TICK_MINUTES
        self.offset = 0 if leeway.is_extra else rules.grid_offset_minutes // TICK_MINUTES
        self.before = rules.buffer_before_minutes // TICK_MINUTES
        self.after = rules.buffer_after_minutes // TICK_MINUTES

    def _take_hours(self, openings: Iterable[Opening], visit_type_id: UUID, location_id: UUID | None) -> None:
        self.openings = [opening for opening in openings if location_id in (None, opening.location_id)]
        self.offers = _offers(self.openings, visit_type_id, self.offset)
        self.offer_starts = [offer.opening.start for offer in self.offers]
        self.longest = max((offer.opening.end - offer.opening.start for offer in self.offers), default=0)
        self.has_holidays = any(opening.is_holiday for opening in self.openings)
        self.has_kept_back = any(opening.release_minutes is not None for opening in self.openings)

    def free_ticks(self, within: range) -> Sequence[int]:
        """List the ticks at which a visit of the usual length may start, if a place was asked for: those that `judge`
        does not refuse. To drop in bulk what meets something spares judging it, most of the time of a long list."""
        free: Sequence[int] = sorted(self._fitting_ticks(within))
        for taken, before, after in self._hindrances():
            free = taken.clear(free, before, after) if taken else free
        if not (self.needs or self.has_holidays or self.has_kept_back):
            return free
        return [
            tick
            for tick in free
            if self.judge(tick * TICK_MICROSECONDS, (tick + self.length) * TICK_MICROSECONDS).reason is None
        ]

    def next_start(self, tick: int) -> int | None:
        """The first start on the grid from here on, if the hours for the visit type go on until then."""
        for later in range(tick, tick + self.grid):
            offers = self._offers_at(later)
            if self._on_grid(offers, later):
                return later
            if not offers:
                break
        return None

    def _fitting_ticks(self, within: range) -> set[int]:
        """Collect the starts on the grid from which the hours hold a visit, neither too soon nor too far ahead."""
        first = max(within.start, -(-max(self.present, self.soonest) // TICK_MICROSECONDS))
        last = min(within.stop, self.furthest // TICK_MICROSECONDS + 1)
        ticks: set[int] = set()
        for opening, stretch, grid_start in self.offers:
            start = max(opening.start, grid_start, first)
            end = min(opening.end, stretch.end - self.length + 1, last)
            ticks.update(range(start + (grid_start - start) % self.grid, end, self.grid))
        return ticks

    def _hindrances(self) -> Iterator[tuple[Taken, int, int]]:
        """What a visit of the usual length may not meet, from so many ticks before its start to so many after."""
        before, after = self.before, self.length + self.after
        yield from ((taken, 0, self.length) for taken in (self.leave, self.patient_busy))
        yield from ((taken, before, after) for taken in (self.visits, self.buffers))
        yield from ((spans, 0, 1) for _, spans in self.barred)
        if self.location_id in self.away:
            yield self.away[self.location_id], before, after

    def judge(self, start: int, end: int) -> Verdict:
        """Judge a visit given in microseconds since the epoch, so that what lies between two ticks is seen."""
        if start < self.present:
            return _REFUSED[Reason.IN_THE_PAST]
        if start < self.soonest:
            return _REFUSED[Reason.TOO_SOON]
        if start > self.furthest:
            return _REFUSED[Reason.TOO_FAR_AHEAD]
        if start % TICK_MICROSECONDS or end % TICK_MICROSECONDS:
            return _REFUSED[Reason.OFF_GRID]
        start, end = start // TICK_MICROSECONDS, end // TICK_MICROSECONDS
        verdict = self._known_places(start, end) if self.waived else self._open_places(start, end)
        reason = verdict.reason or self._bar(start, end) or self._conflict(start, end)
        if reason:
            return _REFUSED[reason]
        if self.away or self.needs:
            return self._within_reach(verdict.places, start - self.before, end + self.after)
        return verdict

    def _known_places(self, start: int, end: int) -> Verdict:
        """Whatever the hours are: the place asked for, or else every known one, first those that are open then."""
        if (end - start) * TICK_MINUTES not in self.lengths:
            return _REFUSED[Reason.LENGTH_NOT_ALLOWED]
        if self.location_id is not None:
            return self.asked
        known = {opening.location_id for opening in self.openings}
        is_open = {opening.location_id for opening in self.openings if opening.start <= start < opening.end}
        reason = None if known else Reason.OUTSIDE_HOURS
        return Verdict(sorted(known, key=lambda place: (place not in is_open, place)), reason)

    def _open_places(self, start: int, end: int) -> Verdict:
        offers = self._offers_at(start)
        on_grid = self._on_grid(offers, start)
        fitting = [offer for offer in on_grid if end <= offer.stretch.end]
        if fitting and self.has_kept_back:
            fitting = self._reaching(fitting, start, end, self._is_released(start))
            if not fitting:
                return _REFUSED[Reason.TOO_FAR_AHEAD]
        if offers and not on_grid:
            return _REFUSED[Reason.OFF_GRID]
        if (end - start) * TICK_MINUTES not in self.lengths:
            return _REFUSED[Reason.LENGTH_NOT_ALLOWED]
        if not fitting:
            return _REFUSED[self._closed_reason(start, is_offered=bool(offers))]
        return self._at_work(fitting, start, end)

    def _closed_reason(self, start: int, *, is_offered: bool) -> Reason:
        is_open = any(opening.start <= start < opening.end for opening in self.openings)
        return Reason.NOT_OFFERED if is_open and not is_offered else Reason.OUTSIDE_HOURS

    def _offers_at(self, tick: int) -> list[_Offer]:
        begun_lately = bisect_right(self.offer_starts, tick - self.longest)
        begun = bisect_right(self.offer_starts, tick)
        return [offer for offer in self.offers[begun_lately:begun] if tick < offer.opening.end]

    def _on_grid(self, offers: Iterable[_Offer], tick: int) -> list[_Offer]:
        return [offer for offer in offers if offer.grid_start <= tick and (tick - offer.grid_start) % self.grid == 0]

    def _is_released(self, start: int) -> Callable[[Opening], bool]:
        ahead = start * TICK_MICROSECONDS - self.present
        return lambda opening: (
            opening.release_minutes is None or ahead <= opening.release_minutes * _MINUTE_MICROSECONDS
        )

    def _is_no_holiday(self, start: int) -> Callable[[Opening], bool]:
        is_released = self._is_released(start)
        return lambda opening: not opening.is_holiday and is_released(opening)

    def _at_work(self, fitting: Sequence[_Offer], start: int, end: int) -> Verdict:
        if self.has_holidays:
            fitting = self._reaching(fitting, start, end, self._is_no_holiday(start))
            if not fitting:
                return _REFUSED[Reason.HOLIDAY]
        if self.location_id is not None:
            return self.asked
        return Verdict(sorted({offer.opening.location_id for offer in fitting}))

    def _reaching(
        self, fitting: Sequence[_Offer], start: int, end: int, counts: Callable[[Opening], bool]
    ) -> list[_Offer]:
        """Of the offers that hold the visit, those that hold it by openings that count, and no others."""
        return [
            offer for offer in fitting if counts(offer.opening) and end <= self._reach(offer.opening, start, counts)
        ]

    def _reach(self, opening: Opening, start: int, counts: Callable[[Opening], bool]) -> int:
        """How far openings that count go on from this one."""
        reach = opening.end
        for other, _, _ in self.offers[bisect_right(self.offer_starts, start - self.longest) :]:
            if other.start > reach:
                break
            if other.location_id == opening.location_id and counts(other):
                reach = max(reach, other.end)
        return reach

    def _bar(self, start: int, end: int) -> Reason | None:
        if self.leave and self.leave.meets(start, end):
            return Reason.ON_LEAVE
        for reason, spans in self.barred:
            if spans.meets(start, start + 1):
                return reason
        return None

    def _conflict(self, start: int, end: int) -> Reason | None:
        if self.patient_busy.meets(start, end):
            return Reason.PATIENT_BUSY
        if self.visits.meets(start, end):
            return Reason.SLOT_TAKEN
        start, end = start - self.before, end + self.after
        if self.visits.meets(start, end) or self.buffers.meets(start, end):
            return Reason.BUFFER
        return None

    def _within_reach(self, places: Sequence[UUID], start: int, end: int) -> Verdict:
        """Leave the places that the doctor can come from and go on to in time, and that have what the visit needs."""
        places = [place for place in places if place not in self.away or not self.away[place].meets(start, end)]
        if not places:
            return _REFUSED[Reason.TRAVEL_TIME]
        places = [place for place in places if place not in self.needs or can_choose(self.needs[place], start, end)]
        return Verdict(places) if places else _REFUSED[Reason.ROOM_TAKEN]


_PLACE_IN_ORDER = {reason: number for number, reason in enumerate(Reason)}
_REFUSED = {reason: Verdict((), reason) for reason in Reason}


def _offers(openings: Iterable[Opening], visit_type_id: UUID, offset: int) -> list[_Offer]:
    offers: list[_Offer] = []
    stretches: dict[UUID, _Stretch] = {}
    for opening in sorted(openings, key=lambda opening: opening.start):
        if opening.visit_type_ids and visit_type_id not in opening.visit_type_ids:
            continue
        stretch = stretches.get(opening.location_id)
        if stretch is None or stretch.end < opening.start:
            stretch = stretches[opening.location_id] = _Stretch(opening.end)
        stretch.end = max(stretch.end, opening.end)
        offers.append(_Offer(opening, stretch, opening.grid_origin + offset))
    return offers


def microseconds_of(instant: datetime) -> int:
    """Count from the epoch."""
    # Two datetimes of the same zone are subtracted and compared by their wall time; against the epoch they are not.
    return (instant - _EPOCH) // _MICROSECOND


def tick_from(instant: datetime) -> int:
    """Give the first tick that does not begin before the instant."""
    return -(-microseconds_of(instant) // TICK_MICROSECONDS)
