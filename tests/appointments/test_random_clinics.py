"""In clinics of all kinds, what is listed is booked, what is not is refused, and filters leave out what they say."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from appointed.appointments import offers, service
from appointed.appointments.errors import TimeRefused
from appointed.appointments.offers import FamilySlot, Slot, Wish
from appointed.appointments.policy import NO_QUOTAS
from appointed.availability.wishes import PartOfDay
from appointed.core.db import Database
from tests.support.factories import Clinic

from .random_clinics import RandomClinic, random_clinic

HOW_MANY = int(os.environ.get("FUZZ_CLINICS", "8"))
numbers = pytest.mark.parametrize("number", range(HOW_MANY))
HOURS = {PartOfDay.MORNING: range(12), PartOfDay.AFTERNOON: range(12, 17), PartOfDay.EVENING: range(17, 24)}


def shown(made: RandomClinic, slot: Slot) -> datetime:
    """What the clock on the wall shows when the visit starts."""
    return slot.starts_at.astimezone(ZoneInfo(made.zones[slot.location_id]))


def some(luck: Random, slots: Sequence[Slot], count: int) -> list[Slot]:
    return luck.sample(slots, min(count, len(slots)))


async def refusal(made: RandomClinic, slot: Slot) -> str | None:
    """Why the patient cannot book it; nothing is left behind."""
    booking = service.Booking(slot.doctor_id, slot.starts_at, visit_type_id=slot.visit_type_id,
                              location_id=slot.location_id)  # fmt: skip
    async with made.clinic.database.writes() as session:
        try:
            visit = await service.book(session, made.patient.actor, booking, policy=made.policy,
                                       clock=made.clinic.clock)  # fmt: skip
        except TimeRefused as error:
            return error.code
    assert (visit.ends_at, visit.location_id) == (slot.ends_at, slot.location_id)
    return None


async def family_of(made: RandomClinic, slot: Slot) -> list[tuple[UUID, datetime]] | str:
    """When the desk can book each of the two, beginning there; or why it cannot."""
    bookings = [
        service.Booking(slot.doctor_id, slot.starts_at, visit_type_id=slot.visit_type_id, location_id=slot.location_id,
                        patient_id=member.id)
        for member in (made.patient, made.sibling)
    ]  # fmt: skip
    async with made.clinic.database.writes() as session:
        try:
            booked = await service.book_family(session, made.desk.actor, bookings, policy=made.policy,
                                               clock=made.clinic.clock)  # fmt: skip
        except TimeRefused as error:
            return error.code
        return [(visit.patient_id, visit.starts_at) for visit in booked.visits]


async def test_a_random_clinic_has_free_times_and_not_all_times_are(clinic: Clinic, sqlite_database: Database) -> None:
    made = await random_clinic(clinic, 0)
    listed = await made.listed(made.around())
    assert 10 < len(listed) < 1_000


@numbers
async def test_what_is_listed_is_booked_and_what_is_not_is_refused(
    number: int, clinic: Clinic, sqlite_database: Database
) -> None:
    await check_bookings(await random_clinic(clinic, number))


@pytest.mark.backends("postgresql", "mysql")
async def test_servers_list_what_is_booked(clinic: Clinic, database: Database) -> None:
    made = await random_clinic(clinic, 3)
    await check_bookings(made)
    await check_filters(made)
    await check_first(made)


async def check_bookings(made: RandomClinic) -> None:
    listed = await made.listed(made.around())
    for slot in some(made.luck, listed, 25):
        assert await refusal(made, slot) is None, slot
    free = {(slot.doctor_id, slot.location_id, slot.starts_at) for slot in listed}
    for _ in range(40):
        doctor, place = made.luck.choice(made.doctors), made.luck.choice([*made.zones])
        start = made.around().first + timedelta(minutes=5 * made.luck.randrange(9 * 288))
        if (doctor.id, place, start) not in free:
            slot = Slot(doctor.id, place, made.kind.id, start, start)
            assert await refusal(made, slot) is not None, slot


@numbers
async def test_a_family_is_booked_where_it_is_listed_and_nowhere_else(
    number: int, clinic: Clinic, sqlite_database: Database
) -> None:
    made = await random_clinic(clinic, number)
    alone = made.around(patient_id=None, quotas=NO_QUOTAS, is_online=False)
    members = (made.patient.profile_id, made.sibling.profile_id)
    together = await made.listed(made.around(patient_id=None, quotas=NO_QUOTAS, is_online=False, family=members))
    for slot in some(made.luck, together, 15):
        assert isinstance(slot, FamilySlot)
        assert await family_of(made, slot) == [(member.patient_id, member.starts_at) for member in slot.members]
        assert (slot.starts_at, slot.ends_at) == (slot.members[0].starts_at, slot.members[-1].ends_at)
    begun = {(slot.doctor_id, slot.location_id, slot.starts_at) for slot in together}
    # Who begins right before the end of the range goes on after it.
    early = [slot for slot in await made.listed(alone) if slot.starts_at < alone.last - timedelta(hours=3)]
    others = [slot for slot in early if (slot.doctor_id, slot.location_id, slot.starts_at) not in begun]
    for slot in some(made.luck, others, 15):
        assert isinstance(await family_of(made, slot), str), slot


@numbers
async def test_filters_leave_out_what_they_say_and_no_more(
    number: int, clinic: Clinic, sqlite_database: Database
) -> None:
    await check_filters(await random_clinic(clinic, number))


async def check_filters(made: RandomClinic) -> None:
    around = made.around()
    whole = await made.listed(around, doctor_ids=tuple(doctor.id for doctor in made.doctors))
    assert await made.listed(around) == whole, "any doctor is every doctor"
    for part in PartOfDay:
        wanted = [slot for slot in whole if shown(made, slot).hour in HOURS[part]]
        assert await made.listed(around, wish=Wish(part)) == wanted
    days = frozenset(made.luck.sample(range(7), 3))
    wanted = [slot for slot in whole if shown(made, slot).weekday() in days]
    assert await made.listed(around, wish=Wish(weekdays=days)) == wanted
    for specialization in ("general PRACTICE", "dermatology", "neurology"):
        ids = {doctor.id for doctor in made.doctors if doctor.specialization_key == specialization.lower()}
        assert await made.listed(around, specialization=specialization) == [s for s in whole if s.doctor_id in ids]
    for language, tags in {"de": {"de-CH"}, "DE-ch": {"de-CH"}, "e": set(), "en": {"en"}}.items():
        ids = {doctor.id for doctor in made.doctors if tags & {*doctor.languages}}
        wanted = [slot for slot in whole if slot.doctor_id in ids]
        assert await made.listed(around, language=language) == wanted
        named = tuple(doctor.id for doctor in made.doctors[:2])
        both = await made.listed(around, language=language, doctor_ids=named)
        assert both == [slot for slot in wanted if slot.doctor_id in named]
    for place in made.zones:
        there = await made.listed(made.around(location_id=place))
        assert there == [slot for slot in whole if slot.location_id == place]


@numbers
async def test_the_first_ones_are_the_first_of_all(number: int, clinic: Clinic, sqlite_database: Database) -> None:
    await check_first(await random_clinic(clinic, number))


async def check_first(made: RandomClinic) -> None:
    around = made.around(days=40)
    whole = await made.listed(around)
    for limit in (1, 3, 20, 150, len(whole) + 1):
        assert await made.listed(around, limit=limit) == whole[:limit]
    for per_doctor in (1, 4):
        best = first_of_each(whole, per_doctor)
        assert await made.listed(around, per_doctor=per_doctor) == best
        assert await made.listed(around, per_doctor=per_doctor, limit=2) == best[:2]
        named = tuple(doctor.id for doctor in made.doctors)
        assert await made.listed(around, per_doctor=per_doctor, doctor_ids=named) == best
    evenings = [slot for slot in whole if shown(made, slot).hour >= 17]
    assert await made.listed(around, wish=Wish(PartOfDay.EVENING), limit=5) == evenings[:5]
    families = made.around(days=40, patient_id=None, family=(None, None, None))
    assert await made.listed(families, limit=7) == (await made.listed(families))[:7]
    await check_days(made, around, whole)


def first_of_each(slots: Sequence[Slot], count: int) -> list[Slot]:
    seen: dict[UUID, int] = defaultdict(int)
    found = []
    for slot in slots:
        seen[slot.doctor_id] += 1
        if seen[slot.doctor_id] <= count:
            found.append(slot)
    return found


async def check_days(made: RandomClinic, around: offers.Around, whole: Sequence[Slot]) -> None:
    async with made.clinic.database.reads() as session:
        days = await offers.count_days(session, offers.Search(visit_type_id=made.kind.id), Wish(), around)
    wanted = Counter(shown(made, slot).date() for slot in whole)
    assert {day.date: day.free for day in days} == wanted
    assert [day.date for day in days] == sorted(wanted)
