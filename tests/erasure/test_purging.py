"""What must be kept of somebody who was erased goes when its years are over, and not before."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from appointed.core.db import Database, transaction
from appointed.dispatch import purge_erased, tidy_if_due
from appointed.erasure.rules import kept_long_enough
from appointed.notifications.context import Context
from appointed.patients.erasing import year_of
from appointed.patients.models import Patient
from tests.support.clock import FixedClock

from .story import Story, canaries


async def test_records_are_looked_through_once_a_day(
    story: Story, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    patients = [await story.clinic.patient(), await story.clinic.patient()]
    await story.erase(patients[0])
    clock.advance(timedelta(days=4_000))
    await tidy_if_due(context)
    before = await purged(sqlite_database)
    async with transaction(sqlite_database.writes) as session:
        gone = {"erased_at": clock.now() - timedelta(days=4_000)}
        await session.execute(update(Patient).where(Patient.id == patients[1].id).values(gone))
    found = []
    for hours in (2, 21, 2):
        clock.advance(timedelta(hours=hours))
        await tidy_if_due(context)
        found.append(await purged(sqlite_database))
    assert (before, found) == (1, [1, 1, 2])


async def purged(database: Database) -> int:
    async with database.reads() as session:
        return len((await session.scalars(select(Patient.id).where(Patient.purged_at.is_not(None)))).all())


@pytest.mark.parametrize(
    ("birth_date", "days", "is_due"),
    [
        (None, 3_652, False),
        (None, 3_653, True),
        # Of age in 2042; that year, and ten more, must be over.
        (date(2024, 7, 1), 3_653, False),
        (date(2024, 7, 1), 365 * 21 + 300, False),
        (date(2024, 7, 1), 365 * 22 + 300, True),
    ],
)
async def test_records_are_kept_for_years_and_longer_of_who_was_a_child(
    birth_date: date | None, days: int, is_due: bool, story: Story, context: Context, clock: FixedClock,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient, doctor = await story.clinic.patient(birth_date=birth_date), await story.clinic.doctor()
    await story.clinic.visit(patient, doctor, clock.now() + timedelta(hours=1))
    clock.advance(timedelta(hours=12))
    await story.erase(patient)
    clock.advance(timedelta(days=days) - timedelta(hours=12))
    assert await purge_erased(context) == is_due


async def test_of_who_was_not_erased_everything_stays(
    story: Story, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    await story.live()
    before = await canaries(sqlite_database)
    clock.advance(timedelta(days=40_000))
    assert await purge_erased(context) == 0
    assert await canaries(sqlite_database) == before


DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@given(DAYS, DAYS, DAYS, st.integers(0, 30), st.integers(0, 21))
@example(date(2024, 2, 29), date(2034, 2, 28), date(2000, 1, 1), 10, 18)
@example(date(2024, 2, 29), date(2034, 3, 1), date(2000, 1, 1), 10, 18)
@example(date(2023, 2, 28), date(2024, 2, 28), date(2000, 1, 1), 1, 18)
def test_the_years_are_over_on_their_day(last: date, today: date, born: date, years: int, of_age: int) -> None:
    over_on, born_before = kept_long_enough(today, years, of_age)
    passed = today.year - last.year - ((today.month, today.day) < (last.month, last.day))
    assert (last <= over_on) == (passed >= years)
    # As if they had been born on the last day of the year of which alone is known.
    age = today.year - born.year - ((today.month, today.day) < (12, 31))
    if (date(born.year, 1, 1) < born_before) and born.year > 1:
        assert age >= of_age + years
    else:
        assert today.year - born.year - 1 < of_age + years


@pytest.mark.parametrize(
    ("birth_date", "left"),
    [(None, None), (date(1984, 5, 17), date(1984, 1, 1)), (date(1942, 12, 31), date(1942, 1, 1)),
     (date(1941, 12, 31), None), (date(2012, 2, 29), date(2012, 1, 1))],
)  # fmt: skip
def test_of_a_birth_date_the_year_is_left_unless_few_are_that_old(birth_date: date | None, left: date | None) -> None:
    assert year_of(birth_date, date(2031, 3, 3)) == left
