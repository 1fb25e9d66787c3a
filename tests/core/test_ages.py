"""Ages in whole years, on every day that a calendar has."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appointed.core.ages import birthday, last_born

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
LEAPLINGS = st.builds(lambda year: date(year * 4, 2, 29), st.integers(476, 524))


def years_between(born: date, today: date) -> int:
    """How old one is, counted another way: a year for each anniversary, which is the day after the eve of it."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@given(DAYS | LEAPLINGS, st.integers(0, 30), DAYS)
@example(date(2008, 2, 29), 18, date(2026, 2, 28))
@example(date(2008, 2, 29), 18, date(2026, 3, 1))
@example(date(2012, 2, 28), 18, date(2030, 2, 28))
def test_one_is_of_an_age_from_its_birthday_on(born: date, age: int, today: date) -> None:
    assert (today >= birthday(born, age)) == (years_between(born, today) >= age)


@given(st.integers(0, 30), DAYS | LEAPLINGS)
@example(18, date(2028, 2, 29))
@example(18, date(2026, 2, 28))
@example(18, date(2026, 3, 1))
def test_the_last_day_of_birth_divides_those_who_are_of_an_age_from_those_who_are_not(age: int, today: date) -> None:
    last = last_born(age, today)
    assert birthday(last, age) <= today < birthday(last + timedelta(days=1), age)


@pytest.mark.parametrize(
    ("born", "turns"),
    [
        (date(2013, 3, 3), date(2031, 3, 3)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2012, 2, 29), date(2030, 3, 1)),
        (date(2012, 12, 31), date(2030, 12, 31)),
    ],
)
def test_eighteen(born: date, turns: date) -> None:
    assert birthday(born, 18) == turns


def test_a_leapling_turns_twenty_on_the_29th() -> None:
    assert birthday(date(2008, 2, 29), 20) == date(2028, 2, 29)
