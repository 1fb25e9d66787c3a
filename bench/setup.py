"""A scratch database with a clinic in it: doctors, patients, and a month that is half booked."""

import base64
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool
from tests.support.servers import Server, driver_url

from appointed import accounts, audit, availability, doctors, patients, resources
from appointed.accounts.actor import Role
from appointed.accounts.tokens import Tokens
from appointed.appointments.events import AppointmentBooked
from appointed.appointments.models import Appointment
from appointed.appointments.service.claiming import OWNER
from appointed.availability.service import WeeklyHours
from appointed.availability.walltime import tick_of
from appointed.bootstrap import bootstrap
from appointed.core import batch, outbox
from appointed.core.clock import SystemClock
from appointed.core.db import Database, connect, transaction
from appointed.core.ids import new_id
from appointed.core.settings import Environment, Settings
from appointed.locations.service import get_default
from appointed.migrations import upgrade
from appointed.patients import care
from appointed.visit_types.models import VisitType

MONTH_DAYS = 31
OPEN_FROM, OPEN_UNTIL = 9, 17
BOOKED_SHARE = 0.5
VISIT = timedelta(minutes=30)
CARE = timedelta(days=365)
VISITS_A_TRANSACTION = 400
DROP = {"postgresql": "DROP DATABASE IF EXISTS {} WITH (FORCE)", "mysql": "DROP DATABASE IF EXISTS {}"}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a clinic is, and how many doctors come after its own."""

    doctors: int = 50
    patients: int = 400
    crowd: int = 2_000


@dataclass(frozen=True, slots=True)
class Person:
    """A doctor or a patient; only patients and the desk ask for anything here, so only they have a token."""

    id: UUID
    user_id: UUID
    token: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a time that is theirs alone: no other visit of the plan has this doctor or this patient then."""

    doctor: Person
    patient: Person
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Clinic:
    """What there is to ask for. `free` gives times after the half booked month, each once."""

    doctors: list[Person]
    patients: list[Person]
    desk: Person
    location_id: UUID
    visit_type_id: UUID
    first_day: date
    free: Iterator[Visit]

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=MONTH_DAYS - 1)


def settings_of(url: URL, folder: Path) -> Settings:
    """As in production; the zone is one with daylight saving."""
    return Settings(
        _env_file=None,
        environment=Environment.PRODUCTION,
        var_dir=folder,
        database_url=SecretStr(url.render_as_string(hide_password=False)),
        secret_key=SecretStr(secrets.token_urlsafe(48)),
        data_key=SecretStr(base64.b64encode(secrets.token_bytes(32)).decode()),
        clinic_timezone="Europe/Berlin",
        access_token_minutes=24 * 60,
        # A few hundred people book as much as a whole town would.
        max_upcoming=1_000_000,
        rate_limit="1000000000/minute",
        rate_limit_login="1000000000/minute",
    )


@asynccontextmanager
async def scratch(server: Server, folder: Path) -> AsyncIterator[Settings]:
    """A database of its own on `server` (SQLite: in `folder`), migrated, and dropped in the end."""
    name = f"appointed_bench_{secrets.token_hex(4)}"
    if server.name == "sqlite":
        url = URL.create("sqlite+aiosqlite", database=str(folder / f"{name}.sqlite3"))
    else:
        url = driver_url(server.url).set(database=name)
        await _order(server, f"CREATE DATABASE {name}")
    try:
        yield settings_of(url, folder)
    finally:
        if server.name in DROP:
            await _order(server, DROP[server.name].format(name))


async def fill(settings: Settings, size: Size, seed: int = 1) -> Clinic:
    """Migrate the database and put a clinic into it."""
    database = connect(settings.database, settings.vault)
    try:
        await upgrade(database.engines[-1])
        clinic = await _clinic(database, settings, size, random.Random(seed))
        if database.dialect == "postgresql":
            # As autovacuum would in a while, and in the midst of a run, change plans.
            async with transaction(database.writes) as session:
                await session.execute(text("ANALYZE"))
        return clinic
    finally:
        await database.dispose()


async def _clinic(database: Database, settings: Settings, size: Size, chance: random.Random) -> Clinic:
    clock = SystemClock()
    await bootstrap(database, settings, clock)
    tokens = Tokens.of(settings)
    now = clock.now()
    async with transaction(database.writes) as session:
        location = await get_default(session)
        visit_type_id = await session.scalar(select(VisitType.id).where(VisitType.is_default.is_(True)))
        assert visit_type_id
        makes = _People(session, tokens, now)
        treating = [await makes.doctor(number) for number in range(size.doctors)]
        treated = [await makes.patient(number) for number in range(size.patients)]
        desk = await makes.desk()
    first = now.astimezone(settings.zone).date() + timedelta(days=1)
    plan = _Plan(settings, treating, treated, chance)
    month, later = plan.visits(first, MONTH_DAYS), plan.visits(first + timedelta(days=MONTH_DAYS), 200)
    chance.shuffle(later)
    clinic = Clinic(treating, treated, desk, location.id, visit_type_id, first, iter(later))
    booked = [visit for visit in month if chance.random() < BOOKED_SHARE]
    for at in range(0, len(booked), VISITS_A_TRANSACTION):
        async with transaction(database.writes) as session:
            for visit in booked[at : at + VISITS_A_TRANSACTION]:
                _book(session, clinic, visit, now)
    return clinic


