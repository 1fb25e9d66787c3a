"""What booking means, tick by tick and with no database: a few lists and a dictionary. It shares no code with what it
is compared with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# By doctor, the minutes of every day of the wall clock from which and until which they see patients.
HOURS: Mapping[int, Sequence[tuple[int, int]]] = {0: ((540, 660), (690, 780)), 1: ((570, 750),)}
UPCOMING = ("pending", "booked")
HOLDING = (*UPCOMING, "arrived", "fulfilled")
HOLD_LASTS, UNDONE_WITHIN = timedelta(minutes=5), timedelta(minutes=10)
MOST_UPCOMING, MOST_HOLDS = 6, 2
ORDER = (
    "in_the_past", "too_soon", "too_far_ahead", "off_grid", "length_not_allowed", "not_offered", "outside_hours",
    "on_leave", "daily_limit", "patient_limit", "quota_reached", "patient_busy", "slot_taken", "buffer", "room_taken",
    "session_full",
)  # fmt: skip
Who = tuple[str, int]
ROOM: Who = ("room", 0)


class Refused(Exception):
    """A step that must be refused, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Kind:
    """The rules of a visit type, in minutes and days."""

    length: int
    grid: int = 30
    offset: int = 0
    allowed: tuple[int, ...] = ()
    before: int = 0
    after: int = 0
    notice: int = 0
    window: int = 365
    daily: int | None = None
    per_patient: int | None = None
    takes_room: bool = False
    doctors: tuple[int, ...] = (0, 1)


@dataclass(frozen=True)
class Change:
    """The last that was done with a visit."""

    action: str
    at: datetime
    status_before: str
    by: int | None


@dataclass(eq=False)
class Meeting:
    """A group session."""

    doctor: int
    kind: str
    start: datetime
    end: datetime
    before: int
    after: int
    capacity: int
    takes_room: bool
    is_on: bool = True
    id: Any = None


@dataclass(eq=False)
class Visit:
    """`before` and `after` are the buffers that it was booked with. A hold that ran out is pending until somebody ends
    it, which makes it expired."""

    doctor: int
    patient: int
    kind: str
    start: datetime
    end: datetime
    before: int
    after: int
    status: str = "booked"
    hold_until: datetime | None = None
    is_extended: bool = False
    is_extra: bool = False
    takes_room: bool = False
    meeting: Meeting | None = None
    seat: int | None = None
    series: int | None = None
    number: int | None = None
    needs_attention: bool = False
    done_at: datetime | None = None
    last: Change | None = None
    id: Any = None


@dataclass(frozen=True)
class Ask:
    """Time that somebody wants. `by` is the patient who asks, None the desk."""

    doctor: int
    patient: int | None
    kind: str
    start: datetime
    end: datetime | None = None
    by: int | None = None
    is_held: bool = False
    is_extra: bool = False
    any_length: bool = False
    any_start: bool = False
    ignoring: Visit | Meeting | None = None


