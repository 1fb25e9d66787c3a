"""Finding the times of doctors that are free for who would come."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability.rules import Facts, Span, consecutive, free_ticks, tick_from
from appointed.availability.wishes import PartOfDay, unwished

from . import counting, needing
from .asking import Around, shifted
from .gathering import gather
from .reading import Offering
from .standing import Stand, stands_of


@dataclass(frozen=True, slots=True)
class Wish:
    """When they would rather come, by the location's clock; of a family, the first of them."""

    part: PartOfDay | None = None
    weekdays: frozenset[int] = frozenset()
    """Monday is 0; empty: any."""


class Free(NamedTuple):
    """When each who comes can be seen, in ticks, by whom and where."""

    ticks: Sequence[int]
    stand: Stand
    place: UUID


@dataclass(frozen=True, slots=True)
class Field:
    """Doctors who offer a visit type in some time, in the order in which those are named who are free at once."""

    offering: Offering
    stands: Sequence[Stand]
    needs: needing.Needs
    unwished: Mapping[UUID, Sequence[Span]]

    def of(self, stands: Sequence[Stand]) -> "Field":
        """The same with some of the doctors only."""
        return replace(self, stands=stands)


async def field_of(session: AsyncSession, offering: Offering, wish: Wish, around: Around) -> Field:
    """Empty if a patient has missed too many visits of the type."""
    stands = [stand for stand in stands_of(offering, around) if stand.terms.is_offered and stand.hours]
    if not stands or await counting.has_missed_too_many(session, offering.visit_type, around):
        return Field(offering, (), needing.Needs(), {})
    zones = {place: zone for stand in stands for place, zone in stand.zones.items()}
    spans = {}
    if wish != Wish():
        spans = {zone: unwished(zone, ticks_of(around), wish.part, wish.weekdays) for zone in set(zones.values())}
    needs = await needing.find(session, offering.visit_type, zones, offering.closed)
    unwished_at = {place: spans[zone] for place, zone in zones.items() if spans}
    return Field(offering, sorted(stands, key=_place_in_order), needs, unwished_at)


def _place_in_order(stand: Stand) -> tuple[int, int]:
    return stand.doctor_id.int, min(place.int for place in stand.zones)


def ticks_of(around: Around) -> range:
    return range(tick_from(around.first), tick_from(around.last))


async def free_in(session: AsyncSession, field: Field, around: Around, until: datetime | None = None) -> list[Free]:
    """Whatever is free, earliest first. Of a family, all but the first may come until later."""
    if not field.stands:
        return []
    end = until or around.last
    seen = replace(around, last=min(end, shifted(around.last, _reach(field, around)))) if until else around
    facts, counted = await gather(session, field.offering, field.stands, field.needs, seen)
    how = _How(around, field.unwished, tick_from(end))
    found = [
        free
        for stand, theirs in zip(field.stands, facts, strict=True)
        for free in (_families(stand, theirs, how, counted) if around.family else _singles(stand, theirs[0], how))
    ]
    return sorted(found, key=lambda free: free.ticks[0])


class _How(NamedTuple):
    """Where and when something is to be free; `until` is for all but the first of a family."""

    around: Around
    unwished: Mapping[UUID, Sequence[Span]]
    until: int


def _singles(stand: Stand, facts: Facts, how: _How) -> Iterator[Free]:
    found = free_ticks(facts, stand.terms.rules, ticks_of(how.around), how.around.now,
                       location_id=how.around.location_id, unwished=how.unwished)  # fmt: skip
    return (Free((tick,), stand, place) for tick, place in found)


def _families(stand: Stand, facts: Sequence[Facts], how: _How, counted: counting.Counted) -> Iterator[Free]:
    found = consecutive(facts, stand.terms.rules, ticks_of(how.around), how.around.now,
                        location_id=how.around.location_id, unwished=how.unwished, until=how.until)  # fmt: skip
    bears = counted.bears(stand)
    return (Free(ticks, stand, place) for ticks, place in found if bears(ticks))


def _reach(field: Field, around: Around) -> timedelta:
    """How much later than the first the last of a family may start."""
    rules = [stand.terms.rules for stand in field.stands]
    step = max(
        each.length_minutes + each.buffer_after_minutes + each.buffer_before_minutes + each.grid_minutes
        for each in rules
    )
    return timedelta(minutes=step * (len(around.comers) - 1))
