"""Random schedules by number, most of them around a move of the clock; far quicker to make than `worlds`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from appointed.availability.rules import Hours, HoursKind, VisitRules, instant_of

from .worlds import CHECKUP, HILL, LAKE, LIMITS, ROOMS, SURGERY, World
from .zones import FIRST_YEAR, LAST_YEAR, Move, moves, moves_between, zone_names

HOW_MANY = int(os.environ.get("FUZZ_SCHEDULES", "20000"))
SEED = os.environ.get("FUZZ_SEED", "appointed")
AT_ONE_PLACE = 10

_EPOCH = date(1970, 1, 1)
_ODD_ZONES = ("Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "Australia/Eucla", "Asia/Kolkata")
_EVERYTHING = frozenset[UUID]()
_NONE = frozenset[int]()
_TAKING = (HoursKind.BREAK, HoursKind.BREAK, HoursKind.CLOSED)
_OFFERS = [_EVERYTHING] * 3 + [frozenset({CHECKUP}), frozenset({CHECKUP, SURGERY}), frozenset({SURGERY})]


@dataclass(frozen=True)
class Place:
    """Where and when a few schedules play: around a move of the zone's clock, or on any day."""

    zone: str
    other_zone: str
    move: Move | None
    middle: int
    """The tick in whose neighbourhood the schedules are looked at."""

    @property
    def ticks(self) -> range:
        return range(self.middle - 156, self.middle + 156)

    def walls(self, zone: str) -> tuple[int, ...]:
        """Minutes, as `Move.walls` counts them, for hours to begin at."""
        if self.move and zone == self.zone:
            return self.move.walls
        offset = instant_of(self.middle).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
        return (self.middle * 5 + offset // timedelta(minutes=1),)


def schedules(numbers: range) -> Iterator[tuple[Random, World]]:
    """Make the schedules of these numbers, alike each time, each with the rest of its luck."""
    for number in numbers:
        place = _place(number // AT_ONE_PLACE)
        luck = Random(f"{SEED} {number}")
        yield luck, _schedule(luck, place)


@cache
def _all_moves() -> list[tuple[str, Move]]:
    return [(zone, move) for zone in zone_names() for move in moves()[zone]]


@cache
def _date_line() -> list[tuple[str, Move]]:
    long_since = moves_between(1970, FIRST_YEAR - 1)
    return [
        (zone, move)
        for zone, its in sorted(long_since.items())
        for move in its
        if abs(move.after - move.before) > 72000
    ]


@cache
def _place(number: int) -> Place:
    luck = Random(f"{SEED} place {number}")
    kind = luck.random()
    if kind < 0.8:
        zone, move = luck.choice(_all_moves() if kind < 0.75 else _date_line())
        middle = move.at // 300 + luck.randint(-72, 72)
    else:
        zone, move = luck.choice(_ODD_ZONES if kind < 0.85 else zone_names()), None
        middle = int(luck.uniform(FIRST_YEAR - 1970, LAST_YEAR - 1969) * 365.2425 * 288)
    other = luck.choice([zone, zone, luck.choice(_ODD_ZONES), luck.choice(zone_names())])
    return Place(zone, other, move, middle)


def _schedule(luck: Random, place: Place) -> World:
    ticks = place.ticks
    giving = [
        _row(luck, place, HoursKind.OPEN if luck.random() < 0.85 else HoursKind.EXTRA)
        for _ in range(luck.randint(1, 4))
    ]
    taking = [_row(luck, place, luck.choice(_TAKING)) for _ in range(luck.choice((0, 0, 0, 0, 1, 2)))]
    return World(
        hours=giving + taking,
        rules=VisitRules(
            CHECKUP,
            length_minutes=luck.choice((5, 15, 20, 30, 30, 30, 50, 180)),
            allowed_lengths=luck.choice((frozenset(), frozenset({45, 90}))),
            buffer_before_minutes=luck.choice((0, 0, 5, 20, 90)),
            buffer_after_minutes=luck.choice((0, 0, 5, 20, 90)),
            grid_minutes=luck.choice((5, 10, 15, 20, 25, 30, 30, 30, 45, 60, 90)),
            grid_offset_minutes=luck.choice((0, 0, 0, 0, 5, 20, 75)),
            notice_minutes=luck.choice((0, 0, 0, 0, 90, 600)),
            window_days=luck.choice((365, 365, 365, 365, 1)),
        ),
        visits=_busy(luck, ticks, 3, 18),
        buffers=_busy(luck, ticks, 5, 6),
        patient_busy=_busy(luck, ticks, 2, 18),
        now=instant_of(ticks.start) + timedelta(seconds=luck.choice((-60, -3600, -40_000.5, 30_000, 50_000.25))),
        ticks=ticks,
        blocks=_busy(luck, ticks, 2, 24) if luck.random() < 0.15 else _NONE,
        leave=_busy(luck, ticks, 1, 150) if luck.random() < 0.15 else _NONE,
        barred={reason: _busy(luck, ticks, 1, 150) for reason in LIMITS if luck.random() < 0.05},
        away={where: _busy(luck, ticks, 3, 30) for where in (HILL, LAKE) if luck.random() < 0.15},
        needs={where: _needs(luck, ticks) for where in (HILL, LAKE) if luck.random() < 0.15},
    )


def _needs(luck: Random, ticks: range) -> list[dict[UUID, frozenset[int]]]:
    busy = {room: _busy(luck, ticks, 6, 30) for room in ROOMS}
    return [
        {room: busy[room] for room in luck.sample(ROOMS, luck.choice((0, 1, 2, 3, 3, 3, 3)))}
        for _ in range(luck.choice((1, 1, 2)))
    ]


def _row(luck: Random, place: Place, kind: HoursKind) -> Hours:
    location = luck.choice((HILL, HILL, LAKE))
    zone = place.zone if location == HILL else place.other_zone
    near = luck.choice(place.walls(zone)) + luck.choice((0, 0, -60, 30, 5 * luck.randint(-150, 150)))
    day, start = divmod(near - luck.choice((0, 60, 5 * luck.randint(0, 100))), 1440)
    long = luck.choice((30, 60, 90, 180, 480, 480, 1440, 5 * luck.randint(1, 288)))
    length = luck.choice((5, 30, 60, 90, 300)) if kind in _TAKING else long
    on = _EPOCH + timedelta(days=day)
    return Hours(
        location_id=location,
        zone=zone,
        weekday=(on.weekday() + luck.choice((0, 0, 0, 0, -1, 1))) % 7,
        start_minute=start // 5 * 5,
        end_minute=start // 5 * 5 + length,
        valid_from=luck.choice((None, None, None, on + timedelta(days=luck.randint(-2, 1)))),
        valid_until=luck.choice((None, None, None, on + timedelta(days=luck.randint(-1, 2)))),
        visit_type_ids=luck.choice(_OFFERS),
        kind=kind,
        release_minutes=luck.choice((None,) * 9 + (90, 720, 1440)),
        holidays=frozenset({on + timedelta(days=luck.randint(-1, 1))}) if luck.random() < 0.1 else frozenset(),
    )


def _busy(luck: Random, ticks: range, most: int, longest: int) -> frozenset[int]:
    found: set[int] = set()
    for _ in range(luck.randint(0, most)):
        start = luck.choice(ticks)
        found.update(range(start, start + luck.randint(1, longest)))
    return frozenset(found)