@dataclass
class Model:
    """The whole clinic at one moment."""

    kinds: dict[str, Kind]
    now: datetime
    visits: list[Visit] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    leaves: list[tuple[int, datetime, datetime]] = field(default_factory=list)

    def is_live(self, visit: Visit) -> bool:
        return visit.status in HOLDING and not self.is_over(visit)

    def is_over(self, visit: Visit) -> bool:
        """Whether it is a hold whose time has run out."""
        return visit.status == "pending" and visit.hold_until is not None and visit.hold_until <= self.now

    def live(self, ignoring: Visit | Meeting | None = None) -> Iterator[Visit]:
        return (visit for visit in self.visits if visit is not ignoring and self.is_live(visit))

    def busy(self, ignoring: Visit | Meeting | None = None) -> dict[tuple[Who, int], bool]:
        """Every tick that somebody has, and whether it is buffer. Nobody has one twice."""
        found: dict[tuple[Who, int], bool] = {}
        taken = [each for visit in self.live(ignoring) for each in ticks_of(visit)]
        taken += [each for meeting in self.meetings if meeting is not ignoring for each in ticks_of_meeting(meeting)]
        for who, tick, is_buffer in taken:
            assert (who, tick) not in found, f"the model itself books {who} twice at {instant_of(tick)}"
            found[who, tick] = is_buffer
        return found

    def why_not(self, ask: Ask, busy: Mapping[tuple[Who, int], bool] | None = None) -> str | None:
        """The first reason in the table of the design that applies; without one the time can be had."""
        kind = self.kinds[ask.kind]
        end = ask.end or ask.start + kind.length * MINUTE
        busy = self.busy(ask.ignoring) if busy is None else busy
        others, doctor, patient = list(self.live(ask.ignoring)), ("doctor", ask.doctor), ("patient", ask.patient or 0)
        theirs = [visit for visit in others if visit.patient == ask.patient and visit.start > self.now]
        is_any_length = ask.any_length or ask.by is None or (end - ask.start) // MINUTE in {kind.length, *kind.allowed}
        core = range(tick_of(ask.start), tick_of(end))
        wide = range(core.start - kind.before // 5, core.stop + kind.after // 5)
        is_alone = ask.is_extra
        applies: Mapping[str, Callable[[], bool]] = {
            "in_the_past": lambda: ask.start < self.now,
            "too_soon": lambda: not ask.any_start and ask.start < self.now + kind.notice * MINUTE,
            "too_far_ahead": lambda: ask.start > self.now + kind.window * DAY,
            "off_grid": lambda: self._is_off_grid(ask, kind, end),
            "length_not_allowed": lambda: not is_any_length,
            "not_offered": lambda: ask.doctor not in kind.doctors,
            "outside_hours": lambda: not any(start <= ask.start and end <= stop for start, stop in opening(ask)),
            "on_leave": lambda: self.is_on_leave(ask.doctor, ask.start, end),
            "daily_limit": lambda: kind.daily is not None
            and sum(v.doctor == ask.doctor and v.kind == ask.kind and day(v.start) == day(ask.start) for v in others)
            >= kind.daily,
            "patient_limit": lambda: kind.per_patient is not None
            and ask.patient is not None
            and sum(visit.kind == ask.kind for visit in theirs) >= kind.per_patient,
            "quota_reached": lambda: ask.by is not None
            and (
                len(theirs) >= MOST_UPCOMING
                or (ask.is_held and sum(visit.status == "pending" for visit in theirs) >= MOST_HOLDS)
            ),
            "patient_busy": lambda: ask.patient is not None and any((patient, tick) in busy for tick in core),
            "slot_taken": lambda: not is_alone and any(busy.get((doctor, tick)) is False for tick in core),
            "buffer": lambda: not is_alone and any((doctor, tick) in busy for tick in wide),
            "room_taken": lambda: kind.takes_room and any((ROOM, tick) in busy for tick in wide),
        }  # fmt: skip
        return next((code for code, does_apply in applies.items() if does_apply()), None)

    def is_on_leave(self, doctor: int, start: datetime, end: datetime) -> bool:
        return any(who == doctor and first < end and start < last for who, first, last in self.leaves)

    def free(self, doctor: int, patient: int | None, kind: str, by: int | None, days: Iterable[date]) -> list[datetime]:
        """Every time on those days that they can have."""
        busy = self.busy()
        starts = (wall(on, minute) for on in days for minute in range(9 * 60, 13 * 60 + 30, 5))
        return [
            start
            for start in starts
            if self.why_not(Ask(doctor, patient, kind, start, by=by, any_length=True), busy) is None
        ]

    def book(self, ask: Ask, **marks: Any) -> Visit:
        if code := self.why_not(ask):
            raise Refused(code)
        return self.put(ask, **marks)

    def put(self, ask: Ask, **marks: Any) -> Visit:
        kind = self.kinds[ask.kind]
        assert ask.patient is not None
        visit = Visit(
            ask.doctor, ask.patient, ask.kind, ask.start, ask.end or ask.start + kind.length * MINUTE, kind.before,
            kind.after, "pending" if ask.is_held else "booked", self.now + HOLD_LASTS if ask.is_held else None,
            is_extra=ask.is_extra, takes_room=kind.takes_room, **marks,
        )  # fmt: skip
        self.visits.append(visit)
        return visit

    def move(self, visit: Visit, ask: Ask) -> None:
        """Give it the time that is asked for, which it can have."""
        if code := self.why_not(ask):
            raise Refused(code)
        kind = self.kinds[ask.kind]
        self.done(visit, "reschedule", ask.by)
        visit.doctor, visit.kind, visit.start = ask.doctor, ask.kind, ask.start
        visit.end = ask.end or ask.start + kind.length * MINUTE
        visit.before, visit.after, visit.takes_room, visit.is_extra = kind.before, kind.after, kind.takes_room, False
        visit.needs_attention = False

    def done(self, visit: Visit, action: str, by: int | None) -> None:
        visit.last = Change(action, self.now, visit.status, by)

    def give_up(self, visit: Visit, by: int | None) -> None:
        self.done(visit, "cancel", by)
        visit.status, visit.hold_until, visit.seat, visit.needs_attention = "cancelled", None, None, False

    def free_seat(self, meeting: Meeting) -> int | None:
        taken = {visit.seat for visit in self.visits if visit.meeting is meeting}
        return next((seat for seat in range(meeting.capacity) if seat not in taken), None)

    def change_leave(self, doctor: int, leaves: list[tuple[int, datetime, datetime]]) -> list[Visit]:
        """Put these in the place of the doctor's leave; the visits that lose their ground by it, which are marked."""
        before = {id(visit): self.is_on_leave(doctor, visit.start, visit.end) for visit in self.visits}
        self.leaves = leaves
        lost = []
        for visit in self.live():
            if visit.doctor != doctor or visit.status not in UPCOMING or visit.end <= self.now:
                continue
            is_off = self.is_on_leave(doctor, visit.start, visit.end)
            if is_off and not before[id(visit)]:
                lost.append(visit)
            if not is_off or not before[id(visit)]:
                visit.needs_attention = is_off
        return lost

    def rehearsal(self) -> "Model":
        """A copy to try things on; visits are copied, what they belong to is not."""
        return replace(self, visits=[replace(visit) for visit in self.visits])

    @staticmethod
    def _is_off_grid(ask: Ask, kind: Kind, end: datetime) -> bool:
        if (ask.start - EPOCH) % TICK or (end - EPOCH) % TICK:
            return True
        grid, offset = (5, 0) if ask.is_extra or ask.any_start else (kind.grid, kind.offset)
        since = [(ask.start - first) // MINUTE - offset for first, last in opening(ask) if first <= ask.start < last]
        return bool(since) and not any(minutes >= 0 and minutes % grid == 0 for minutes in since)


def first_in_order(codes: Iterable[str]) -> str:
    return min(codes, key=ORDER.index)


def wall(on: date, minute: int) -> datetime:
    """The instant at which the clock on the wall shows that minute of the day."""
    return datetime.combine(on, time(minute // 60, minute % 60), ZONE).astimezone(UTC)


def day(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def on_the_wall(instant: datetime) -> datetime:
    return instant.astimezone(ZONE).replace(tzinfo=None)


def opening(ask: Ask) -> list[tuple[datetime, datetime]]:
    """When the doctor sees patients on that day."""
    return [(wall(day(ask.start), first), wall(day(ask.start), last)) for first, last in HOURS[ask.doctor]]


def tick_of(instant: datetime) -> int:
    return (instant - EPOCH) // TICK


def instant_of(tick: int) -> datetime:
    return EPOCH + tick * TICK


def end_of(visit: Visit) -> int:
    """The tick from which its time is free again: who is done early leaves what has not begun."""
    end = tick_of(visit.end)
    return end if visit.done_at is None else min(end, -((EPOCH - visit.done_at) // TICK))


def ticks_of(visit: Visit) -> Iterator[tuple[Who, int, bool]]:
    first, last = tick_of(visit.start), end_of(visit)
    yield from ((("patient", visit.patient), tick, False) for tick in range(first, last))
    if visit.meeting is None:
        whom: list[Who] = [] if visit.is_extra else [("doctor", visit.doctor)]
        yield from _widened([*whom, *([ROOM] if visit.takes_room else [])], first, last, visit.before, visit.after)


def ticks_of_meeting(meeting: Meeting) -> Iterator[tuple[Who, int, bool]]:
    if meeting.is_on:
        whom: list[Who] = [("doctor", meeting.doctor), *([ROOM] if meeting.takes_room else [])]
        first, last = tick_of(meeting.start), tick_of(meeting.end)
        yield from _widened(whom, first, last, meeting.before, meeting.after)


def _widened(whom: Iterable[Who], first: int, last: int, before: int, after: int) -> Iterator[tuple[Who, int, bool]]:
    for who in whom:
        for tick in range(first - before // 5, last + after // 5):
            yield who, tick, not first <= tick < last
