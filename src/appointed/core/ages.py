"""Ages in whole years. Pure: the day is passed in."""

import calendar
from datetime import date


def birthday(born: date, age: int) -> date:
    """The day on which somebody turns `age`; who was born on 29 February does so on 1 March where there is no 29th."""
    year = born.year + age
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return born.replace(year=year)


def last_born(age: int, today: date) -> date:
    """The last day of birth that makes one `age` years old by `today`."""
    year = today.year - age
    if (today.month, today.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return today.replace(year=year)
