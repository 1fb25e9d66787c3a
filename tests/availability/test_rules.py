"""Free time: every refusal, the order they are named in, and the starts that are left."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointed.availability.rules import (
    Facts,
    Reason,
    free_starts,
    instant_of,
    openings,
    refusal,
    tick_of,
)

from .asks import ANY_LENGTH, EXTRA, USUAL, Ask, rules, span
from .worlds import CHECKUP, ELSEWHERE, HILL, LAKE, MONDAY, PATIENTLY, SURGERY, World, at, hours, worlds

CASES: dict[str, tuple[Ask, Reason | None]] = {
    "an open half hour is free": (Ask(), None),
    # The clock
    "a start at this very moment is free": (Ask(now="10:00"), None),
    "a start a moment ago is past": (Ask(now="10:00:00.001"), Reason.IN_THE_PAST),
    "notice that is just kept is enough": (Ask(now="08:00", rules=rules(notice_minutes=120)), None),
    "notice that is just missed is too short": (
        Ask(now="08:00:00.001", rules=rules(notice_minutes=120)),
        Reason.TOO_SOON,
    ),
    "the last moment of the window is free": (Ask(now="-10d 10:00", rules=rules(window_days=10)), None),
    "a moment beyond the window is too far": (
        Ask(now="-10d 10:00", starts_at="10:00:00.001", rules=rules(window_days=10)),
        Reason.TOO_FAR_AHEAD,
    ),
    # The grid
    "a start between the grid's lines is off it": (Ask("10:15", "10:45"), Reason.OFF_GRID),
    "the grid is laid from the start of the hours": (Ask("10:15", "10:45", hours=(hours("09:15", "12:00"),)), None),
    "either of two grids will do": (
        Ask("10:15", "10:45", hours=(hours("09:00", "12:00"), hours("09:15", "12:00"))),
        None,
    ),
    "the grid of hours elsewhere does not help": (
        Ask(
            "10:15",
            "10:45",
            hours=(hours("09:00", "12:00"), hours("09:15", "12:00", LAKE)),
            options={"location_id": HILL},
        ),
        Reason.OFF_GRID,
    ),
    "the grid of another visit type's hours does not help": (
        Ask("10:15", "10:45", hours=(hours("09:00", "12:00"), hours("09:15", "12:00", HILL, SURGERY))),
        Reason.OFF_GRID,
    ),
    "a grid need not divide the hour": (Ask("10:30", "11:00", rules=rules(grid_minutes=45)), None),
    "a start a second off is off the grid": (Ask("10:00:01", "10:30"), Reason.OFF_GRID),
    "an end a second off is off the grid": (Ask("10:00", "10:30:01"), Reason.OFF_GRID),
    "even an extra keeps to five minutes": (Ask("10:02", "10:32", options=EXTRA), Reason.OFF_GRID),
    # Length
    "another length is not allowed": (Ask("10:00", "10:45"), Reason.LENGTH_NOT_ALLOWED),
    "an allowed length is free": (Ask("10:00", "10:45", rules=rules(allowed_lengths=frozenset({45}))), None),
    "the usual length stays allowed beside others": (Ask(rules=rules(allowed_lengths=frozenset({45}))), None),
    "whoever may choose the length may": (Ask("10:00", "10:35", options=ANY_LENGTH), None),
    "no length is nothing": (Ask("10:00", "10:00", options=ANY_LENGTH), Reason.LENGTH_NOT_ALLOWED),
    "no length is negative": (Ask("10:00", "09:00", options=ANY_LENGTH), Reason.LENGTH_NOT_ALLOWED),
    "a length may be a whole day": (Ask("09:00", "33:00", hours=(hours("09:00", "33:00"),), options=ANY_LENGTH), None),
    "no length is over a day": (Ask("09:00", "33:05", options=ANY_LENGTH), Reason.LENGTH_NOT_ALLOWED),
    # Hours
    "a type that these hours do not offer": (Ask(hours=(hours("09:00", "12:00", HILL, SURGERY),)), Reason.NOT_OFFERED),
    "a type that these hours name": (Ask(hours=(hours("09:00", "12:00", HILL, SURGERY, CHECKUP),)), None),
    "a type offered here only at other hours": (
        Ask(hours=(hours("09:00", "12:00", HILL, SURGERY), hours("13:00", "15:00", HILL, CHECKUP))),
        Reason.NOT_OFFERED,
    ),
    "a type offered only elsewhere": (
        Ask(
            hours=(hours("09:00", "12:00", HILL, SURGERY), hours("09:00", "12:00", LAKE)),
            options={"location_id": HILL},
        ),
        Reason.NOT_OFFERED,
    ),
    "a visit may begin with the hours": (Ask("09:00", "09:30"), None),
    "a visit may not begin before the hours": (Ask("08:30", "09:00"), Reason.OUTSIDE_HOURS),
    "a visit may end with the hours": (Ask("11:30", "12:00"), None),
    "a visit may not begin as the hours end": (Ask("12:00", "12:30"), Reason.OUTSIDE_HOURS),
    "a visit may not run past the hours": (
        Ask("11:30", "12:00", hours=(hours("09:00", "11:55"),)),
        Reason.OUTSIDE_HOURS,
    ),
    "outside the hours nothing is off the grid": (Ask("12:10", "12:40"), Reason.OUTSIDE_HOURS),
    "a visit may cross from hours into adjacent hours": (
        Ask(hours=(hours("09:00", "10:15"), hours("10:15", "12:00"))),
        None,
    ),
    "a visit may cross from hours into overlapping hours": (
        Ask(hours=(hours("08:00", "10:10"), hours("09:45", "12:00"))),
        None,
    ),
    "a visit begins in short hours and goes on in longer ones": (
        Ask(hours=(hours("08:10", "12:00"), hours("09:00", "10:05"))),
        None,
    ),
    "a visit does not cross into hours elsewhere": (
        Ask(hours=(hours("09:00", "10:15"), hours("10:15", "12:00", LAKE))),
        Reason.OUTSIDE_HOURS,
    ),
    "a visit does not cross into hours for other types": (
        Ask(hours=(hours("09:00", "10:15"), hours("10:15", "12:00", HILL, SURGERY))),
        Reason.OUTSIDE_HOURS,
    ),
    "a visit does not leap over five closed minutes": (
        Ask(hours=(hours("09:00", "10:15"), hours("10:20", "12:00"))),
        Reason.OUTSIDE_HOURS,
    ),
    "hours elsewhere are not hours here": (Ask(options={"location_id": ELSEWHERE}), Reason.OUTSIDE_HOURS),
    "grid here and room elsewhere do not add up": (
        Ask(hours=(hours("09:00", "10:15"), hours("09:10", "12:00", LAKE))),
        Reason.OUTSIDE_HOURS,
    ),
    "no hours at all": (Ask(hours=()), Reason.OUTSIDE_HOURS),
    # Who is busy
    "a busy patient": (Ask(patient_busy=(span("10:25", "11:00"),)), Reason.PATIENT_BUSY),
    "a patient who is busy until then": (Ask(patient_busy=(span("09:00", "10:00"), span("10:30", "11:00"))), None),
    "a patient has no buffers": (
        Ask(patient_busy=(span("09:30", "10:00"),), rules=rules(buffer_before_minutes=30)),
        None,
    ),
    "a taken slot": (Ask(visits=(span("09:00", "10:05"),)), Reason.SLOT_TAKEN),
    "a slot taken in its midst": (Ask(visits=(span("08:00", "08:30"), span("10:10", "10:15"))), Reason.SLOT_TAKEN),
    "a slot taken all around": (Ask(visits=(span("08:00", "12:00"),)), Reason.SLOT_TAKEN),
    "visits right before and after": (Ask(visits=(span("09:30", "10:00"), span("10:30", "11:00"))), None),
    "its buffer before meets a visit": (
        Ask(visits=(span("09:30", "10:00"),), rules=rules(buffer_before_minutes=5)),
        Reason.BUFFER,
    ),
    "its buffer after meets a visit": (
        Ask(visits=(span("10:30", "11:00"),), rules=rules(buffer_after_minutes=5)),
        Reason.BUFFER,
    ),
    "its buffer before meets a buffer": (
        Ask(buffers=(span("09:50", "10:00"),), rules=rules(buffer_before_minutes=5)),
        Reason.BUFFER,
    ),
    "its buffer after meets a buffer": (
        Ask(buffers=(span("10:40", "10:45"),), rules=rules(buffer_after_minutes=15)),
        Reason.BUFFER,
    ),
    "buffers that only touch": (
        Ask(
            buffers=(span("09:45", "09:50"), span("10:45", "10:50")),
            rules=rules(buffer_before_minutes=10, buffer_after_minutes=15),
        ),
        None,
    ),
    "it meets a buffer itself": (Ask(buffers=(span("10:00", "10:05"),)), Reason.BUFFER),
    "buffers may lie outside the hours": (
        Ask("09:00", "09:30", rules=rules(buffer_before_minutes=30, buffer_after_minutes=300)),
        None,
    ),
    # Fitting in
    "an extra goes over a visit": (Ask(visits=(span("09:00", "12:00"),), options=EXTRA), None),
    "an extra goes over a buffer": (Ask(buffers=(span("09:00", "12:00"),), options=EXTRA), None),
    "an extra goes between the grid's lines": (Ask("10:05", "10:35", options=EXTRA), None),
    "an extra does not go over the patient": (
        Ask(patient_busy=(span("10:00", "10:30"),), options=EXTRA),
        Reason.PATIENT_BUSY,
    ),
    "an extra stays within hours": (Ask("11:45", "12:15", options=EXTRA), Reason.OUTSIDE_HOURS),
    "an extra keeps to what is offered": (
        Ask(hours=(hours("09:00", "12:00", HILL, SURGERY),), options=EXTRA),
        Reason.NOT_OFFERED,
    ),
    "an extra keeps its length": (Ask("10:00", "10:35", options=EXTRA), Reason.LENGTH_NOT_ALLOWED),
    "an extra keeps the notice": (Ask(rules=rules(notice_minutes=1440), options=EXTRA), Reason.TOO_SOON),
}


@pytest.mark.parametrize(("ask", "expected"), CASES.values(), ids=CASES.keys())
def test_a_time_is_refused_for_its_reason(ask: Ask, expected: Reason | None) -> None:
    assert ask.answer() == expected


def test_free_starts_follow_the_grid_and_leave_room_for_the_visit() -> None:
    ask = Ask(hours=(hours("09:00", "10:45"),), rules=rules(grid_minutes=20))

    assert ask.free() == ["09:00", "09:20", "09:40", "10:00"]


def test_free_starts_include_the_first_moment_asked_for_and_not_the_last() -> None:
    assert Ask().free("09:30", "11:00") == ["09:30", "10:00", "10:30"]
    assert Ask().free("09:30:00.001", "11:00:00.001") == ["10:00", "10:30", "11:00"]


def test_overlapping_hours_list_a_start_once() -> None:
    ask = Ask(hours=(hours("09:00", "10:00"), hours("09:00", "10:30"), hours("09:15", "10:15")))

    assert ask.free() == ["09:00", "09:15", "09:30", "09:45", "10:00"]


def test_free_starts_name_the_location_and_can_be_asked_for_one() -> None:
    ask = Ask(hours=(hours("09:00", "10:00", LAKE), hours("09:00", "09:30")))

    found = free_starts(ask.facts, ask.rules, MONDAY, at("24:00"), at("06:00"))

    assert found == [(at("09:00"), HILL), (at("09:00"), LAKE), (at("09:30"), LAKE)]
    assert ask.free(location_id=LAKE) == ["09:00", "09:30"]
    assert ask.free(location_id=ELSEWHERE) == []


def test_hours_that_end_the_next_day_stay_open_over_midnight() -> None:
    ask = Ask(hours=(hours("22:30", "25:30"),), rules=rules(grid_minutes=60))

    assert ask.free("22:00", "26:00") == ["22:30", "23:30", "00:30"]


@pytest.mark.parametrize("instant", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_can_be_asked_about(instant: datetime) -> None:
    everyday = [replace(hours("00:00", "24:00", zone="Pacific/Auckland"), weekday=day) for day in range(7)]
    known = openings(everyday, tick_of(instant), tick_of(instant) + 1)

    answer = refusal(Facts(known, (), (), ()), USUAL, instant, instant, MONDAY)

    assert answer in {Reason.IN_THE_PAST, Reason.TOO_FAR_AHEAD}


@pytest.mark.parametrize(
    ("start", "grid_minutes", "expected"),
    [
        ("01:00", 45, ["00:00 01:00", "00:45 01:45", "01:15 03:15", "02:00 04:00"]),
        ("02:30", 60, ["01:30 03:30"]),
    ],
)
def test_starts_stay_on_the_wall_clock_grid_after_a_gap(start: str, grid_minutes: int, expected: list[str]) -> None:
    berlin, day = ZoneInfo("Europe/Berlin"), date(2025, 3, 30)
    row = replace(hours(start, "04:30", zone="Europe/Berlin"), weekday=6, valid_from=day, valid_until=day)
    midnight = datetime(2025, 3, 30, tzinfo=UTC)
    known = Facts(openings([row], tick_of(midnight), tick_of(midnight) + 288), (), (), ())

    free = free_starts(
        known, rules(grid_minutes=grid_minutes), midnight, midnight + timedelta(days=1), midnight - timedelta(days=1)
    )

    assert [f"{each:%H:%M} {each.astimezone(berlin):%H:%M}" for each, _ in free] == expected


def test_a_visit_may_last_through_the_hour_that_comes_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    row = replace(hours("01:00", "04:00", zone="Europe/Berlin"), weekday=6)
    starts_at = datetime(2025, 10, 26, 2, 45, tzinfo=berlin)
    ends_at = datetime(2025, 10, 26, 2, 15, tzinfo=berlin, fold=1)
    known = Facts(openings([row], tick_of(starts_at) - 100, tick_of(starts_at) + 100), (), (), ())

    answer = refusal(known, rules(grid_minutes=15), starts_at, ends_at, datetime(2025, 10, 26, 2, 40, tzinfo=berlin))

    assert answer is None


@PATIENTLY
@given(
    worlds(),
    st.sampled_from([None, HILL, LAKE]),
    st.none() | st.sampled_from([5, 45, 90, 600, 1440]),
    st.booleans(),
    st.sampled_from([False, False, True]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([0, 0, 0, 1, -0.25]),
)
def test_every_refusal_is_the_one_that_a_walk_from_tick_to_tick_finds(
    world: World,
    location_id: UUID | None,
    minutes: int | None,
    any_length: bool,
    is_extra: bool,
    waived: bool,
    seconds_off: float,
) -> None:
    facts, oracle = world.facts, world.oracle
    length = timedelta(minutes=minutes or world.rules.length_minutes)
    for tick in world.ticks:
        start = instant_of(tick) + timedelta(seconds=seconds_off)

        answer = refusal(
            facts,
            world.rules,
            start,
            start + length,
            world.now,
            location_id=location_id,
            any_length=any_length,
            is_extra=is_extra,
            waived=waived,
        )

        expected = oracle.refusal(
            start, start + length, location_id, any_length=any_length, is_extra=is_extra, waived=waived
        )
        assert (start, answer) == (start, expected)


@PATIENTLY
@given(worlds(), st.sampled_from([None, HILL, LAKE]), st.sampled_from([0, 0, 0.001, -1]))
def test_what_is_listed_as_free_is_exactly_what_is_not_refused(
    world: World, location_id: UUID | None, seconds_off: float
) -> None:
    first, last = (instant_of(tick) + timedelta(seconds=seconds_off) for tick in (world.ticks.start, world.ticks.stop))
    length, oracle = timedelta(minutes=world.rules.length_minutes), world.oracle

    found = free_starts(world.facts, world.rules, first, last, world.now, location_id=location_id)

    assert found == [
        (start, place)
        for start in map(instant_of, range(world.ticks.start - 1, world.ticks.stop + 1))
        if first <= start < last
        for place in (HILL, LAKE)
        if location_id in (None, place)
        if oracle.refusal(start, start + length, place, any_length=False, is_extra=False) is None
    ]
