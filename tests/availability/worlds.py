"""Schedules for the tests: a plain Monday to write cases about, and random worlds around days on which clocks jump."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from appointed.availability.rules import Facts, Hours, HoursKind, Opening, Reason, Span, VisitRules, openings, tick_of

from .oracle import Oracle

PATIENTLY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

LIMITS = (Reason.DAILY_LIMIT, Reason.WEEKLY_LIMIT, Reason.PATIENT_LIMIT, Reason.QUOTA_REACHED)
CHECKUP, SURGERY = UUID(int=1), UUID(int=2)
HILL, LAKE, ELSEWHERE = UUID(int=11), UUID(int=12), UUID(int=13)
ROOMS = [UUID(int=100 + number) for number in range(3)]
MONDAY = datetime(2025, 6, 2, tzinfo=UTC)


def at(clock: str) -> datetime:
    """Give an instant of the Monday that most cases are about, or of a day near it: `-1d 23:00`."""
    days, _, hour = clock.rpartition("d ")
    hours, minutes, *seconds = map(float, hour.split(":"))
    return MONDAY + timedelta(days=int(days or 0), hours=hours, minutes=minutes, seconds=sum(seconds))


def hours(start: str, end: str, location_id: UUID = HILL, *visit_type_ids: UUID, zone: str = "UTC") -> Hours:
    start_minute, end_minute = (int((at(clock) - MONDAY) / timedelta(minutes=1)) for clock in (start, end))
    return Hours(location_id, zone, 0, start_minute, end_minute, None, None, frozenset(visit_type_ids))


TURNING_POINTS = [
    ("Europe/Berlin", date(2025, 3, 30)),
    ("Europe/Berlin", date(2025, 10, 26)),
    ("America/New_York", date(2025, 3, 9)),
    ("America/St_Johns", date(2025, 11, 2)),
    ("Australia/Lord_Howe", date(2025, 4, 6)),
    ("Australia/Lord_Howe", date(2025, 10, 5)),
    ("Africa/Cairo", date(2025, 4, 25)),
    ("Africa/Cairo", date(2025, 10, 31)),
    ("Asia/Beirut", date(2025, 3, 30)),
    ("Asia/Beirut", date(2025, 10, 26)),
    ("America/Havana", date(2025, 3, 9)),
    ("America/Havana", date(2025, 11, 2)),
    ("America/Nuuk", date(2025, 3, 30)),
    ("Africa/Casablanca", date(2025, 2, 23)),
    ("Pacific/Chatham", date(2025, 9, 28)),
    ("Antarctica/Troll", date(2025, 10, 26)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Asia/Pyongyang", date(2018, 5, 5)),
    ("Asia/Kathmandu", date(2025, 6, 2)),
]


@dataclass
class World:
    hours: list[Hours]
    rules: VisitRules
    visits: frozenset[int]
    buffers: frozenset[int]
    patient_busy: frozenset[int]
    now: datetime
    ticks: range
    blocks: frozenset[int] = frozenset()
    leave: frozenset[int] = frozenset()
    barred: Mapping[Reason, frozenset[int]] = field(default_factory=dict)
    away: Mapping[UUID, frozenset[int]] = field(default_factory=dict)
    needs: Mapping[UUID, Sequence[Mapping[UUID, frozenset[int]]]] = field(default_factory=dict)

    @property
    def known(self) -> range:
        # A visit may be a day long, and so reach beyond the ticks at which it may start.
        return range(self.ticks.start - 1, self.ticks.stop + 289)

    @property
    def facts(self) -> Facts:
        return Facts(
            self.openings(self.known),
            spans_of(self.visits),
            spans_of(self.buffers),
            spans_of(self.patient_busy),
            spans_of(self.leave),
            {reason: spans_of(ticks) for reason, ticks in self.barred.items()},
            {place: spans_of(ticks) for place, ticks in self.away.items()},
            {
                place: [{each: spans_of(ticks) for each, ticks in need.items()} for need in needs]
                for place, needs in self.needs.items()
            },
        )

    def openings(self, within: range) -> list[Opening]:
        return openings(self.hours, within.start, within.stop, spans_of(self.blocks))

    @property
    def oracle(self) -> Oracle:
        return Oracle(self.hours, self.rules, self.visits, self.buffers, self.patient_busy, self.now, self.blocks,
                      self.leave, self.barred, self.away, self.needs, self.known)  # fmt: skip


def spans_of(ticks: Iterable[int]) -> list[Span]:
    found: list[Span] = []
    for tick in sorted(ticks):
        if found and found[-1].end == tick:
            found[-1] = Span(found[-1].start, tick + 1)
        else:
            found.append(Span(tick, tick + 1))
    return found


@st.composite
def rows(draw: st.DrawFn, zone: str, day: date) -> Hours:
    near = st.integers(-2, 2).map(lambda days: day + timedelta(days=days))
    start = draw(st.sampled_from([0, 30, 60, 90, 120, 135, 150, 180, 540, 1380]) | five_minutes(0, 1435))
    return Hours(
        location_id=draw(st.sampled_from([HILL, LAKE])),
        zone=draw(st.sampled_from([zone, zone, zone, "Asia/Kathmandu"])),
        weekday=(day.weekday() + draw(st.sampled_from([0, 0, 0, -1, 1]))) % 7,
        start_minute=start,
        end_minute=start + draw(st.sampled_from([30, 60, 90, 180, 480, 1440]) | five_minutes(5, 1440)),
        valid_from=draw(st.none() | st.none() | st.none() | near),
        valid_until=draw(st.none() | st.none() | st.none() | near),
        visit_type_ids=draw(
            st.sampled_from([frozenset(), frozenset({CHECKUP}), frozenset({CHECKUP, SURGERY}), frozenset({SURGERY})])
        ),
        kind=draw(st.sampled_from([HoursKind.OPEN] * 4 + [HoursKind.EXTRA, HoursKind.BREAK, HoursKind.CLOSED])),
        release_minutes=draw(st.sampled_from([None, None, None, 120, 1440])),
        holidays=draw(st.just(frozenset()) | st.just(frozenset()) | near.map(lambda on: frozenset({on}))),
    )


def five_minutes(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least // 5, most // 5).map(lambda ticks: ticks * 5)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone, day = draw(st.sampled_from(TURNING_POINTS))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ticks = range(tick_of(midnight) - 12 * 15, tick_of(midnight) + 12 * 27)

    def at_times(busy: Callable[[], frozenset[int]]) -> frozenset[int]:
        return busy() if draw(st.sampled_from([False, False, True])) else frozenset()

    def busy(most: int, longest: int) -> frozenset[int]:
        spans = st.tuples(st.sampled_from(ticks), st.integers(1, longest))
        return frozenset(
            tick
            for start, length in draw(st.lists(spans, min_size=most // 2, max_size=most))
            for tick in range(start, start + length)
        )

    return World(
        hours=draw(st.lists(rows(zone, day), min_size=1, max_size=4)),
        rules=VisitRules(
            CHECKUP,
            length_minutes=draw(st.sampled_from([5, 15, 30, 30, 50, 180])),
            allowed_lengths=draw(st.sampled_from([frozenset(), frozenset({45, 90})])),
            buffer_before_minutes=draw(st.sampled_from([0, 0, 5, 20, 90])),
            buffer_after_minutes=draw(st.sampled_from([0, 0, 5, 20, 90])),
            grid_minutes=draw(st.sampled_from([5, 10, 15, 25, 30, 30, 45, 60])),
            grid_offset_minutes=draw(st.sampled_from([0, 0, 0, 10, 75])),
            notice_minutes=draw(st.sampled_from([0, 0, 0, 0, 90, 1500])),
            window_days=draw(st.sampled_from([365, 365, 365, 365, 365, 365, 1])),
        ),
        visits=busy(8, 48),
        buffers=busy(8, 12),
        patient_busy=busy(4, 48),
        now=midnight + draw(st.sampled_from([-86400, -86400, -86400, -86400, -50000.5, 3601])) * timedelta(seconds=1),
        ticks=ticks,
        blocks=at_times(lambda: busy(2, 24)),
        leave=at_times(lambda: busy(1, 100)),
        barred={reason: at_times(lambda: busy(1, 288)) for reason in draw(st.sets(st.sampled_from(LIMITS)))},
        away={place: at_times(lambda: busy(3, 24)) for place in (HILL, LAKE)},
        needs={
            place: [
                {room: at_times(lambda: busy(4, 48)) for room in draw(st.sets(st.sampled_from(ROOMS)))}
                for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
            ]
            for place in (HILL, LAKE)
        },
    )
