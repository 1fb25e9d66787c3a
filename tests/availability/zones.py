"""Every move of every clock, read from the packaged zone files (RFC 9636) without the help of `zoneinfo`."""

import re
import struct
from calendar import monthrange, timegm
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import pairwise
from time import gmtime
from typing import NamedTuple
from zoneinfo import available_timezones

FIRST_YEAR, LAST_YEAR = 2024, 2032

_HEADER = struct.Struct(">4s c 15x 6L")
_TIME_TYPE = struct.Struct(">lBB")
_RULES = re.compile(r"(?P<std>[^,]+?)(?P<std_at>[-+]?\d[\d:]*)(?P<dst>(?:<[^>]+>|[A-Z]+))(?P<dst_at>[-+]?[\d:]*)"
                    r",(?P<starts>[^,]+),(?P<ends>[^,]+)")  # fmt: skip
_NTH_WEEKDAY = re.compile(r"M(\d+)\.(\d)\.(\d)(?:/(.+))?")


class Move(NamedTuple):
    """A clock put forward or back: epoch seconds, and the UTC offset before and after, in seconds."""

    at: int
    before: int
    after: int

    @property
    def is_gap(self) -> bool:
        return self.after > self.before

    @property
    def walls(self) -> tuple[int, int]:
        """The minutes, on a wall clock that began at zero in 1970, that the move leaves out or shows twice."""
        first, last = sorted((self.at + self.before, self.at + self.after))
        return first // 60, last // 60


def zone_names() -> list[str]:
    return sorted(available_timezones())


@cache
def alike() -> dict[bytes, list[str]]:
    """The names of each zone, links included, by the content of its file."""
    found: dict[bytes, list[str]] = defaultdict(list)
    for name in zone_names():
        found[files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()].append(name)
    return found


@cache
def moves_between(first_year: int, last_year: int) -> dict[str, list[Move]]:
    """The moves of every zone in these years, whole in UTC."""
    begin, end = timegm((first_year, 1, 1, 0, 0, 0)), timegm((last_year + 1, 1, 1, 0, 0, 0))
    found = {}
    for content, names in alike().items():
        moves = [move for move in _moves_of(content, last_year) if begin <= move.at < end]
        found.update(dict.fromkeys(names, moves))
    return found


def moves() -> dict[str, list[Move]]:
    return moves_between(FIRST_YEAR, LAST_YEAR)


def moves_in(year: int) -> Iterator[tuple[str, Move]]:
    """Each zone with each of its moves in that year."""
    for zone, its_moves in moves().items():
        yield from ((zone, move) for move in its_moves if gmtime(move.at).tm_year == year)


def ticks_around(move: Move) -> range:
    """A day and a half before and after, in ticks of five minutes, and as long as the move itself."""
    reach = 432 + abs(move.after - move.before) // 300
    return range(move.at // 300 - reach, move.at // 300 + reach)


def _moves_of(content: bytes, last_year: int) -> list[Move]:
    table, first_offset, footer = _read(content)
    after_table = table[-1][0] if table else -(2**63)
    table += [each for each in sorted(_by_rules(footer, last_year)) if each[0] > after_table]
    offsets = [(-(2**63), first_offset), *table]
    # A change of name or of the daylight flag alone moves no clock.
    return [Move(at, before, after) for (_, before), (at, after) in pairwise(offsets) if before != after]


def _read(content: bytes) -> tuple[list[tuple[int, int]], int, str]:
    """Give the times at which an offset begins, the offset before them all, and the rules for the time after."""
    *_, isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt = _HEADER.unpack_from(content)
    # The first block has 32-bit times and is skipped for the second.
    at = _HEADER.size + timecnt * 5 + typecnt * 6 + charcnt + leapcnt * 8 + isstdcnt + isutcnt
    *_, isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt = _HEADER.unpack_from(content, at)
    at += _HEADER.size
    times = struct.unpack_from(f">{timecnt}q", content, at)
    kinds = content[at + timecnt * 8 : at + timecnt * 9]
    at += timecnt * 9
    offsets = [_TIME_TYPE.unpack_from(content, at + kind * 6)[0] for kind in range(typecnt)]
    at += typecnt * 6 + charcnt + leapcnt * 12 + isstdcnt + isutcnt
    table = [(time, offsets[kind]) for time, kind in zip(times, kinds, strict=True)]
    return table, offsets[0], content[at:].decode().strip()


def _by_rules(footer: str, last_year: int) -> Iterator[tuple[int, int]]:
    rules = _RULES.fullmatch(footer)
    if rules is None:
        assert "," not in footer, f"rules that this reader does not know: {footer}"
        return
    # These offsets count westwards, and daylight time is an hour ahead unless it says otherwise.
    standard = -_seconds(rules["std_at"])
    daylight = -_seconds(rules["dst_at"]) if rules["dst_at"] else standard + 3600
    for year in range(1970, last_year + 2):
        yield _wall_seconds(rules["starts"], year) - standard, daylight
        yield _wall_seconds(rules["ends"], year) - daylight, standard


def _wall_seconds(rule: str, year: int) -> int:
    found = _NTH_WEEKDAY.fullmatch(rule)
    assert found, f"a rule that this reader does not know: {rule}"
    month, nth, weekday = (int(part) for part in found.groups()[:3])
    first = date(year, month, 1)
    day = 1 + (weekday - first.isoweekday()) % 7 + (nth - 1) * 7
    while day > monthrange(year, month)[1]:
        day -= 7
    return timegm((year, month, day, 0, 0, 0)) + _seconds(found[4] or "2")


def _seconds(clock: str) -> int:
    sign = -1 if clock.startswith("-") else 1
    parts: Iterable[int] = map(int, clock.lstrip("+-").split(":"))
    return sign * sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
