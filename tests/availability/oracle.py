"""A slow second opinion on free time: it looks at one tick after another and asks the zone what its clocks show."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise, product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from appointed.availability.rules import Hours, VisitRules

ORDER = (
    "in_the_past",
    "too_soon",
    "too_far_ahead",
    "off_grid",
    "length_not_allowed",
    "not_offered",
    "outside_hours",
    "holiday",
    "on_leave",
    "daily_limit",
    "weekly_limit",
    "patient_limit",
    "quota_reached",
    "patient_busy",
    "slot_taken",
    "buffer",
    "travel_time",
    "room_taken",
)
WAIVABLE = frozenset(ORDER[1:3] + ORDER[5:13])
OPEN = ("open", "extra")
Ticks = frozenset[int]
Rows = tuple[Hours, ...]


@lru_cache(maxsize=50_000)
def wall(zone: str, tick: int) -> datetime:
    return datetime.fromtimestamp(tick * 300, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@lru_cache(maxsize=64)
def walls(zone: str, ticks: range) -> dict[int, int]:
    """What the clock on the wall shows at each tick: minutes on a clock that began at zero in 1970."""
    where, minute = ZoneInfo(zone), timedelta(minutes=1)
    offsets = (datetime.fromtimestamp(tick * 300, where).utcoffset() or timedelta() for tick in ticks)
    return {tick: tick * 5 + offset // minute for tick, offset in zip(ticks, offsets, strict=True)}


def hours_begun(row: Hours, tick: int) -> datetime | None:
    """Give the wall time at which the hours began that are going on at this tick, if any are."""
    shown = wall(row.zone, tick)
    for day in (shown.date() - timedelta(days=1), shown.date()):
        midnight = datetime.combine(day, time())
        is_valid = (row.valid_from is None or row.valid_from <= day) and (
            row.valid_until is None or day <= row.valid_until
        )
        opens, closes = (midnight + timedelta(minutes=minute) for minute in (row.start_minute, row.end_minute))
        if day.weekday() == row.weekday and is_valid and opens <= shown < closes:
            return opens
    return None


@dataclass
class Oracle:
    hours: Sequence[Hours]
    rules: VisitRules
    visits: Ticks
    buffers: Ticks
    patient_busy: Ticks
    now: datetime
    blocks: Ticks = frozenset()
    leave: Ticks = frozenset()
    barred: Mapping[Any, Ticks] = field(default_factory=dict)
    away: Mapping[UUID, Ticks] = field(default_factory=dict)
    needs: Mapping[UUID, Sequence[Mapping[UUID, Ticks]]] = field(default_factory=dict)
    known: range = range(0)
    """The ticks around which hours are known; only to waive them without a place needs it."""

    def __post_init__(self) -> None:
        self.open_at = cache(self._open_at)

    def offers(self, row: Hours) -> bool:
        return not row.visit_type_ids or self.rules.visit_type_id in row.visit_type_ids

    def _open_at(self, tick: int) -> Rows:
        """The hours that are open, for whatever visit type and on whatever day."""
        going_on = [row for row in self.hours if hours_begun(row, tick)]
        kinds = {(row.kind, row.location_id) for row in going_on}
        return tuple(
            row
            for row in going_on
            if row.kind in OPEN and tick not in self.blocks and ("closed", row.location_id) not in kinds
            if row.kind == "extra" or ("break", row.location_id) not in kinds
        )

    def refusal(
        self,
        start: datetime,
        end: datetime,
        location_id: UUID | None,
        *,
        any_length: bool,
        is_extra: bool,
        waived: bool = False,
    ) -> str | None:
        found = set(self._about_the_clock(start))
        if start.timestamp() % 300 or end.timestamp() % 300:
            found.add("off_grid")
        minutes = (end - start) / timedelta(minutes=1)
        usual = {self.rules.length_minutes, *self.rules.allowed_lengths}
        if not (0 < minutes <= 24 * 60 if any_length or waived else minutes in usual):
            found.add("length_not_allowed")
        found.update(self._about_others(start, end, is_extra=is_extra))
        places = self._places(location_id) if waived else set()
        if waived:
            found -= WAIVABLE
            found |= set() if places else {"outside_hours"}
        elif "off_grid" not in found:
            found.update(self._about_the_hours(start, end, location_id, is_extra=is_extra, places=places))
        found.update(self._about_places(start, end, places))
        return next((reason for reason in ORDER if reason in found), None)

    def _places(self, location_id: UUID | None) -> set[UUID]:
        if location_id is not None:
            return {location_id}
        return {row.location_id for tick in self.known for row in self.open_at(tick)}

    def free(self, ticks: range, location_id: UUID | None) -> list[tuple[int, UUID]]:
        """List the ticks at which a visit of the usual length may start: tick by tick, and never by way of refusals."""
        places = {row.location_id for row in self.hours if location_id in (None, row.location_id)}
        return sorted((tick, place) for place in places for tick in self._free_at(place, ticks))

    def _free_at(self, place: UUID, ticks: range) -> Iterator[int]:
        length, before, after = (
            minutes // 5
            for minutes in (
                self.rules.length_minutes,
                self.rules.buffer_before_minutes,
                self.rules.buffer_after_minutes,
            )
        )
        soonest = self.now.timestamp() + self.rules.notice_minutes * 60
        furthest = self.now.timestamp() + self.rules.window_days * 86400
        busy = self.visits | self.buffers | self.away.get(place, frozenset())
        barred = frozenset[int]().union(*self.barred.values())
        # A reach that is mostly the same lets `walls` be remembered.
        for starts, is_open in self._marks(place, range(ticks.start, ticks.stop + max(length, 36))):
            for start in starts.intersection(ticks) - barred:
                own = range(start, start + length)
                around = range(start - before, start + length + after)
                if (
                    soonest <= start * 300 <= furthest
                    and is_open.issuperset(own)
                    and self.patient_busy.isdisjoint(own)
                    and self.leave.isdisjoint(own)
                    and busy.isdisjoint(around)
                    and self._has_all(place, around)
                ):
                    yield start

    def _marks(self, place: UUID, ticks: range) -> Iterator[tuple[set[int], set[int]]]:
        """Mark the ticks that may be started at, and those that are open to who starts then; for each set of hours that
        are released, apart."""
        marked = self._marked(place, ticks)
        latest = {row: self._last_of(row, ticks) for row, _, _ in marked}
        bounds = sorted({ticks.start - 1, *latest.values()})
        for after, until in pairwise(bounds):
            released = [(is_open, on_grid) for row, is_open, on_grid in marked if latest[row] >= until]
            on_grids = set[int]().union(*(on_grid for _, on_grid in released))
            yield (
                {tick for tick in on_grids if after < tick <= until},
                set[int]().union(*(is_open for is_open, _ in released)),
            )

    def _last_of(self, row: Hours, ticks: range) -> int:
        """The last tick that may be started at, now that these hours are kept back until some minutes before it."""
        if row.release_minutes is None:
            return ticks.stop
        return int((self.now.timestamp() + row.release_minutes * 60) // 300)

    def _marked(self, place: UUID, ticks: range) -> list[tuple[Hours, set[int], set[int]]]:
        shown = {
            row: [(opens, self._going_on(row, opens, ticks)) for opens in _opens(row, walls(row.zone, ticks))]
            for row in self.hours
            if row.location_id == place
        }
        taken = {
            kind: self.blocks.union(*(each for row, days in shown.items() if row.kind in kinds for _, each in days))
            for kind, kinds in (("open", ("closed", "break")), ("extra", ("closed",)))
        }
        found = []
        for row, days in shown.items():
            if row.kind not in OPEN or not self.offers(row):
                continue
            clock = walls(row.zone, ticks)
            kept = [(opens, each - taken[row.kind]) for opens, each in days if not _is_holiday(row, opens)]
            first, grid = self.rules.grid_offset_minutes, self.rules.grid_minutes
            on_grid = {
                tick
                for opens, each in kept
                for tick in each
                if clock[tick] - opens >= first and (clock[tick] - opens - first) % grid == 0
            }
            found.append((row, set[int]().union(*(each for _, each in kept)), on_grid))
        return found

    def _going_on(self, row: Hours, opens: int, ticks: range) -> set[int]:
        closes = opens + row.end_minute - row.start_minute
        return {tick for tick, minute in walls(row.zone, ticks).items() if opens <= minute < closes}

    def _has_all(self, place: UUID, ticks: range) -> bool:
        """Whether everything that is needed there is to be had: try every way to hand the things out."""
        free = [[each for each, busy in need.items() if busy.isdisjoint(ticks)] for need in self.needs.get(place, ())]
        return any(len(set(each)) == len(free) for each in product(*free))

    def _about_the_clock(self, start: datetime) -> Iterator[str]:
        if start < self.now:
            yield "in_the_past"
        if start < self.now + timedelta(minutes=self.rules.notice_minutes):
            yield "too_soon"
        if start > self.now + timedelta(days=self.rules.window_days):
            yield "too_far_ahead"

    def _about_the_hours(
        self, start: datetime, end: datetime, location_id: UUID | None, *, is_extra: bool, places: set[UUID]
    ) -> Iterator[str]:
        """What the hours have against it; and into `places`, those where they have nothing."""
        tick = int(start.timestamp() // 300)
        rows = [row for row in self.open_at(tick) if location_id in (None, row.location_id)]
        if not rows:
            yield "outside_hours"
            return
        rows = [row for row in rows if self.offers(row)]
        if not rows:
            yield "not_offered"
            return
        rows = [row for row in rows if is_extra or self._is_on_grid(row, tick)]
        if not rows:
            yield "off_grid"
            return
        yield from self._about_their_kind(rows, start, end, places)

    def _about_their_kind(
        self, rows: Sequence[Hours], start: datetime, end: datetime, places: set[UUID]
    ) -> Iterator[str]:
        def is_released(row: Hours, tick: int) -> bool:
            return row.release_minutes is None or self.now >= start - timedelta(minutes=row.release_minutes)

        def is_working(row: Hours, tick: int) -> bool:
            begun = hours_begun(row, tick)
            is_day_off = row.kind == "open" and begun is not None and begun.date() in row.holidays
            return is_released(row, tick) and not is_day_off

        if not self._holding(rows, start, end, lambda *_: True):
            yield "outside_hours"
        elif not self._holding(rows, start, end, is_released):
            yield "too_far_ahead"
        elif not (working := self._holding(rows, start, end, is_working)):
            yield "holiday"
        else:
            places.update(working)

    def _is_on_grid(self, row: Hours, tick: int) -> bool:
        grid = timedelta(minutes=self.rules.grid_minutes)
        begun = hours_begun(row, tick)
        assert begun
        since = wall(row.zone, tick) - begun - timedelta(minutes=self.rules.grid_offset_minutes)
        return since >= timedelta() and since % grid == timedelta()

    def _holding(
        self, rows: Iterable[Hours], start: datetime, end: datetime, counts: Callable[[Hours, int], bool]
    ) -> set[UUID]:
        """The places where hours that count are open throughout, and one of those that it may start in counts."""
        own = ticks_between(start, end)
        tick = int(start.timestamp() // 300)
        return {
            place
            for place in {row.location_id for row in rows if counts(row, tick)}
            if all(
                any(row.location_id == place and self.offers(row) and counts(row, each) for row in self.open_at(each))
                for each in own
            )
        }

    def _about_others(self, start: datetime, end: datetime, *, is_extra: bool) -> Iterator[str]:
        if self.leave.intersection(ticks_between(start, end)):
            yield "on_leave"
        yield from (reason for reason, ticks in self.barred.items() if int(start.timestamp() // 300) in ticks)
        if self.patient_busy.intersection(ticks_between(start, end)):
            yield "patient_busy"
        if is_extra:
            return
        if self.visits.intersection(ticks_between(start, end)):
            yield "slot_taken"
        if (self.visits | self.buffers).intersection(self._around(start, end)):
            yield "buffer"

    def _about_places(self, start: datetime, end: datetime, places: set[UUID]) -> Iterator[str]:
        around = self._around(start, end)
        near = {place for place in places if self.away.get(place, frozenset()).isdisjoint(around)}
        if places and not near:
            yield "travel_time"
        if near and not any(self._has_all(place, around) for place in near):
            yield "room_taken"

    def _around(self, start: datetime, end: datetime) -> range:
        before = timedelta(minutes=self.rules.buffer_before_minutes)
        after = timedelta(minutes=self.rules.buffer_after_minutes)
        return ticks_between(start - before, end + after)


def _opens(row: Hours, shown: Mapping[int, int]) -> Iterator[int]:
    """The minutes, as `walls` counts them, at which this row's hours begin that may reach between those shown."""
    first, last = min(shown.values()), max(shown.values())
    for day in range(first // 1440 - 1, last // 1440 + 1):
        on = date(1970, 1, 1) + timedelta(days=day)
        if on.weekday() == row.weekday and (row.valid_from or on) <= on <= (row.valid_until or on):
            yield day * 1440 + row.start_minute


def _is_holiday(row: Hours, opens: int) -> bool:
    on = date(1970, 1, 1) + timedelta(days=opens // 1440)
    return row.kind == "open" and on in row.holidays


def ticks_between(start: datetime, end: datetime) -> range:
    return range(int(start.timestamp() // 300), int(end.timestamp() // 300))
