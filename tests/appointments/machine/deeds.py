"""What is done with visits after they are booked, and with several at once, in the plain model."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from .model import (
    DAY,
    HOLD_LASTS,
    MINUTE,
    ROOM,
    TICK,
    UNDONE_WITHIN,
    UPCOMING,
    Ask,
    Meeting,
    Model,
    Refused,
    Visit,
    first_in_order,
    on_the_wall,
    tick_of,
    ticks_of,
    wall,
)

FREEING = ("cancel", "complete", "no-show")
UNDOABLE = (*FREEING, "arrive")


def extend(model: Model, visit: Visit) -> None:
    _check_held(model, visit)
    if visit.is_extended:
        raise Refused("already_extended")
    model.done(visit, "extend", None)
    assert visit.hold_until
    visit.hold_until, visit.is_extended = visit.hold_until + HOLD_LASTS, True


def confirm(model: Model, visit: Visit) -> None:
    if visit.status == "booked":
        return
    _check_held(model, visit)
    model.done(visit, "confirm", None)
    visit.status, visit.hold_until = "booked", None


def reschedule(model: Model, visit: Visit, ask: Ask) -> None:
    """`ask` names what the visit keeps as well; of the same kind, it keeps its length."""
    if visit.meeting:
        raise Refused("not_movable")
    if model.is_over(visit):
        raise Refused("hold_expired")
    if visit.status not in UPCOMING or (ask.by is not None and visit.start <= model.now):
        raise Refused("not_possible_now")
    model.move(visit, ask)


def moving(visit: Visit, start: datetime, doctor: int, kind: str, by: int | None) -> Ask:
    is_alike = kind == visit.kind
    end = start + (visit.end - visit.start) if is_alike else None
    return Ask(doctor, visit.patient, kind, start, end, by, any_length=is_alike, ignoring=visit)


def cancel(model: Model, visit: Visit, by: int | None) -> None:
    if visit.status in ("cancelled", "expired"):
        return
    if visit.status not in UPCOMING or (by is not None and visit.start <= model.now):
        raise Refused("not_cancellable")
    model.give_up(visit, by)


def arrive(model: Model, visit: Visit) -> None:
    if visit.status != "arrived":
        _check_step(visit, "booked")
        model.done(visit, "arrive", None)
        visit.status = "arrived"


def complete(model: Model, visit: Visit) -> None:
    if visit.status != "fulfilled":
        _check_step(visit, "booked", "arrived")
        if visit.status == "booked" and model.now < visit.start:
            raise Refused("not_possible_now")
        model.done(visit, "complete", None)
        visit.status, visit.done_at, visit.needs_attention = "fulfilled", model.now, False


def miss(model: Model, visit: Visit) -> None:
    if visit.status != "noshow":
        _check_step(visit, "booked")
        if model.now < visit.start:
            raise Refused("not_possible_now")
        model.done(visit, "no-show", None)
        visit.status, visit.needs_attention = "noshow", False


def undo(model: Model, visit: Visit, by: int | None) -> None:
    """Patients undo what they cancelled; the desk, what was done in the last minutes."""
    last = visit.last
    if last is None or last.action not in UNDOABLE or last.status_before == "pending":
        raise Refused("not_undoable")
    if last.at + UNDONE_WITHIN < model.now:
        raise Refused("too_late_to_undo")
    if by is not None and (last.action != "cancel" or last.by != by):
        raise Refused("forbidden")
    restored = replace(visit, status=last.status_before, done_at=None)
    if last.action == "cancel" and visit.meeting:
        restored.seat = _seat_again(model, visit.meeting)
    if last.action in FREEING:
        kind = model.kinds[visit.kind]
        restored.before, restored.after = kind.before, kind.after
        _check_free(model, visit, restored)
    if last.action == "cancel":
        restored.needs_attention = model.is_on_leave(visit.doctor, visit.start, visit.end)
    model.done(restored, "undo", by)
    vars(visit).update(vars(restored))


def book_series(model: Model, ask: Ask, days: int, series: int) -> list[Visit]:
    """One on each of the days from the first on, at the same time of the wall clock."""
    tried, codes = model.rehearsal(), []
    for number in range(days):
        start = wall_later(ask.start, number * DAY)
        one = replace(ask, start=start, end=ask.end and start + (ask.end - ask.start))
        try:
            tried.book(one, series=series, number=number + 1)
        except Refused as refused:
            codes.append(refused.code)
    if codes:
        raise Refused(first_in_order(codes))
    booked = tried.visits[len(model.visits) :]
    model.visits += booked
    return booked


def cancel_series(model: Model, series: int, first: int, by: int | None) -> None:
    for visit in changeable(model, series, first, by):
        model.give_up(visit, by)


def move_series(model: Model, series: int, first: int, start: datetime, by: int | None) -> None:
    """All by as much of the wall clock as the first of them."""
    visits = changeable(model, series, first, by)
    if not visits:
        raise Refused("not_possible_now")
    by_so_much = on_the_wall(start) - on_the_wall(visits[0].start)
    is_later = by_so_much > timedelta(0)
    tried, codes = model.rehearsal(), []
    places = [model.visits.index(visit) for visit in visits]
    for place in reversed(places) if is_later else places:
        visit = tried.visits[place]
        try:
            tried.move(visit, moving(visit, wall_later(visit.start, by_so_much), visit.doctor, visit.kind, by))
        except Refused as refused:
            codes.append(refused.code)
    if codes:
        raise Refused(first_in_order(codes))
    for place in places:
        vars(model.visits[place]).update(vars(tried.visits[place]))


def changeable(model: Model, series: int, first: int, by: int | None) -> list[Visit]:
    theirs = [visit for visit in model.visits if visit.series == series and (visit.number or 0) >= first]
    return [visit for visit in theirs if visit.status in UPCOMING and (by is None or visit.start > model.now)]


def book_family(model: Model, asks: Sequence[Ask]) -> list[Visit]:
    """The first when it asks, each other at the first start on the grid that leaves the buffers their time."""
    tried, codes, ready = model.rehearsal(), [], asks[0].start
    for place, ask in enumerate(asks):
        kind = model.kinds[ask.kind]
        earliest = ready + kind.before * MINUTE if place else ready
        starts = [earliest + step * TICK for step in range(kind.grid // 5 if place else 1)]
        refusals = [tried.why_not(replace(ask, start=start)) for start in starts]
        start = next((at for at, why in zip(starts, refusals, strict=True) if why != "off_grid"), starts[-1])
        try:
            tried.book(replace(ask, start=start))
        except Refused as refused:
            codes.append(refused.code)
        ready = start + (kind.length + kind.after) * MINUTE
    if codes:
        raise Refused(first_in_order(codes))
    booked = tried.visits[len(model.visits) :]
    model.visits += booked
    return booked


def plan(model: Model, meeting: Meeting) -> Meeting:
    ask = Ask(meeting.doctor, None, meeting.kind, meeting.start, meeting.end, any_length=True, any_start=True)
    if code := model.why_not(ask):
        raise Refused(code)
    first, last = tick_of(meeting.start) - meeting.before // 5, tick_of(meeting.end) + meeting.after // 5
    busy = model.busy()
    if meeting.takes_room and any((ROOM, tick) in busy for tick in range(first, last)):
        raise Refused("room_taken")
    model.meetings.append(meeting)
    return meeting


def join(model: Model, meeting: Meeting, patient: int, by: int | None) -> Visit:
    if not meeting.is_on:
        raise Refused("session_cancelled")
    ask = Ask(meeting.doctor, patient, meeting.kind, meeting.start, meeting.end, by, is_extra=True, any_length=True,
              ignoring=meeting)  # fmt: skip
    if code := model.why_not(ask):
        raise Refused(code)
    seat = model.free_seat(meeting)
    if seat is None:
        raise Refused("session_full")
    return model.put(replace(ask, is_extra=False), meeting=meeting, seat=seat)


def call_off(model: Model, meeting: Meeting) -> None:
    if meeting.is_on:
        meeting.is_on = False
        for visit in model.visits:
            if visit.meeting is meeting and visit.status in UPCOMING:
                model.give_up(visit, None)


def wall_later(instant: datetime, by: timedelta) -> datetime:
    later = on_the_wall(instant) + by
    return wall(later.date(), later.hour * 60 + later.minute)


def _check_held(model: Model, visit: Visit) -> None:
    if visit.status == "expired" or model.is_over(visit):
        raise Refused("hold_expired")
    _check_step(visit, "pending")


def _check_step(visit: Visit, *froms: str) -> None:
    if visit.status not in froms:
        raise Refused("not_possible_now")


def _seat_again(model: Model, meeting: Meeting) -> int:
    if not meeting.is_on:
        raise Refused("session_cancelled")
    seat = model.free_seat(meeting)
    if seat is None:
        raise Refused("session_full")
    return seat


def _check_free(model: Model, visit: Visit, restored: Visit) -> None:
    """Its time is nobody else's, in the order in which a booking would be refused."""
    busy, codes = model.busy(visit), set()
    for who, tick, is_buffer in ticks_of(restored):
        if (who, tick) not in busy:
            continue
        if who[0] == "doctor":
            codes.add("buffer" if is_buffer or busy[who, tick] else "slot_taken")
        else:
            codes.add("patient_busy" if who[0] == "patient" else "room_taken")
    if codes:
        raise Refused(first_in_order(codes))
