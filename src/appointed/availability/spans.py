"""Runs of ticks: what is busy, closed or barred."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Ticks from `start` up to, not including, `end`."""

    start: int
    end: int


ALWAYS = Span(-(2**62), 2**62)
"""Every tick that there is."""


class Taken:
    """Sorted spans that do not overlap, laid out for bisection."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.starts = [span.start for span in spans]
        self.ends = [span.end for span in spans]

    def __bool__(self) -> bool:
        return bool(self.starts)

    def meets(self, start: int, end: int) -> bool:
        before_end = bisect_left(self.starts, end)
        return before_end > 0 and self.ends[before_end - 1] > start

    def clear(self, ticks: Sequence[int], before: int, after: int) -> Sequence[int]:
        """Leave of sorted ticks those at which something may start that lasts from `before` ticks earlier to `after`
        ticks later, because it meets nothing."""
        left: list[int] = []
        at = 0
        for start, end in zip(self.starts, self.ends, strict=True):
            met = bisect_right(ticks, start - after, at)
            left += ticks[at:met]
            at = bisect_left(ticks, end + before, met)
        left += ticks[at:]
        return left

    def gap_around(self, start: int, end: int, most: int) -> int:
        """Count the free ticks before and after a time that meets nothing; on either side no more than `most`."""
        after = bisect_left(self.starts, end)
        before = start - self.ends[after - 1] if after else most
        beyond = self.starts[after] - end if after < len(self.starts) else most
        return min(before, most) + min(beyond, most)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sort spans, and make one of those that overlap or touch."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        elif span.start < span.end:
            found.append(span)
    return found


def without(span: Span, cuts: list[Span]) -> Iterator[Span]:
    """Give what is left of a span when the cuts, which are `joined`, are taken out of it."""
    start = span.start
    for cut in cuts[bisect_right(cuts, start, key=lambda cut: cut.end) :]:
        if cut.start >= span.end:
            break
        if start < cut.start:
            yield Span(start, cut.start)
        start = cut.end
    if start < span.end:
        yield Span(start, span.end)
