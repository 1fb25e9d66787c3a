"""A calendar into hours. Whatever hours cannot be is refused, by the name of the component that says it."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from icalendar import Availability, Available, Component, Event

from appointed.availability.rules import HoursKind
from appointed.availability.service import LONGEST_RELEASE_MINUTES, STEP_MINUTES, WeeklyHours
from appointed.core.errors import Field, Invalid

from .names import BREAK, LOCATION, RELEASE, VISIT_TYPE
from .parts import SKIPPED, CalendarTooLarge, Part, calendar_of
from .repeating import Validity, validities
from .unfit import Unfit
from .walls import Wall, wall_of

__all__ = ["CalendarTooLarge", "Said", "read"]

NOT_REPRESENTABLE = "not_representable"
MOST_WRONG = 50
LONGEST_CLOSED = timedelta(days=400)
MOST_VISIT_TYPES = 100
_NEVER = ("EXDATE", "RDATE", "EXRULE", "RECURRENCE-ID")
_KINDS: dict[str, type[Component]] = {"AVAILABLE": Available, "VAVAILABILITY": Availability, "VEVENT": Event}
_LOWEST = 10
# The library goes by the zone and drops the Z.
_OF_TWO_CLOCKS = re.compile(r"DT(START|END);.*TZID=.*Z$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """Hours that a component speaks of; their location is not looked up yet. `zone` is whose wall clock they go by."""

    path: str
    hours: WeeklyHours
    zone: str
    location_id: UUID | None
    location: str | None

    @property
    def is_unplaced(self) -> bool:
        return self.location_id is None and self.location is None


def read(content: bytes) -> list[Said]:
    """The hours in an iCalendar document; `Invalid` with every component that cannot be such hours."""
    calendar = calendar_of(content)
    wrong: list[Field] = []
    said = [each for part in _readable(calendar, wrong) for each in _collected(part, wrong)]
    if wrong:
        raise Invalid(fields=wrong[:MOST_WRONG])
    return said


@dataclass(frozen=True, slots=True)
class _Task:
    """A component that says something of hours, and what reads it."""

    path: str
    run: Callable[[], Iterable[Said]]


def _readable(calendar: Part, wrong: list[Field]) -> Iterator[_Task]:
    bases = [part for part in calendar.parts if part.name == "VAVAILABILITY" and part.parts]
    for part in calendar.parts:
        if part.name == SKIPPED or part.name.startswith("X-"):
            continue
        if part.name == "VEVENT":
            yield _Task(part.path, partial(_break, part))
        elif part.name != "VAVAILABILITY":
            wrong.append(Field(part.path, NOT_REPRESENTABLE, f"Hours have no {part.name}."))
        elif not part.parts:
            yield _Task(part.path, partial(_closed, part, bases))
        elif part is not bases[0]:
            detail = "Only one VAVAILABILITY may have something AVAILABLE in it."
            wrong.append(Field(part.path, NOT_REPRESENTABLE, detail))
        else:
            yield from _available(part, wrong)


def _collected(task: _Task, wrong: list[Field]) -> list[Said]:
    try:
        return list(task.run())
    except Unfit as error:
        wrong.append(_field(task.path, error))
        return []


def _field(path: str, error: Unfit) -> Field:
    return Field(f"{path}.{error.name}" if error.name else path, NOT_REPRESENTABLE, str(error))


def _available(base: Part, wrong: list[Field]) -> Iterator[_Task]:
    try:
        head = _head(base)
    except Unfit as error:
        wrong.append(_field(base.path, error))
        return
    for part in base.parts:
        if part.name == "AVAILABLE":
            yield _Task(part.path, partial(_open, part, head))
        else:
            wrong.append(Field(part.path, NOT_REPRESENTABLE, f"Hours have no {part.name}."))


def _head(base: Part) -> Component:
    """What is said of all that is available in it."""
    head = _parsed(base)
    if {"DTSTART", "DTEND", "DURATION"} & set(head):
        raise Unfit("DTSTART", "What holds for a while is said by UNTIL of what is AVAILABLE.")
    return head


def _open(part: Part, base: Component) -> Iterator[Said]:
    component = _parsed(part)
    rule = _one(component, "RRULE")
    place = component if {LOCATION, "LOCATION"} & set(component) else base
    for valid in validities(component, rule, wall_of(component)):
        kind = HoursKind.OPEN if rule else HoursKind.EXTRA
        hours = replace(_hours(valid, wall_of(component), kind), visit_type_ids=_visit_types(component),
                        release_minutes=_release(component))  # fmt: skip
        yield _said(part, hours, wall_of(component), place)


def _break(part: Part) -> Iterator[Said]:
    component = _parsed(part)
    if BREAK not in _categories(component):
        raise Unfit("CATEGORIES", "Of events, only breaks are part of hours: CATEGORIES:BREAK.")
    if _text(component, "TRANSP", "OPAQUE") != "OPAQUE" or _text(component, "STATUS", "CONFIRMED") == "CANCELLED":
        raise Unfit("TRANSP", "A break that takes no time is none.")
    _check_unlimited(component)
    for valid in validities(component, _one(component, "RRULE"), wall_of(component)):
        yield _said(part, _hours(valid, wall_of(component), HoursKind.BREAK), wall_of(component), component)


def _closed(part: Part, bases: list[Part]) -> Iterator[Said]:
    """A day, or several that are closed from end to end; none if it is only that nothing is ever available."""
    component = _parsed(part)
    if "DTSTART" not in component and _priority(component) == _LOWEST:
        return
    wall = wall_of(component, longest=LONGEST_CLOSED)
    lower = _priority(_parsed(bases[0])) if bases else _LOWEST
    if _priority(component) >= lower and bases:
        raise Unfit("PRIORITY", "What is closed has a higher priority than what is AVAILABLE: a lower number.")
    if _text(component, "BUSYTYPE", "BUSY-UNAVAILABLE") == "BUSY-TENTATIVE":
        raise Unfit("BUSYTYPE", "A day is closed or it is not.")
    _check_unlimited(component)
    for each in wall.by_day():
        day = each.start.date()
        yield _said(part, _hours(Validity(day.weekday(), day, day), each, HoursKind.CLOSED), wall, component)


def _parsed(part: Part) -> Component:
    try:
        component = _KINDS[part.name].from_ical(part.block)
    except Exception as error:
        # The library stumbles in many ways, each over what was sent.
        raise Unfit("", f"It cannot be read ({type(error).__name__}).") from None
    if not isinstance(component, Component) or component.errors:
        raise Unfit("", "It has a part that cannot be read.")
    if part.name != "VAVAILABILITY" and part.parts and any(each.name != "VALARM" for each in part.parts):
        raise Unfit("", "There is something in it that hours cannot have.")
    if any(_OF_TWO_CLOCKS.match(line) for line in part.lines):
        raise Unfit("DTSTART", "A time of a TZID is none of UTC.")
    for name in _NEVER:
        if name in component:
            raise Unfit(name, "An exception is a closed day or hours of its own.")
    return component


def _one(component: Component, name: str) -> Any:
    value = component.get(name)
    if isinstance(value, list):
        raise Unfit(name, "It is said more than once.")
    return value


def _text(component: Component, name: str, usual: str) -> str:
    return str(_one(component, name) or usual).upper()


def _categories(component: Component) -> set[str]:
    value = _one(component, "CATEGORIES")
    return {str(each).upper() for each in value.cats} if value is not None else set()


def _priority(component: Component) -> int:
    """From 1, the highest, to 10, which is none (RFC 7953 section 3.2)."""
    value = _one(component, "PRIORITY")
    return int(value) or _LOWEST if value is not None else _LOWEST


def _check_unlimited(component: Component) -> None:
    for name in (VISIT_TYPE, RELEASE):
        if name in component:
            raise Unfit(name, "What takes time away takes it from every visit type.")


def _visit_types(component: Component) -> frozenset[UUID]:
    values = component.get(VISIT_TYPE, [])
    try:
        found = frozenset(UUID(str(each)) for each in (values if isinstance(values, list) else [values]))
    except ValueError:
        raise Unfit(VISIT_TYPE, "It is no id.") from None
    if len(found) > MOST_VISIT_TYPES:
        raise Unfit(VISIT_TYPE, f"There are {MOST_VISIT_TYPES} at the most.")
    return found


def _release(component: Component) -> int | None:
    value = _one(component, RELEASE)
    if value is None:
        return None
    text = str(value)
    minutes = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if minutes % STEP_MINUTES or not 0 < minutes <= LONGEST_RELEASE_MINUTES:
        raise Unfit(RELEASE, f"It is a multiple of {STEP_MINUTES}, and {LONGEST_RELEASE_MINUTES} at the most.")
    return minutes


def _hours(valid: Validity, wall: Wall, kind: HoursKind) -> WeeklyHours:
    start = wall.start.hour * 60 + wall.start.minute
    return WeeklyHours(valid.weekday, start, start + wall.minutes, valid.first, valid.last, kind=kind)


def _said(part: Part, hours: WeeklyHours, wall: Wall, place: Component) -> Said:
    text, name = _one(place, LOCATION), _one(place, "LOCATION")
    try:
        location_id = UUID(str(text)) if text is not None else None
    except ValueError:
        raise Unfit(LOCATION, "It is no id.") from None
    return Said(part.path, hours, wall.zone, location_id, str(name) if name is not None else None)
