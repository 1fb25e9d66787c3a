"""A crowd of doctors in place of the clinic's, most of their time taken: for the first free times of any of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, Column, MetaData, Table, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.models import User
from appointed.appointments.service.claiming import OWNER
from appointed.availability.models import Schedule
from appointed.availability.rules import HoursKind
from appointed.availability.walltime import TICK_MINUTES, tick_of
from appointed.core.db import Database, connect, transaction
from appointed.core.ids import new_id
from appointed.core.names import search_key
from appointed.core.settings import Settings
from appointed.core.types import Guid
from appointed.doctors.models import Doctor
from appointed.resources.models import Resource

from .setup import Clinic

CROWD_DAYS = 60
TAKEN_SHARE = 0.7
OPENS_AT = (8 * 60, 8 * 60 + 30, 9 * 60, 9 * 60 + 30)
OPEN_MINUTES = 8 * 60
VISIT_MINUTES = 30
DOCTORS_A_TRANSACTION = 100
SETTLE = {
    "postgresql": "VACUUM (ANALYZE) busy_ticks, schedules, doctors",
    "mysql": "ANALYZE TABLE busy_ticks, schedules, doctors",
}

# A row a visit, which the database itself makes the ticks of: six times as many would have to be sent.
VISITS = Table(
    "bench_visits", MetaData(), Column("doctor_id", Guid(), nullable=False),
    Column("tick", BigInteger(), nullable=False), Column("owner_id", Guid(), nullable=False),
)  # fmt: skip
_STEPS = " UNION ALL ".join(f"SELECT {number} AS step" for number in range(VISIT_MINUTES // TICK_MINUTES))
_TAKE = text(
    "INSERT INTO busy_ticks (resource_id, tick, owner_id, owner_kind, is_buffer)"  # noqa: S608 - ours
    f" SELECT doctor_id, tick + step, owner_id, '{OWNER}', FALSE FROM bench_visits CROSS JOIN ({_STEPS}) steps"
    " ORDER BY doctor_id, tick, step"
)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """`minute` of a day by the clinic's clock."""

    minute: int
    tick: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many doctors there are, and when to ask for them. The first day is no weekend."""

    doctors: int
    first_day: date
    last_day: date
    first_half_hours: Sequence[HalfHour]


async def fill_crowd(settings: Settings, clinic: Clinic, doctors: int, seed: int = 2) -> Crowd:
    """Retire the clinic's doctors, and have `doctors` others, each with weekly hours and at random 70 % busy. Of their
    visits there are the doctors' ticks alone: that is all that free times for nobody in particular are read from."""
    first = next(day for day in map(clinic.first_day.__add__, map(timedelta, range(7))) if day.weekday() < 5)
    crowd = _Crowd(settings, clinic, first, random.Random(seed))
    database = connect(settings.database, settings.vault)
    try:
        async with transaction(database.writes) as session:
            await session.execute(update(Doctor).values(is_active=False))
            await (await session.connection()).run_sync(VISITS.create)
        for number in range(0, doctors, DOCTORS_A_TRANSACTION):
            async with transaction(database.writes) as session:
                await crowd.come(session, range(number, min(doctors, number + DOCTORS_A_TRANSACTION)))
        async with transaction(database.writes) as session:
            await (await session.connection()).run_sync(VISITS.drop)
        await _settle(database)
    finally:
        await database.dispose()
    return Crowd(doctors, first, first + timedelta(days=CROWD_DAYS - 1), crowd.half_hours(first, _every_minute()))


@dataclass(frozen=True, slots=True)
class _Crowd:
    settings: Settings
    clinic: Clinic
    first_day: date
    chance: random.Random

    async def come(self, session: AsyncSession, numbers: Sequence[int]) -> None:
        """Doctors, and what takes their time."""
        now = datetime.now(UTC)
        ids = {number: new_id() for number in numbers}
        users = {number: new_id() for number in numbers}
        await session.execute(insert(User), [
            {"id": users[number], "email": f"crowd{number}@example.org", "password_hash": "none",
             "display_name": f"Dana Crowd {number}", "is_active": True, "created_at": now} for number in numbers
        ])  # fmt: skip
        await session.execute(insert(Resource), [{"id": each, "kind": "doctor"} for each in ids.values()])
        await session.execute(insert(Doctor), [
            {"id": ids[number], "user_id": users[number], "first_name": "Dana", "last_name": f"Crowd {number}",
             "last_name_key": search_key(f"Crowd {number}"), "specialization": "General practice",
             "specialization_key": search_key("General practice"), "languages": ["en"], "is_active": True,
             "created_at": now} for number in numbers
        ])  # fmt: skip
        await session.execute(insert(Schedule), [
            {"id": new_id(), "doctor_id": ids[number], "location_id": self.clinic.location_id,
             "kind": HoursKind.OPEN, "weekday": weekday, "start_minute": _opens_at(number),
             "end_minute": _opens_at(number) + OPEN_MINUTES, "created_at": now}
            for number in numbers for weekday in range(5)
        ])  # fmt: skip
        await session.execute(insert(VISITS), self._visits(ids))
        await session.execute(_TAKE)
        await session.execute(VISITS.delete())

    def _visits(self, ids: dict[int, UUID]) -> list[dict[str, object]]:
        days = [day for number in range(CROWD_DAYS)
                if (day := self.first_day + timedelta(days=number)).weekday() < 5]  # fmt: skip
        starts = {at: [half.tick for day in days for half in self.half_hours(day, _minutes_from(at))]
                  for at in OPENS_AT}  # fmt: skip
        return [
            {"doctor_id": doctor_id, "tick": tick, "owner_id": new_id()}
            for number, doctor_id in ids.items()
            for tick in starts[_opens_at(number)]
            if self.chance.random() < TAKEN_SHARE
        ]

    def half_hours(self, day: date, minutes: Sequence[int]) -> list[HalfHour]:
        midnight = datetime.combine(day, time(), self.settings.zone)
        return [HalfHour(each, tick_of(midnight + timedelta(minutes=each))) for each in minutes]


def _opens_at(number: int) -> int:
    return OPENS_AT[number % len(OPENS_AT)]


def _minutes_from(opens_at: int) -> range:
    return range(opens_at, opens_at + OPEN_MINUTES, VISIT_MINUTES)


def _every_minute() -> range:
    return range(OPENS_AT[0], OPENS_AT[-1] + OPEN_MINUTES, VISIT_MINUTES)


async def _settle(database: Database) -> None:
    """What the database would do by itself in a while, and in the midst of a round."""
    if order := SETTLE.get(database.dialect):
        engine = database.engines[-1].execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(order))
