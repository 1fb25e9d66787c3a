"""Which location a calendar means."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from appointed.availability.rules import HoursKind
from appointed.availability.service import WeeklyHours
from appointed.core.errors import Field, Invalid

from .reading import NOT_REPRESENTABLE, Said


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be known of a location."""

    id: UUID
    name: str
    timezone: str
    is_default: bool = False


def placed(said: Sequence[Said], places: Sequence[Place]) -> list[WeeklyHours]:
    """The hours at their locations: by id, else by name; where none is named, at the default one, and what is closed
    everywhere. `Invalid` with the components whose location is not known, or has another clock than they."""
    found: list[WeeklyHours] = []
    wrong: list[Field] = []
    everywhere = {place.id: place for each in said if each.hours.kind is not HoursKind.CLOSED
                  for place in _meant(each, places)}  # fmt: skip
    for each in said:
        meant = list(_meant(each, places))
        if each.is_unplaced and each.hours.kind is HoursKind.CLOSED and everywhere:
            meant = list(everywhere.values())
        if not meant:
            wrong.append(Field(f"{each.path}.LOCATION", "unknown", "There is no such location, or there are several."))
        for place in meant:
            if place.timezone != each.zone:
                detail = f"The clock of {place.name} is {place.timezone}, and not {each.zone}."
                wrong.append(Field(f"{each.path}.DTSTART", NOT_REPRESENTABLE, detail))
            found.append(replace(each.hours, location_id=place.id))
    if wrong:
        raise Invalid(fields=wrong[:50])
    return found


def _meant(said: Said, places: Iterable[Place]) -> Iterator[Place]:
    """None, or one."""
    if said.is_unplaced:
        yield from (place for place in places if place.is_default)
        return
    by_id = [place for place in places if place.id == said.location_id]
    by_name = [place for place in places if place.name == said.location]
    meant = by_id or by_name
    if len(meant) == 1:
        yield meant[0]
