"""A question to write cases about: may this visit take this time?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from appointed.availability.rules import Facts, Hours, Reason, Span, VisitRules, free_starts, openings, refusal, tick_of

from .worlds import CHECKUP, MONDAY, at, hours

USUAL = VisitRules(CHECKUP)


def span(start: str, end: str) -> Span:
    return Span(tick_of(at(start)), tick_of(at(end)))


@dataclass(frozen=True)
class Ask:
    """A visit from 10:00 to 10:30 on a Monday with hours from 9 to 12, asked for at 6: free, if nothing is changed."""

    starts_at: str = "10:00"
    ends_at: str = "10:30"
    now: str = "06:00"
    hours: tuple[Hours, ...] = (hours("09:00", "12:00"),)
    visits: tuple[Span, ...] = ()
    buffers: tuple[Span, ...] = ()
    patient_busy: tuple[Span, ...] = ()
    blocks: tuple[Span, ...] = ()
    leave: tuple[Span, ...] = ()
    barred: Mapping[Reason, Sequence[Span]] = field(default_factory=dict)
    away: Mapping[UUID, Sequence[Span]] = field(default_factory=dict)
    needs: Mapping[UUID, Sequence[Mapping[UUID, Sequence[Span]]]] = field(default_factory=dict)
    rules: VisitRules = USUAL
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        first, last = tick_of(MONDAY - timedelta(days=1)), tick_of(MONDAY + timedelta(days=2))
        known = openings(self.hours, first, last, self.blocks)
        return Facts(
            known, self.visits, self.buffers, self.patient_busy, self.leave, self.barred, self.away, self.needs
        )

    def answer(self) -> Reason | None:
        return refusal(self.facts, self.rules, at(self.starts_at), at(self.ends_at), at(self.now), **self.options)

    def free(self, first: str = "00:00", last: str = "24:00", location_id: UUID | None = None) -> list[str]:
        found = free_starts(self.facts, self.rules, at(first), at(last), at(self.now), location_id=location_id)
        return [f"{start:%H:%M}" for start, _ in found]


def rules(**changes: Any) -> VisitRules:
    return replace(USUAL, **changes)


EXTRA, ANY_LENGTH = {"is_extra": True}, {"any_length": True}