@dataclass(frozen=True, slots=True)
class _People:
    """Makes people by the services themselves. Nobody logs in, so nobody has a password that fits."""

    session: AsyncSession
    tokens: Tokens
    now: datetime

    async def doctor(self, number: int) -> Person:
        profile = {
            "first_name": "Dana",
            "last_name": f"Demo {number}",
            "specialization": "General practice",
            "languages": ["en"],
        }
        doctor = await doctors.register(self.session, None, profile, email=f"doctor{number}@example.org",
                                        password_hash="none", now=self.now)  # fmt: skip
        for weekday in range(5):
            await availability.add(
                self.session, None, doctor.id, WeeklyHours(weekday, OPEN_FROM * 60, OPEN_UNTIL * 60), now=self.now
            )
        return Person(doctor.id, doctor.user_id)

    async def patient(self, number: int) -> Person:
        login = patients.Login(f"patient{number}@example.org", "none")
        profile = {"first_name": "Pat", "last_name": f"Sample {number}", "phone": f"+49 30 5550{number:04}"}
        patient = await patients.register(self.session, None, profile, login=login, now=self.now)
        assert patient.user_id
        return Person(patient.id, patient.user_id, await self._token(patient.user_id))

    async def desk(self) -> Person:
        user = await accounts.create(self.session, email="desk@example.org", password_hash="none", by=None,
                                     display_name="Robin Desk", roles=[Role.RECEPTIONIST], now=self.now)  # fmt: skip
        return Person(user.id, user.id, await self._token(user.id))

    async def _token(self, user_id: UUID) -> str:
        session_id, _ = await accounts.open_session(self.session, user_id, timedelta(days=30), self.now)
        return self.tokens.issue(user_id, session_id, self.now)


@dataclass(frozen=True, slots=True)
class _Plan:
    settings: Settings
    doctors: list[Person]
    patients: list[Person]
    chance: random.Random

    def visits(self, first: date, days: int) -> list[Visit]:
        """Every half hour of every doctor, each with a patient who is with nobody else then."""
        return [
            Visit(doctor, patient, starts_at)
            for day in (first + timedelta(days=number) for number in range(days))
            if day.weekday() < 5
            for starts_at in self._starts(day)
            for doctor, patient in zip(self.doctors, self.chance.sample(self.patients, len(self.doctors)), strict=True)
        ]

    def _starts(self, day: date) -> list[datetime]:
        opens = datetime.combine(day, time(OPEN_FROM), self.settings.zone).astimezone(UTC)
        return [opens + number * VISIT for number in range(visits_a_day())]


def visits_a_day() -> int:
    """How many a doctor has who is fully booked."""
    return timedelta(hours=OPEN_UNTIL - OPEN_FROM) // VISIT


def _book(session: AsyncSession, clinic: Clinic, visit: Visit, now: datetime) -> None:
    """The rows of a booking, without asking whether it may be had."""
    visit_id, ends_at = new_id(), visit.starts_at + VISIT
    row = {
        "id": visit_id, "doctor_id": visit.doctor.id, "patient_id": visit.patient.id,
        "visit_type_id": clinic.visit_type_id, "location_id": clinic.location_id, "starts_at": visit.starts_at,
        "ends_at": ends_at, "status": "booked", "version": 1, "is_extra": False, "channel": "online",
        "booked_by": visit.patient.user_id, "notified": "sent", "needs_attention": False, "created_at": now,
    }  # fmt: skip
    batch.put(session, Appointment.__table__, [row])
    first, last = tick_of(visit.starts_at), tick_of(ends_at)
    claims = [resources.Claim(of, first, last, first, last) for of in (visit.doctor.id, visit.patient.id)]
    resources.take(session, claims, visit_id, OWNER)
    care.begin(session, appointment_id=visit_id, patient_id=visit.patient.id, doctor_id=visit.doctor.id,
               doctor_user_id=visit.doctor.user_id, location_id=clinic.location_id, valid_from=now,
               valid_until=ends_at + CARE)  # fmt: skip
    outbox.publish(session, AppointmentBooked(visit_id, 1), now)
    audit.record(session, now, visit.patient.user_id, "appointment.book", "appointment", visit_id,
                 patient_id=visit.patient.id)  # fmt: skip


async def _order(server: Server, order: str) -> None:
    engine = create_async_engine(driver_url(server.url), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(order))
    finally:
        await engine.dispose()
