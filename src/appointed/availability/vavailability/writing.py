"""Hours into a calendar."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from icalendar import Availability, Available, Calendar, Component, Event, Timezone

from appointed.availability.rules import HoursKind
from appointed.availability.service import WeeklyHours

from .names import BREAK, LOCATION, OPEN_END, RELEASE, VALID, VISIT_TYPE, WEEKDAYS, first_day, instant_at, last_day
from .placing import Place

PRODID = "-//Appointed//Hours//EN"
SUMMARIES = {
    HoursKind.OPEN: "Open", HoursKind.EXTRA: "Open on this day", HoursKind.BREAK: "Break", HoursKind.CLOSED: "Closed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """Hours that are to be written, where they are, and the id of the row that says so."""

    id: UUID
    hours: WeeklyHours
    place: Place


def write(doctor_id: UUID, rows: Iterable[Written], now: datetime) -> bytes:
    """The doctor's hours as an iCalendar document."""
    calendar, base = Calendar(), Availability()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    base.add("uid", str(doctor_id))
    base.add("dtstamp", now)
    beside: list[Component] = []
    written = [row for row in rows if not _is_never(row.hours)]
    for row in written:
        component = _component(row, now)
        if isinstance(component, Available):
            base.add_component(component)
        else:
            beside.append(component)
    zones = sorted({row.place.timezone for row in written} - {"UTC"})
    for component in (*map(Timezone.from_tzid, zones), base, *beside):
        calendar.add_component(component)
    return bytes(calendar.to_ical())


def _is_never(hours: WeeklyHours) -> bool:
    """Whether no such weekday lies within the validity."""
    return hours.valid_until is not None and first_day(hours.valid_from, hours.weekday) > hours.valid_until


def _component(row: Written, now: datetime) -> Component:
    hours, component = row.hours, _KINDS[row.hours.kind]()
    day = first_day(hours.valid_from, hours.weekday)
    component.add("uid", str(row.id))
    component.add("dtstamp", now)
    component.add("summary", SUMMARIES[hours.kind])
    _add_wall(component, "dtstart", day, hours.start_minute, row.place.timezone)
    _add_wall(component, "dtend", day, hours.end_minute, row.place.timezone)
    if hours.kind in (HoursKind.OPEN, HoursKind.BREAK):
        _add_rule(component, hours, row.place.timezone)
    if hours.kind is HoursKind.BREAK:
        component.add("categories", [BREAK])
        component.add("transp", "OPAQUE")
    if hours.kind is HoursKind.CLOSED:
        component.add("priority", 1)
    component.add("location", row.place.name)
    component.add(LOCATION, str(row.place.id))
    for visit_type_id in sorted(hours.visit_type_ids):
        component.add(VISIT_TYPE, str(visit_type_id))
    if hours.release_minutes is not None:
        component.add(RELEASE, str(hours.release_minutes))
    return component


_KINDS: dict[HoursKind, type[Component]] = {
    HoursKind.OPEN: Available, HoursKind.EXTRA: Available, HoursKind.BREAK: Event, HoursKind.CLOSED: Availability,
}  # fmt: skip


def _add_wall(component: Component, name: str, day: date, minute: int, zone: str) -> None:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    if zone == "UTC":
        component.add(name, wall.replace(tzinfo=UTC))
    else:
        component.add(name, wall, parameters={"TZID": zone})


def _add_rule(component: Component, hours: WeeklyHours, zone: str) -> None:
    rule: dict[str, list[object]] = {"FREQ": ["WEEKLY"], "BYDAY": [WEEKDAYS[hours.weekday]]}
    if hours.valid_until is not None:
        rule["UNTIL"] = [instant_at(last_day(hours.valid_until, hours.weekday), hours.start_minute, zone)]
    component.add("rrule", rule)
    ends = (hours.valid_from, hours.valid_until)
    component.add(VALID, "/".join(f"{end:%Y%m%d}" if end else OPEN_END for end in ends))
