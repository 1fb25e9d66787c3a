"""When locations are closed: the calendar of their country and region, and the days that differ from it."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from appointed.core.db import Database, transaction
from appointed.core.errors import Invalid
from appointed.core.ids import new_id
from appointed.locations.calendars import check_calendar, public_holidays
from appointed.locations.holidays import closed_days
from appointed.locations.models import Location, LocationDay

from ..support.clock import MONDAY
from ..support.faults import watched

Make = Callable[..., Awaitable[UUID]]


@pytest.fixture
def make(database: Database) -> Make:
    """Makes a location; `days` says of a day whether it is open."""

    async def made(*, days: dict[date, bool] | None = None, **calendar: Any) -> UUID:
        location = Location(id=new_id(), name="North", timezone="UTC", is_active=True, created_at=MONDAY, **calendar)
        async with transaction(database.writes) as session:
            session.add(location)
            await session.flush()
            for day, is_open in (days or {}).items():
                session.add(LocationDay(location_id=location.id, on_date=day, is_open=is_open))
        return location.id

    return made


async def closed(database: Database, ids: list[UUID], first: date, last: date) -> dict[UUID, frozenset[date]]:
    async with database.reads() as session:
        return await closed_days(session, ids, first, last)


def test_holidays_have_their_english_names_where_there_are_any() -> None:
    assert public_holidays("DE", "BY", 2031)[date(2031, 1, 6)] == "Epiphany"
    assert public_holidays("GB", "ENG", 2031)[date(2031, 12, 26)] == "Boxing Day"
    assert date(2031, 1, 6) not in public_holidays("DE", "BE", 2031)
    assert public_holidays(None, None, 2031) == {}


def test_a_holiday_on_a_weekend_is_kept_on_both_days() -> None:
    # 1 January 2028 is a Saturday, which the United States keep on the Friday before, in the year before.
    assert {date(2027, 7, 4), date(2027, 7, 5)} <= public_holidays("US", None, 2027).keys()
    assert date(2027, 12, 31) in public_holidays("US", None, 2027)
    assert all(day.year == 2028 for day in public_holidays("US", None, 2028))


@pytest.mark.parametrize("country", ["AF", "AQ", "CN", "DE", "FR", "IN", "JP", "ZW"])
def test_every_country_has_a_calendar(country: str) -> None:
    check_calendar(country, None)
    public_holidays(country, None, 2031)


@pytest.mark.parametrize(
    ("country", "region", "field", "names"),
    [("XX", None, "country", "AD, AE"), ("de", None, "country", "DE"), ("DE", "XX", "region", "BB, BE, BW"),
     ("DE", "", "region", "BY"), ("AF", "KAB", "region", "has none"), (None, "BY", "region", "in which country")],
)  # fmt: skip
def test_what_there_is_is_named_to_whom_asks_for_what_is_not_there(
    country: str | None, region: str | None, field: str, names: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_calendar(country, region)
    assert refused.value.fields[0].name == field
    assert names in refused.value.detail


async def test_a_location_is_closed_on_its_holidays_and_on_days_of_its_own(database: Database, make: Make) -> None:
    epiphany, new_year, own = date(2031, 1, 6), date(2031, 1, 1), date(2031, 1, 7)
    plain, open_on = await make(country="DE", region="BY"), await make(country="DE", region="BY", days={epiphany: True})
    berlin = await make(country="DE", region="BE", days={own: False})
    nowhere = await make(days={own: False, epiphany: True, date(2031, 2, 1): False})
    found = await closed(database, [plain, open_on, berlin, nowhere, new_id()], new_year, date(2031, 1, 31))
    assert list(found.values()) == [{new_year, epiphany}, {new_year}, {new_year, own}, {own}, set()]


async def test_both_ends_of_the_range_count_and_a_range_may_span_years(sqlite_database: Database, make: Make) -> None:
    location_id = await make(country="DE", days={date(2031, 1, 2): False, date(2030, 12, 24): False})
    found = await closed(sqlite_database, [location_id], date(2030, 12, 25), date(2031, 1, 1))
    assert found[location_id] == {date(2030, 12, 25), date(2030, 12, 26), date(2031, 1, 1)}


async def test_one_statement_does_for_any_number_of_locations(sqlite_database: Database, make: Make) -> None:
    ids = [await make(country="DE", days={date(2031, 1, day): False for day in range(2, 9)}) for _ in range(5)]
    counts = []
    for asked in ([], ids[:1], ids):
        async with transaction(sqlite_database.writes) as session:
            with watched(sqlite_database) as watch:
                found = await closed_days(session, asked, date(2031, 1, 1), date(2031, 12, 31))
        assert found.keys() == set(asked)
        counts.append(len([each for each in watch.statements if "SELECT" in each]))
    assert counts == [0, 1, 1]
