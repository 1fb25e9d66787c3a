"""An invented clinic to look around in: doctors, hours, patients, a fortnight of visits and some records."""

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from rich.console import Console
from rich.progress import track
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, availability, doctors, patients, records
from appointed.accounts.actor import Actor, Role
from appointed.accounts.passwords import Hasher
from appointed.appointments import offers, service
from appointed.appointments.callers import policy_of
from appointed.appointments.rules import Channel
from appointed.availability.service import WeeklyHours
from appointed.core.clock import SystemClock
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.core.settings import Settings
from appointed.deps.auth import PERMISSIONS
from appointed.doctors.models import Doctor
from appointed.patients.models import Patient

SPECIALITIES = ("General practice", "Paediatrics", "Dermatology", "Cardiology", "Physiotherapy")
DOCTORS = ("Ada Amber", "Ben Birch", "Cleo Coral", "Dan Dune", "Eva Ember", "Finn Fern", "Gia Garnet", "Hal Hazel",
           "Ivy Indigo", "Jon Juniper", "Kit Kelp", "Lia Lilac")  # fmt: skip
FIRST_NAMES = ("Pat", "Sam", "Alex", "Robin", "Kim", "Toni", "Chris", "Jo", "Max", "Nicky")
LAST_NAMES = ("Sample", "Example", "Placeholder", "Testcase", "Mockup", "Specimen")
REASONS = ("Cough for a week", "Check-up", "Vaccination", "Back pain", "Results of the blood test", "Skin rash")
NOTES = ("Lungs clear, throat red. Rest and fluids; come back if there is fever.",
         "No findings. Next check-up in a year.",
         "Mild tension of the lower back. Exercises explained, follow-up in four weeks.")  # fmt: skip
VISITS_A_DOCTOR = 14
RECORDS_A_VISIT = 0.15


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who acts in the demo."""

    desk: Actor
    doctors: Sequence[Doctor]
    patients: Sequence[Patient]


async def fill(database: Database, settings: Settings, console: Console) -> list[tuple[Role, str, str]]:
    """Make the clinic; one login of each role as (role, e-mail, password). The others' passwords nobody knows."""
    logins: list[tuple[Role, str, str]] = [(role, f"{role}@example.org", secrets.token_urlsafe(9)) for role in Role]
    hasher = Hasher(settings.bcrypt_cost)
    with console.status("Making passwords"):
        passwords = [*(password for _, _, password in logins), secrets.token_urlsafe(32)]
        *hashed, locked = await asyncio.gather(*map(hasher.hash, passwords))
        hashes = dict(zip(Role, hashed, strict=True))
    # The same clinic each time, so that people who talk about it see the same.
    dice = random.Random(7)  # noqa: S311 - invented data, not a secret
    async with transaction(database.writes) as session:
        desk = await _staff(session, hashes)
        people = [await _doctor(session, number, hashes[Role.DOCTOR] if number == 0 else locked)
                  for number in range(len(DOCTORS))]  # fmt: skip
        everybody = [await _patient(session, desk, number, hashes[Role.PATIENT] if number == 0 else None, dice)
                     for number in range(len(FIRST_NAMES) * len(LAST_NAMES))]  # fmt: skip
    cast = _Cast(desk, people, everybody)
    await _book(database, settings, cast, dice, console)
    return logins


async def _staff(session: AsyncSession, hashes: dict[Role, str]) -> Actor:
    """One account of each role that is no more than an account; the receptionist does the booking."""
    now = SystemClock().now()
    actors = {}
    for role in (Role.ADMIN, Role.RECEPTIONIST, Role.NURSE, Role.AUDITOR):
        user = await accounts.create(session, email=f"{role}@example.org", password_hash=hashes[role],
                                     display_name=f"Demo {role}", roles=[role], by=None, now=now)  # fmt: skip
        actors[role] = Actor(user.id, new_id(), frozenset({role}), PERMISSIONS[role])
    return actors[Role.RECEPTIONIST]


async def _doctor(session: AsyncSession, number: int, password_hash: str) -> Doctor:
    now = SystemClock().now()
    first, last = DOCTORS[number].split()
    profile = {"title": "Dr.", "first_name": first, "last_name": last, "bio": None, "languages": ["en"],
               "specialization": SPECIALITIES[number % len(SPECIALITIES)]}  # fmt: skip
    email = "doctor@example.org" if number == 0 else f"{first}.{last}@example.org".lower()
    doctor = await doctors.register(session, None, profile, email=email, password_hash=password_hash, now=now)
    starts = 8 * 60 + 30 * (number % 4)
    for weekday in range(5):
        await availability.add(session, None, doctor.id, WeeklyHours(weekday, starts, starts + 4 * 60), now=now)
        if weekday != 2:
            await availability.add(session, None, doctor.id, WeeklyHours(weekday, starts + 300, starts + 540), now=now)
    return doctor


async def _patient(
    session: AsyncSession, desk: Actor, number: int, password_hash: str | None, dice: random.Random
) -> Patient:
    profile = {
        "first_name": FIRST_NAMES[number % len(FIRST_NAMES)],
        "last_name": LAST_NAMES[number // len(FIRST_NAMES)],
        "birth_date": date(1935, 1, 1) + timedelta(days=dice.randrange(85 * 365)),
        "phone": f"+1 555 01{number:02d} {dice.randrange(10_000):04d}",
    }
    login = patients.Login("patient@example.org", password_hash) if password_hash else None
    return await patients.register(session, desk, profile, login=login, now=SystemClock().now())


async def _book(database: Database, settings: Settings, cast: _Cast, dice: random.Random, console: Console) -> None:
    """A fortnight of visits, each at a time that is free for the doctor and, all being half hours, the patient."""
    taken: set[tuple[UUID, datetime]] = set()
    clock, policy = SystemClock(), policy_of(settings)
    for doctor in track(cast.doctors, "Booking visits", console=console, transient=True):
        async with transaction(database.writes) as session:
            now = clock.now()
            free = await offers.slots(session, [doctor.id], None, now, now + timedelta(days=14), now)
            for slot in dice.sample(free, VISITS_A_DOCTOR):
                patient = dice.choice([one for one in cast.patients if (one.id, slot.starts_at) not in taken])
                taken.add((patient.id, slot.starts_at))
                booking = service.Booking(
                    doctor.id, slot.starts_at, patient_id=patient.id, reason=dice.choice(REASONS),
                    channel=dice.choice([Channel.DESK, Channel.PHONE]), is_notifying=False,
                )  # fmt: skip
                await service.book(session, cast.desk, booking, policy=policy, clock=clock)
                if dice.random() < RECORDS_A_VISIT:
                    draft = records.Draft(dice.choice(NOTES), title="Call before the visit")
                    await records.write(session, _actor_of(doctor), patient.id, draft, clock=clock)


def _actor_of(doctor: Doctor) -> Actor:
    return Actor(doctor.user_id, new_id(), frozenset({Role.DOCTOR}), PERMISSIONS[Role.DOCTOR])
