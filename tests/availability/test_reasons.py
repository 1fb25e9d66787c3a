"""Breaks, holidays, leave, hours kept back, limits, travel and rooms: what refuses a visit, and what is named first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from appointed.availability.rules import ALWAYS, Hours, HoursKind, Reason, Span, first_of, free_starts, verdict

from .asks import ANY_LENGTH, EXTRA, USUAL, Ask, rules, span
from .oracle import ORDER
from .worlds import ELSEWHERE, HILL, LAKE, MONDAY, ROOMS, SURGERY, at, hours

OPEN = hours("09:00", "12:00")
NIGHT = replace(hours("20:00", "26:00"), weekday=6)
WAIVED = {"waived": True}
AT_LAKE = {"location_id": LAKE}
HOLIDAY = frozenset({MONDAY.date()})
TWO_PLACES = (OPEN, hours("09:00", "12:00", LAKE))


def a_break(start: str, end: str, location_id: UUID = HILL) -> Hours:
    return replace(hours(start, end, location_id), kind=HoursKind.BREAK)


def closed(start: str, end: str, location_id: UUID = HILL) -> Hours:
    return replace(hours(start, end, location_id), kind=HoursKind.CLOSED)


def extra(start: str, end: str, **changes: Any) -> Hours:
    return replace(hours(start, end), kind=HoursKind.EXTRA, **changes)


def kept(start: str, end: str, minutes: int, **changes: Any) -> Hours:
    return replace(hours(start, end), release_minutes=minutes, **changes)


def rooms(*busy: Sequence[Span], at: UUID = HILL) -> Mapping[UUID, Sequence[Mapping[UUID, Sequence[Span]]]]:
    """One need of rooms, each busy as given."""
    return {at: [dict(zip(ROOMS, busy, strict=False))]}


BUSY, FREE = (span("08:00", "13:00"),), ()

CASES: dict[str, tuple[Ask, Reason | None]] = {
    # Breaks, closed hours, blocks
    "a break in its midst": (Ask(hours=(OPEN, a_break("10:10", "10:15"))), Reason.OUTSIDE_HOURS),
    "a break all around": (Ask(hours=(OPEN, a_break("08:00", "13:00"))), Reason.OUTSIDE_HOURS),
    "a break right before and one right after": (
        Ask(hours=(OPEN, a_break("09:30", "10:00"), a_break("10:30", "11:00"))),
        None,
    ),
    "a break leaves the grid as it was": (Ask("10:30", "11:00", hours=(OPEN, a_break("09:45", "10:10"))), None),
    "a break does not begin a grid": (Ask("10:10", "10:40", hours=(OPEN, a_break("09:45", "10:10"))), Reason.OFF_GRID),
    "a break elsewhere": (Ask(hours=(OPEN, a_break("10:00", "10:30", LAKE))), None),
    "a break on another weekday": (Ask(hours=(OPEN, replace(a_break("10:00", "10:30"), weekday=1))), None),
    "a break takes the time of every visit type": (
        Ask(hours=(OPEN, replace(a_break("10:00", "10:30"), visit_type_ids=frozenset({SURGERY})))),
        Reason.OUTSIDE_HOURS,
    ),
    "a break over midnight": (
        Ask(
            "00:00",
            "00:30",
            now="-1d 06:00",
            hours=(hours("00:00", "05:00"), replace(a_break("23:00", "24:30"), weekday=6)),
        ),
        Reason.OUTSIDE_HOURS,
    ),
    "buffers may lie in a break": (
        Ask(hours=(OPEN, a_break("09:00", "10:00")), rules=rules(buffer_before_minutes=30)),
        None,
    ),
    "closed hours": (Ask(hours=(OPEN, closed("00:00", "24:00"))), Reason.OUTSIDE_HOURS),
    "closed hours elsewhere": (Ask(hours=(OPEN, closed("00:00", "24:00", LAKE))), None),
    "breaks are no hours": (Ask(hours=(a_break("09:00", "12:00"), closed("09:00", "12:00"))), Reason.OUTSIDE_HOURS),
    "extra hours go over breaks": (Ask(hours=(extra("09:00", "12:00"), a_break("10:00", "10:30"))), None),
    "extra hours do not go over closed hours": (
        Ask(hours=(extra("09:00", "12:00"), closed("10:00", "10:30"))),
        Reason.OUTSIDE_HOURS,
    ),
    "open hours in a break beside extra hours": (
        Ask(hours=(OPEN, a_break("10:00", "10:30"), extra("10:00", "10:30"))),
        None,
    ),
    "a block in its midst": (Ask(blocks=(span("10:10", "10:15"),)), Reason.OUTSIDE_HOURS),
    "a block over extra hours": (
        Ask(hours=(extra("09:00", "12:00"),), blocks=(span("10:25", "10:30"),)),
        Reason.OUTSIDE_HOURS,
    ),
    "a block is everywhere": (
        Ask(hours=TWO_PLACES, blocks=(span("10:25", "10:30"),), options=AT_LAKE),
        Reason.OUTSIDE_HOURS,
    ),
    "blocks that only touch": (Ask(blocks=(span("09:00", "10:00"), span("10:30", "11:00"))), None),
    # Holidays
    "a holiday": (Ask(hours=(replace(OPEN, holidays=HOLIDAY),)), Reason.HOLIDAY),
    "a holiday on another day": (Ask(hours=(replace(OPEN, holidays=frozenset({date(2025, 6, 3)})),)), None),
    "extra hours on a holiday": (Ask(hours=(extra("09:00", "12:00", holidays=HOLIDAY),)), None),
    "outside the hours of a holiday": (
        Ask("12:00", "12:30", hours=(replace(OPEN, holidays=HOLIDAY),)),
        Reason.OUTSIDE_HOURS,
    ),
    "a holiday at one place, none at the other": (
        Ask(hours=(replace(OPEN, holidays=HOLIDAY), hours("09:00", "12:00", LAKE))),
        None,
    ),
    "a holiday at the place that is asked for": (
        Ask(hours=(replace(OPEN, holidays=HOLIDAY), hours("09:00", "12:00", LAKE)), options={"location_id": HILL}),
        Reason.HOLIDAY,
    ),
    "extra hours that do not hold the whole visit on a holiday": (
        Ask(hours=(replace(OPEN, holidays=HOLIDAY), extra("10:00", "10:25"))),
        Reason.HOLIDAY,
    ),
    "extra hours one after the other on a holiday": (
        Ask(hours=(replace(OPEN, holidays=HOLIDAY), extra("09:30", "10:10"), extra("10:10", "10:30"))),
        None,
    ),
    "extra hours a step apart on a holiday": (
        Ask(hours=(replace(OPEN, holidays=HOLIDAY), extra("09:30", "10:10"), extra("10:15", "10:30"))),
        Reason.HOLIDAY,
    ),
    "the night before a holiday reaches into it": (
        Ask("00:00", "00:30", now="-1d 06:00", hours=(replace(NIGHT, holidays=HOLIDAY),)),
        None,
    ),
    "the night of a holiday reaches out of it": (
        Ask("00:00", "00:30", now="-1d 06:00", hours=(replace(NIGHT, holidays=frozenset({date(2025, 6, 1)})),)),
        Reason.HOLIDAY,
    ),
    # Leave
    "leave in its midst": (Ask(leave=(span("10:10", "10:15"),)), Reason.ON_LEAVE),
    "leave right before and after": (Ask(leave=(span("09:00", "10:00"), span("10:30", "11:00"))), None),
    "leave in its last minutes": (Ask(leave=(span("10:25", "11:00"),)), Reason.ON_LEAVE),
    "a buffer may lie in leave": (
        Ask(leave=(span("10:30", "11:00"),), rules=rules(buffer_after_minutes=10)),
        None,
    ),
    "an extra does not go over leave": (Ask(leave=BUSY, options=EXTRA), Reason.ON_LEAVE),
    # Hours that are kept back
    "hours kept back until now": (Ask(now="08:00", hours=(kept("09:00", "12:00", 120),)), None),
    "hours kept back a moment longer": (
        Ask(now="07:59:59.999", hours=(kept("09:00", "12:00", 120),)),
        Reason.TOO_FAR_AHEAD,
    ),
    "other hours offer what is kept back": (Ask(hours=(kept("09:00", "12:00", 120), OPEN)), None),
    "other hours have another grid": (
        Ask(hours=(kept("09:00", "12:00", 120), hours("09:15", "12:00"))),
        Reason.TOO_FAR_AHEAD,
    ),
    "what is kept back has another grid": (
        Ask("10:15", "10:45", hours=(kept("09:00", "12:00", 120),)),
        Reason.OFF_GRID,
    ),
    "it begins before what is kept back, and goes into it": (
        Ask(hours=(hours("09:00", "10:25"), kept("10:25", "12:00", 120))),
        Reason.TOO_FAR_AHEAD,
    ),
    "it begins in what is kept back, and goes out of it": (
        Ask(hours=(kept("09:00", "10:05", 120), hours("10:05", "12:00"))),
        Reason.TOO_FAR_AHEAD,
    ),
    "it goes from released hours into others": (
        Ask(now="08:00", hours=(kept("09:00", "10:05", 120), hours("10:05", "12:00"))),
        None,
    ),
    "what is kept back for another type": (
        Ask(hours=(kept("09:00", "12:00", 120, visit_type_ids=frozenset({SURGERY})),)),
        Reason.NOT_OFFERED,
    ),
    "what is kept back at one place only": (
        Ask(hours=(kept("09:00", "12:00", 120), hours("09:00", "12:00", LAKE))),
        None,
    ),
    "a break does not release": (
        Ask(hours=(kept("09:00", "12:00", 120), a_break("09:00", "09:30"))),
        Reason.TOO_FAR_AHEAD,
    ),
    "an extra does not take what is kept back": (
        Ask(hours=(kept("09:00", "12:00", 120),), options=EXTRA),
        Reason.TOO_FAR_AHEAD,
    ),
    "what is kept back on a holiday": (
        Ask(hours=(kept("09:00", "12:00", 120, holidays=HOLIDAY),)),
        Reason.TOO_FAR_AHEAD,
    ),
    "what is released on a holiday": (
        Ask(now="09:00", hours=(kept("09:00", "12:00", 120, holidays=HOLIDAY),)),
        Reason.HOLIDAY,
    ),
    "kept back on a working day, open on a holiday": (
        Ask(hours=(kept("09:00", "12:00", 120), replace(OPEN, holidays=HOLIDAY))),
        Reason.HOLIDAY,
    ),
    # The grid's offset
    "the grid begins later than the hours": (Ask("09:10", "09:40", rules=rules(grid_offset_minutes=10)), None),
    "the start of the hours is no start then": (
        Ask("09:00", "09:30", rules=rules(grid_offset_minutes=10)),
        Reason.OFF_GRID,
    ),
    "the grid goes on from its offset": (Ask("10:10", "10:40", rules=rules(grid_offset_minutes=10)), None),
    "no start lies before the grid's offset": (Ask(rules=rules(grid_offset_minutes=90)), Reason.OFF_GRID),
    "the grid's offset is the first start": (Ask("10:30", "11:00", rules=rules(grid_offset_minutes=90)), None),
    "an extra does not mind the offset": (
        Ask("09:00", "09:30", rules=rules(grid_offset_minutes=90), options=EXTRA),
        None,
    ),
    # Limits
    **{
        f"{reason} bars the start": (Ask(barred={reason: (span("10:00", "10:05"),)}), reason)
        for reason in (Reason.DAILY_LIMIT, Reason.WEEKLY_LIMIT, Reason.PATIENT_LIMIT, Reason.QUOTA_REACHED)
    },
    "a limit up to the start": (Ask(barred={Reason.DAILY_LIMIT: (span("00:00", "10:00"),)}), None),
    "a limit right after the start": (Ask(barred={Reason.DAILY_LIMIT: (span("10:05", "24:00"),)}), None),
    "a limit at all times": (Ask(barred={Reason.QUOTA_REACHED: (ALWAYS,)}), Reason.QUOTA_REACHED),
    "an extra keeps to the limits": (Ask(barred={Reason.DAILY_LIMIT: (ALWAYS,)}, options=EXTRA), Reason.DAILY_LIMIT),
    # Travel
    "away at that time": (Ask(away={HILL: (span("10:25", "11:00"),)}), Reason.TRAVEL_TIME),
    "back by then": (Ask(away={HILL: (span("09:00", "10:00"), span("10:30", "11:00"))}), None),
    "back, but not for the buffer before": (
        Ask(away={HILL: (span("09:00", "10:00"),)}, rules=rules(buffer_before_minutes=5)),
        Reason.TRAVEL_TIME,
    ),
    "on the way during the buffer after": (
        Ask(away={HILL: (span("10:30", "11:00"),)}, rules=rules(buffer_after_minutes=5)),
        Reason.TRAVEL_TIME,
    ),
    "away from one of two places": (Ask(hours=TWO_PLACES, away={HILL: BUSY}), None),
    "away from the place that is asked for": (
        Ask(hours=TWO_PLACES, away={LAKE: BUSY}, options=AT_LAKE),
        Reason.TRAVEL_TIME,
    ),
    "away from elsewhere": (Ask(away={ELSEWHERE: BUSY}), None),
    "an extra cannot be where the doctor is not": (Ask(away={HILL: BUSY}, options=EXTRA), Reason.TRAVEL_TIME),
    # Rooms
    "no room is busy": (Ask(needs=rooms(FREE)), None),
    "the only room is busy": (Ask(needs=rooms((span("10:25", "10:30"),))), Reason.ROOM_TAKEN),
    "one of two rooms is free": (Ask(needs=rooms(BUSY, FREE)), None),
    "every room is busy, each at another time": (
        Ask(needs=rooms((span("10:00", "10:05"),), (span("10:25", "10:30"),))),
        Reason.ROOM_TAKEN,
    ),
    "a room that only touches": (Ask(needs=rooms((span("09:00", "10:00"), span("10:30", "11:00")))), None),
    "a room that is needed for the buffer before": (
        Ask(needs=rooms((span("09:00", "10:00"),)), rules=rules(buffer_before_minutes=5)),
        Reason.ROOM_TAKEN,
    ),
    "a room that is needed for the buffer after": (
        Ask(needs=rooms((span("10:30", "11:00"),)), rules=rules(buffer_after_minutes=5)),
        Reason.ROOM_TAKEN,
    ),
    "no such room": (Ask(needs={HILL: [{}]}), Reason.ROOM_TAKEN),
    "nothing is needed": (Ask(needs={HILL: []}), None),
    "a room elsewhere": (Ask(needs=rooms(BUSY, at=LAKE)), None),
    "one room does not serve two needs": (Ask(needs={HILL: [{ROOMS[0]: ()}, {ROOMS[0]: ()}]}), Reason.ROOM_TAKEN),
    "two rooms serve two needs": (Ask(needs={HILL: [dict.fromkeys(ROOMS[:2], ())] * 2}), None),
    "the first need leaves the only room of the second": (
        Ask(needs={HILL: [dict.fromkeys(ROOMS[:2], ()), {ROOMS[0]: ()}]}),
        None,
    ),
    "three needs of two rooms": (Ask(needs={HILL: [dict.fromkeys(ROOMS[:2], ())] * 3}), Reason.ROOM_TAKEN),
    "a room at one of two places": (Ask(hours=TWO_PLACES, needs=rooms(BUSY)), None),
    "a room here, and the doctor there": (
        Ask(hours=TWO_PLACES, needs=rooms(BUSY), away={LAKE: BUSY}),
        Reason.ROOM_TAKEN,
    ),
    "an extra needs a room": (Ask(needs=rooms(BUSY), options=EXTRA), Reason.ROOM_TAKEN),
    # Rules that are waived
    "waived: what is past stays past": (Ask(now="10:00:00.001", options=WAIVED), Reason.IN_THE_PAST),
    "waived: notice": (Ask(rules=rules(notice_minutes=1440), options=WAIVED), None),
    "waived: the window": (Ask(rules=rules(window_days=-1), options=WAIVED), None),
    "waived: what is kept back": (Ask(hours=(kept("09:00", "12:00", 120),), options=WAIVED), None),
    "waived: the grid": (Ask("10:05", "10:35", options=WAIVED), None),
    "waived: five minutes stay": (Ask("10:02", "10:32", options=WAIVED), Reason.OFF_GRID),
    "waived: the length": (Ask("10:00", "11:05", options=WAIVED), None),
    "waived: a day at the most": (Ask("10:00", "34:00", options=WAIVED), None),
    "waived: not more than a day": (Ask("10:00", "34:05", options=WAIVED), Reason.LENGTH_NOT_ALLOWED),
    "waived: what is offered": (Ask(hours=(hours("09:00", "12:00", HILL, SURGERY),), options=WAIVED), None),
    "waived: hours": (Ask("22:00", "22:30", options=WAIVED), None),
    "waived: no hours, but a place": (Ask(hours=(), options=WAIVED | AT_LAKE), None),
    "waived: no hours and no place": (Ask(hours=(), options=WAIVED), Reason.OUTSIDE_HOURS),
    "waived: a holiday": (Ask(hours=(replace(OPEN, holidays=HOLIDAY),), options=WAIVED), None),
    "waived: leave": (Ask(leave=BUSY, options=WAIVED), None),
    "waived: limits": (Ask(barred=dict.fromkeys(list(Reason)[9:13], (ALWAYS,)), options=WAIVED), None),
    "waived: the patient is busy": (Ask(patient_busy=BUSY, options=WAIVED), Reason.PATIENT_BUSY),
    "waived: a visit": (Ask(visits=BUSY, options=WAIVED), Reason.SLOT_TAKEN),
    "waived: a buffer": (Ask(buffers=BUSY, options=WAIVED), Reason.BUFFER),
    "waived: travel": (Ask(away={HILL: BUSY}, options=WAIVED), Reason.TRAVEL_TIME),
    "waived: travel to a place without hours": (
        Ask(away={LAKE: BUSY}, options=WAIVED | AT_LAKE),
        Reason.TRAVEL_TIME,
    ),
    "waived: a room": (Ask(needs=rooms(BUSY), options=WAIVED), Reason.ROOM_TAKEN),
    "waived and fitted in": (Ask("22:00", "22:35", visits=(ALWAYS,), options=WAIVED | EXTRA), None),
}


@pytest.mark.parametrize(("ask", "expected"), CASES.values(), ids=CASES.keys())
def test_a_time_is_refused_for_its_reason(ask: Ask, expected: Reason | None) -> None:
    assert ask.answer() == expected


@pytest.mark.parametrize("ask", [ask for ask, _ in CASES.values() if not ask.options.keys() - {"location_id"}])
def test_each_is_listed_where_it_is_not_refused(ask: Ask) -> None:
    if at(ask.ends_at) - at(ask.starts_at) != timedelta(minutes=ask.rules.length_minutes):
        return
    first = at(ask.starts_at)
    listed = free_starts(ask.facts, ask.rules, first, first + timedelta(minutes=5), at(ask.now), **ask.options)

    asked = ask.options.get("location_id")
    for place in (HILL, LAKE, ELSEWHERE):
        answer = replace(ask, options={"location_id": place}).answer()
        assert ((first, place) in listed) == (answer is None and asked in (None, place))
    assert bool(listed) == (ask.answer() is None)


def test_of_several_reasons_the_first_in_order_is_named() -> None:
    busy = (span("08:00", "13:00"),)
    limits = dict.fromkeys(reversed(list(Reason)[9:13]), busy)
    everything = Ask(
        "10:10", "10:45", now="10:11", hours=(hours("09:00", "10:30"),), visits=busy, buffers=busy, patient_busy=busy,
        leave=busy, barred=limits, away={HILL: busy}, needs=rooms(busy), rules=rules(notice_minutes=60, window_days=-1),
    )  # fmt: skip
    day_off = replace(OPEN, holidays=HOLIDAY)
    cures: dict[Reason, dict[str, Any]] = {
        Reason.IN_THE_PAST: {"now": "09:30"},
        Reason.TOO_SOON: {"rules": rules(window_days=-1)},
        Reason.TOO_FAR_AHEAD: {"rules": rules()},
        Reason.OFF_GRID: {"starts_at": "10:00", "hours": (hours("09:00", "10:20", HILL, SURGERY),)},
        Reason.LENGTH_NOT_ALLOWED: {"ends_at": "10:30"},
        Reason.NOT_OFFERED: {"hours": (replace(day_off, end_minute=620),)},
        Reason.OUTSIDE_HOURS: {"hours": (day_off,)},
        Reason.HOLIDAY: {"hours": (OPEN,)},
        Reason.ON_LEAVE: {"leave": ()},
        Reason.DAILY_LIMIT: {"barred": dict(list(limits.items())[:3])},
        Reason.WEEKLY_LIMIT: {"barred": dict(list(limits.items())[:2])},
        Reason.PATIENT_LIMIT: {"barred": dict(list(limits.items())[:1])},
        Reason.QUOTA_REACHED: {"barred": {}},
        Reason.PATIENT_BUSY: {"patient_busy": ()},
        Reason.SLOT_TAKEN: {"visits": ()},
        Reason.BUFFER: {"buffers": ()},
        Reason.TRAVEL_TIME: {"away": {}},
        Reason.ROOM_TAKEN: {"needs": {}},
    }

    named, ask = [], everything
    while (reason := ask.answer()) is not None:
        named.append(reason)
        ask = replace(ask, **cures[reason])

    assert named == list(cures)
    assert [*cures, Reason.SESSION_FULL] == list(Reason)
    assert tuple(cures) == ORDER


def test_hours_kept_back_are_named_before_a_length_that_is_not_allowed() -> None:
    ask = Ask("10:00", "10:45", hours=(kept("09:00", "12:00", 120),))

    assert ask.answer() == Reason.TOO_FAR_AHEAD
    assert replace(ask, now="08:00").answer() == Reason.LENGTH_NOT_ALLOWED


def test_a_verdict_names_the_places_where_the_visit_can_be() -> None:
    def places(ask: Ask) -> list[UUID]:
        return list(verdict(ask.facts, USUAL, at(ask.starts_at), at(ask.ends_at), at(ask.now), **ask.options).places)

    both = Ask(hours=tuple(reversed(TWO_PLACES)))
    apart = Ask(hours=(hours("13:00", "15:00"), hours("09:00", "12:00", LAKE)), options=WAIVED)
    assert places(both) == [HILL, LAKE]
    assert places(replace(both, away={HILL: BUSY})) == [LAKE]
    assert places(replace(both, needs=rooms(BUSY, at=LAKE))) == [HILL]
    assert places(replace(both, options=AT_LAKE)) == [LAKE]
    assert places(replace(both, leave=BUSY)) == []
    assert places(apart) == [LAKE, HILL]
    assert places(replace(apart, starts_at="20:00", ends_at="20:30")) == [HILL, LAKE]
    assert places(replace(apart, away={LAKE: BUSY})) == [HILL]
    assert places(replace(apart, hours=(), options=WAIVED | {"location_id": ELSEWHERE})) == [ELSEWHERE]


def test_starts_without_a_named_place_are_listed_for_each_place_on_its_own() -> None:
    ask = Ask(hours=TWO_PLACES, away={HILL: (span("09:00", "11:00"),)}, needs=rooms(BUSY, at=LAKE))

    assert ask.free() == ["11:00", "11:30"]
    assert replace(ask, needs={}).free("09:00", "10:00") == ["09:00", "09:30"]
    assert replace(ask, barred={Reason.WEEKLY_LIMIT: (ALWAYS,)}).free() == []


def test_whoever_may_choose_the_length_chooses_at_least_five_minutes() -> None:
    for options in (WAIVED, ANY_LENGTH):
        assert Ask("10:00", "10:05", options=options).answer() is None
        assert Ask("10:00", "10:00", options=options).answer() == Reason.LENGTH_NOT_ALLOWED


def test_reasons_that_come_together_are_named_by_the_first() -> None:
    assert first_of() is None
    assert first_of(None, None) is None
    assert first_of(Reason.BUFFER, None, Reason.TOO_SOON, Reason.SLOT_TAKEN) is Reason.TOO_SOON
    assert [first_of(Reason(each), None) for each in ORDER] == list(ORDER)
