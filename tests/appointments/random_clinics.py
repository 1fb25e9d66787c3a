"""Small clinics that are like no other: by number, with doctors, hours, leave, rooms, rules and visits by chance."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import update

from appointed.accounts.actor import Role
from appointed.appointments import offers, service
from appointed.appointments.policy import Policy, Quotas
from appointed.availability.models import Offer
from appointed.availability.rules import HoursKind, TimeOffKind
from appointed.availability.service import Absence, new_absence
from appointed.core.db import transaction
from appointed.core.errors import AppError
from appointed.core.ids import new_id
from appointed.doctors.models import Doctor
from appointed.locations import service as locations
from appointed.locations.models import Location
from appointed.visit_types.models import VisitType
from tests.support.factories import Clinic, Person

MONDAY = date(2031, 3, 3)
# The clocks of New York are put forward on the Sunday, those of Lord Howe Island back a month later.
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
ROOM = "treatment"


@dataclass(frozen=True, slots=True)
class RandomClinic:
    """Whoever asks may book `kind` for a patient who has visits already."""

    clinic: Clinic
    luck: Random
    doctors: list[Doctor]
    zones: dict[UUID, str]
    kind: VisitType
    patient: Person
    sibling: Person
    desk: Person
    quotas: Quotas

    @property
    def policy(self) -> Policy:
        return Policy(quotas=self.quotas)

    def around(self, *, days: int = 9, **more: Any) -> offers.Around:
        first = datetime(2031, 3, 3, tzinfo=self.clinic.clock.now().tzinfo)
        said = {"patient_id": self.patient.id, "quotas": self.quotas, "is_online": True} | more
        return offers.Around(first, first + timedelta(days=days), self.clinic.clock.now(), **said)

    async def listed(
        self, around: offers.Around, *, wish: offers.Wish | None = None, limit: int | None = None,
        per_doctor: int | None = None, **search: Any,
    ) -> list[offers.Slot]:  # fmt: skip
        search = {"visit_type_id": self.kind.id} | search
        async with self.clinic.database.reads() as session:
            return await offers.find(session, offers.Search(**search), wish or offers.Wish(), around, limit=limit,
                                     per_doctor=per_doctor)  # fmt: skip


async def random_clinic(clinic: Clinic, number: int) -> RandomClinic:
    luck = Random(f"appointed {number}")
    places = [await _default_place(clinic), await clinic.location(timezone=luck.choice(ZONES))]
    for place in places:
        await clinic.room(place.id, ROOM)
    kind = await clinic.visit_type(**_rules(luck))
    doctors = [await _doctor(clinic, luck, places, kind) for _ in range(3)]
    desk = await clinic.staff(Role.RECEPTIONIST)
    await _offers(clinic, luck, doctors, places, kind)
    if luck.random() < 0.5:
        async with transaction(clinic.database.writes) as session:
            one, other = places
            await locations.set_travel(session, desk.user_id, one.id, other.id, 30, now=clinic.clock.now())
    quotas = Quotas(luck.choice((None, None, None, 3)))
    made = RandomClinic(clinic, luck, doctors, {place.id: place.timezone for place in places}, kind,
                        await clinic.patient(), await clinic.patient(), desk, quotas)  # fmt: skip
    await _fill(made, await clinic.patient())
    return made


def _rules(luck: Random) -> dict[str, Any]:
    return {
        "length_minutes": luck.choice((20, 30, 30, 45)), "grid_minutes": luck.choice((15, 30, 30, 40)),
        "grid_offset_minutes": luck.choice((0, 0, 10)), "buffer_before_minutes": luck.choice((0, 0, 10)),
        "buffer_after_minutes": luck.choice((0, 0, 5, 20)), "notice_minutes": luck.choice((0, 0, 180)),
        "window_days": luck.choice((365, 365, 4)), "daily_limit": luck.choice((None, None, 2)),
        "weekly_limit": luck.choice((None, None, None, 4)), "patient_limit": luck.choice((None, None, None, 2)),
        "revisit_days": luck.choice((None, None, None, 2)), "room_kind": luck.choice((None, None, ROOM)),
    }  # fmt: skip


async def _default_place(clinic: Clinic) -> Location:
    async with clinic.database.reads() as session:
        return await locations.get_default(session)


async def _doctor(clinic: Clinic, luck: Random, places: list[Location], kind: VisitType) -> Doctor:
    profile = {
        "specialization": luck.choice(("General practice", "Dérmatology")),
        "languages": luck.sample(("en", "de-CH", "fr"), luck.randint(0, 3)),
    }
    doctor = await clinic.doctor(hours=False, **profile)
    for _ in range(luck.randint(5, 9)):
        # Nobody can be at two places at once.
        with suppress(AppError):
            await _some_hours(clinic, luck, doctor.profile_id, luck.choice(places), kind)
    if luck.random() < 0.4:
        kind_of, reason = luck.choice(((TimeOffKind.LEAVE, "vacation"), (TimeOffKind.BLOCK, "meeting")))
        start = clinic.clock.now() + timedelta(hours=luck.randint(0, 150))
        absence = Absence(kind_of, start, start + timedelta(hours=luck.choice((2, 30))), reason)
        async with transaction(clinic.database.writes) as session:
            new_absence(session, doctor.user_id, doctor.profile_id, absence, clinic.clock.now())
    async with transaction(clinic.database.writes) as session:
        is_active = luck.random() < 0.9
        await session.execute(update(Doctor).where(Doctor.id == doctor.id).values(is_active=is_active))
    async with clinic.database.reads() as session:
        return await session.get_one(Doctor, doctor.profile_id)


async def _some_hours(clinic: Clinic, luck: Random, doctor_id: UUID, place: Location, kind: VisitType) -> None:
    day = MONDAY + timedelta(days=luck.randint(0, 6))
    start = luck.choice((0, 360, 480, 540, 720, 810, 1080, 1320))
    what = luck.choice((HoursKind.OPEN,) * 6 + (HoursKind.EXTRA, HoursKind.CLOSED, HoursKind.BREAK))
    is_opening, is_on_one_day = what in (HoursKind.OPEN, HoursKind.EXTRA), what in (HoursKind.EXTRA, HoursKind.CLOSED)
    more: dict[str, Any] = {"valid_from": day, "valid_until": day} if is_on_one_day else {}
    if not more and luck.random() < 0.2:
        more["valid_until"] = MONDAY + timedelta(days=luck.randint(-3, 9))
    if is_opening and luck.random() < 0.15:
        more["visit_type_ids"] = frozenset({kind.id})
    if is_opening and luck.random() < 0.1:
        more["release_minutes"] = luck.choice((120, 1440))
    length = luck.choice((120, 240, 480) if is_opening else (30, 60, 120))
    await clinic.hours(doctor_id, day.weekday(), start, start + length, location_id=place.id, kind=what, **more)


async def _offers(
    clinic: Clinic, luck: Random, doctors: list[Doctor], places: list[Location], kind: VisitType
) -> None:  # fmt: skip
    """Sometimes only some doctors offer the type, some at one place only, and some in their own way."""
    if luck.random() < 0.6:
        return
    async with transaction(clinic.database.writes) as session:
        for doctor in luck.sample(doctors, 2):
            place_id = luck.choice((None, luck.choice(places).id))
            session.add(Offer(id=new_id(), doctor_id=doctor.id, visit_type_id=kind.id, location_id=place_id,
                              length_minutes=luck.choice((None, 50)), daily_limit=luck.choice((None, 1))))  # fmt: skip


async def _fill(made: RandomClinic, other: Person) -> None:
    """Visits of others and of the patient, some of them held."""
    for who, whose, count in ((other, {}, 12), (made.patient, {"visit_type_id": None}, 2), (made.patient, {}, 1)):
        for _ in range(count):
            around = made.around(days=5, patient_id=who.id)
            free = await made.listed(around, **whose)
            if not free:
                break
            slot = made.luck.choice(free)
            booking = service.Booking(slot.doctor_id, slot.starts_at, visit_type_id=slot.visit_type_id,
                                      location_id=slot.location_id, is_held=made.luck.random() < 0.3)  # fmt: skip
            with suppress(AppError):
                async with transaction(made.clinic.database.writes) as session:
                    await service.book(session, who.actor, booking, policy=made.policy, clock=made.clinic.clock)
