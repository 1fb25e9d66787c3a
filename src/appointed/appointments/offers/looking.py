"""Looking for the first free times: some of the earliest starts at first, then ever more until there are enough.

What that costs depends on how many times are wanted and how much is booked, and hardly on how many doctors there are
and for how long they are asked about: of the 2,000 doctors who may be free at nine, the first few dozen do. A range is
searched in at most four windows, each four times as long as those before it together, and their starts in looks, each
at sixteen times as many as the one before. A look takes as many statements as any list; there is one as a rule, and
about eight if everybody is booked out.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import merge
from itertools import islice, repeat
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability.rules import Facts, free_ticks, instant_of

from .asking import Around
from .finding import Field, Free, Wish, field_of, free_in, ticks_of
from .gathering import Openings, ticks_around
from .reading import Offering

Reader = Callable[[Around], Awaitable[Offering]]
"""Reads who offers the visit type in a window."""

_WINDOWS = (timedelta(days=1), timedelta(days=5), timedelta(days=21))
_GROWTH = 16
# More than one start in four is free more often than not, and some more cost next to nothing.
_STARTS_A_TIME, _STARTS_BESIDES = 4, 48


@dataclass(slots=True)
class Harvest:
    """The free times found so far: no more than `per_doctor` of each doctor, and `limit` of all."""

    limit: int | None
    per_doctor: int | None
    times: list[Free] = field(default_factory=list)
    _counts: Counter[UUID] = field(default_factory=Counter)

    def add(self, free: Free) -> None:
        if not self.is_full and not self.has_enough_of(free.stand.doctor_id):
            self.times.append(free)
            self._counts[free.stand.doctor_id] += 1

    @property
    def is_full(self) -> bool:
        return self.limit is not None and len(self.times) >= self.limit

    def has_enough_of(self, doctor_id: UUID) -> bool:
        return self.per_doctor is not None and self._counts[doctor_id] >= self.per_doctor

    def first_look(self, doctors: int) -> int:
        """At how many starts to look first."""
        wanted = min(self.limit or _NO_LIMIT, (self.per_doctor or _NO_LIMIT) * doctors)
        return wanted * _STARTS_A_TIME + _STARTS_BESIDES


_NO_LIMIT = 10**9


async def first_free(session: AsyncSession, read: Reader, wish: Wish, around: Around, harvest: Harvest) -> list[Free]:
    """The first times that are free, earliest first, no more than the harvest is to have."""
    looked_at = 0
    for window in _windows(around):
        field = await field_of(session, await read(window), wish, window)
        size = max(harvest.first_look(len(field.stands)), looked_at * _GROWTH)
        starts = _starts(field, window)
        while not harvest.is_full and (some := list(islice(starts, size))):
            await _look(session, field, window, some, around, harvest)
            looked_at += len(some)
            size = looked_at * _GROWTH
        if harvest.is_full:
            break
    return harvest.times


def _windows(around: Around) -> Iterator[Around]:
    """The range from now on, the next days before the others."""
    first = max(around.first, around.now)
    ends = [first + length for length in _WINDOWS if first + length < around.last]
    for end in (*ends, around.last):
        if first < end:
            yield replace(around, first=first, last=end)
        first = end


def _starts(field: Field, window: Around) -> Iterator[tuple[int, int]]:
    """Every start that hours and rules allow, taken or not, earliest first, with the number of the stand."""
    openings = Openings(ticks_around(field.stands, window))
    known: dict[tuple[int, int], Sequence[int]] = {}
    starts = []
    for stand in field.stands:
        # Most have the same hours and rules, and so the same starts.
        theirs = openings.of(stand.hours)
        key = id(theirs), id(stand.terms)
        if key not in known:
            allowed = free_ticks(Facts(theirs, (), (), ()), stand.terms.rules, ticks_of(window), window.now,
                                 location_id=window.location_id, unwished=field.unwished)  # fmt: skip
            known[key] = sorted({tick for tick, _ in allowed})
        starts.append(known[key])
    return merge(*(zip(ticks, repeat(number)) for number, ticks in enumerate(starts)))


async def _look(
    session: AsyncSession, field: Field, window: Around, starts: Sequence[tuple[int, int]], whole: Around,
    harvest: Harvest,
) -> None:  # fmt: skip
    """Harvest what is free of these starts."""
    wanted = {number for _, number in starts if not harvest.has_enough_of(field.stands[number].doctor_id)}
    if not wanted:
        return
    stands = [field.stands[number] for number in sorted(wanted)]
    numbers = {id(field.stands[number]): number for number in wanted}
    seen = replace(window, first=instant_of(starts[0][0]), last=instant_of(starts[-1][0] + 1))
    looked_at = frozenset(starts)
    for free in await free_in(session, field.of(stands), seen, whole.last):
        if (free.ticks[0], numbers[id(free.stand)]) in looked_at:
            harvest.add(free)
