"""Gathering what is known about doctors' time, in as many statements for one doctor and one day as for many of both."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.availability.models import TimeOff
from appointed.availability.rules import (
    Facts,
    Hours,
    Opening,
    Span,
    TimeOffKind,
    closed,
    joined,
    openings,
    tick_of,
)
from appointed.availability.walltime import TICK_MINUTES
from appointed.core.types import ids_of

from . import counting, needing, travelling
from .asking import Around
from .reading import Offering
from .standing import Stand

_MICROSECOND = timedelta(microseconds=1)
_TIME_OFF = select(TimeOff.doctor_id, TimeOff.kind, TimeOff.starts_at, TimeOff.ends_at).where(
    TimeOff.doctor_id.in_(ids_of("doctors")),
    TimeOff.ends_at > bindparam("first"),
    TimeOff.starts_at < bindparam("last"),
)


async def gather(
    session: AsyncSession,
    offering: Offering,
    stands: Sequence[Stand],
    needs: needing.Needs,
    around: Around,
    *,
    reach: int = 0,
) -> tuple[list[list[Facts]], counting.Counted]:
    """The facts about each stand, for each who would come, and what was counted for them. `reach` are ticks to look at
    on either side besides."""
    ticks = ticks_around(stands, around, reach)
    doctors = {stand.doctor_id for stand in stands}
    places = {place for stand in stands for place in stand.zones}
    whom = {*doctors, *needs.resources, *around.patients}
    everybody = doctors | needs.practices.keys()
    known = _Known(
        ticks,
        _Busy(await resources.busy(session, whom, ticks.start, ticks.stop, around.now, ignoring=around.ignoring)),
        await _time_off(session, everybody, around) if offering.has_time_off or needs.practices else {},
        await travelling.away_of(session, everybody, places, ticks, around) if offering.has_travel and places else {},
        Openings(ticks),
    )
    limits = [(stand.doctor_id, stand.terms.limits) for stand in stands]
    counted = await counting.count(session, offering.visit_type, limits, around)
    needed = {place: [known.candidates(need, needs, place) for need in needs.each] for place in places}
    facts = [
        [
            known.facts(stand, needed, comer, counting.barred(offering, stand, counted, around, comer))
            for comer in around.comers
        ]
        for stand in stands
    ]
    return facts, counted


def ticks_around(stands: Iterable[Stand], around: Around, reach: int = 0) -> range:
    """What may matter to visits that start from `first` to `last`."""
    rules = [stand.terms.rules for stand in stands]
    before = max((each.buffer_before_minutes for each in rules), default=0) // TICK_MINUTES
    after = max((each.length_minutes + each.buffer_after_minutes for each in rules), default=0) // TICK_MINUTES
    return range(tick_of(around.first) - before - reach, tick_of(around.last) + after + 1 + reach)


async def _time_off(
    session: AsyncSession, doctors: Collection[UUID], around: Around
) -> dict[tuple[UUID, str], list[Span]]:
    """By doctor and kind; a tick that is off in part is off."""
    spans: dict[tuple[UUID, str], list[Span]] = {}
    for row in await session.execute(_TIME_OFF, around.parameters | {"doctors": list(doctors)}):
        end = tick_of(row.ends_at - _MICROSECOND) + 1
        spans.setdefault((row.doctor_id, row.kind), []).append(Span(tick_of(row.starts_at), end))
    return {whose: joined(theirs) for whose, theirs in spans.items()}


class _Busy:
    """Runs of busy ticks by whose they are."""

    def __init__(self, runs: Iterable[resources.Busy]) -> None:
        self._visits: dict[UUID, list[Span]] = {}
        self._buffers: dict[UUID, list[Span]] = {}
        for run in runs:
            which = self._buffers if run.is_buffer else self._visits
            which.setdefault(run.resource_id, []).append(Span(run.first, run.last))

    def visits(self, whose: UUID | None) -> Sequence[Span]:
        return self._visits.get(whose, ()) if whose else ()

    def buffers(self, whose: UUID) -> Sequence[Span]:
        return self._buffers.get(whose, ())

    def whole(self, whose: UUID) -> list[Span]:
        return joined((*self.visits(whose), *self.buffers(whose)))


class Openings:
    """Open time within some ticks; who has the same hours as somebody else has the same."""

    def __init__(self, ticks: range) -> None:
        self._ticks = ticks
        self._laid_out: dict[tuple[int, ...], list[Opening]] = {}

    def of(self, hours: Collection[Hours], blocks: Sequence[Span] = ()) -> list[Opening]:
        if blocks:
            return openings(hours, self._ticks.start, self._ticks.stop, blocks)
        key = tuple(map(id, hours))
        if key not in self._laid_out:
            self._laid_out[key] = openings(hours, self._ticks.start, self._ticks.stop)
        return self._laid_out[key]


@dataclass(frozen=True, slots=True)
class _Known:
    """What has been read about everybody's time."""

    ticks: range
    busy: _Busy
    off: Mapping[tuple[UUID, str], Sequence[Span]]
    away: travelling.Away
    openings: "Openings"

    def facts(
        self, stand: Stand, needed: Mapping[UUID, Sequence[Mapping[UUID, Sequence[Span]]]], comer: UUID | None,
        barred: counting.Barred,
    ) -> Facts:  # fmt: skip
        doctor_id = stand.doctor_id
        return Facts(
            self._openings(doctor_id, stand.hours),
            self.busy.visits(doctor_id),
            self.busy.buffers(doctor_id),
            self.busy.visits(comer),
            self._leave(doctor_id),
            barred,
            self.away.get(doctor_id, {}),
            {place: [_without(doctor_id, need) for need in needed[place]] for place in stand.zones if needed[place]},
        )

    def candidates(self, need: needing.Need, needs: needing.Needs, place: UUID) -> dict[UUID, Sequence[Span]]:
        """The time that each is taken who would do at the place; other doctors also are when they are not there."""
        return {
            each: self._not_there(each, needs.practices[each], place)
            if each in needs.practices
            else self.busy.whole(each)
            for each in need.candidates.get(place, ())
        }

    def _not_there(self, doctor_id: UUID, hours: Collection[Hours], place: UUID) -> list[Span]:
        open_time = self._openings(doctor_id, hours)
        return joined(
            (
                *closed(open_time, self.ticks.start, self.ticks.stop, {place}),
                *self._leave(doctor_id),
                *self.busy.whole(doctor_id),
                *self.away.get(doctor_id, {}).get(place, ()),
            )
        )

    def _openings(self, doctor_id: UUID, hours: Collection[Hours]) -> list[Opening]:
        return self.openings.of(hours, self.off.get((doctor_id, TimeOffKind.BLOCK), ()))

    def _leave(self, doctor_id: UUID) -> Sequence[Span]:
        return self.off.get((doctor_id, TimeOffKind.LEAVE), ())


def _without(doctor_id: UUID, need: Mapping[UUID, Sequence[Span]]) -> Mapping[UUID, Sequence[Span]]:
    """Nobody assists themselves."""
    return {each: spans for each, spans in need.items() if each != doctor_id} if doctor_id in need else need
