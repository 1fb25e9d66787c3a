"""Finding patients: by what, and within what."""

from datetime import date, timedelta
from typing import Any

import pytest

from appointed import patients
from appointed.accounts.actor import Actor, Role
from appointed.core.db import transaction
from appointed.core.errors import StartAgain
from appointed.core.names import search_key
from appointed.patients import queries
from appointed.patients.codes import new_record_number
from appointed.patients.models import Patient

from ..support.clock import FixedClock
from ..support.factories import Clinic, Person

WANTED = {
    "first_name": "Zoë", "last_name": "Ångström de Vries", "birth_date": date(1984, 5, 17),
    "phone": "+49 (30) 5550-1234", "contact_email": "zoe@example.org", "insurance_number": "A 123-456.789",
}  # fmt: skip
OTHER = {
    "first_name": "Zora", "last_name": "Sample", "birth_date": date(1984, 5, 18), "phone": "+49 30 5550 4321",
    "contact_email": "zora@example.org", "insurance_number": "B 123-456.789",
}  # fmt: skip


async def register(clinic: Clinic, desk: Person, **profile: Any) -> Patient:
    """A patient without a login."""
    async with transaction(clinic.database.writes) as session:
        return await patients.register(session, desk.actor, profile, login=None, now=clinic.clock.now())


async def found(clinic: Clinic, actor: Actor, q: str = "", **more: Any) -> list[str]:
    """The first names of whom the actor finds."""
    async with clinic.database.reads() as session:
        page = await queries.page(session, actor, q, clinic.clock.now(),
                                  **({"limit": 50, "cursor": None, "is_active": None} | more))  # fmt: skip
    return [patient.first_name for patient in page.items]


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


@pytest.mark.parametrize(
    "queries_of_one_kind",
    [
        ["ang", "ANGSTROM", "Ångström", "ångström", "a\u030angstro\u0308m", "zoe a", "Zoë", "vries", "de vr",
         "ångström de vries"],
        ["1984-05-17", "zo 1984-05-17", "1984-05-17 ang"],
        ["1234", "zo 1234", "1234 1984-05-17"],
        ["+493055501234", "+49 30 5550 1234", "00493055501234", "0049 (30) 5550-1234", "49 30 5550.1234",
         "+49 (0)30 5550 1234", "030 5550 1234", "(030) 5550-1234"],
        ["zo +49 30 5550 1234", "+49 30 5550 1234 zo", "+49 30 5550 1234 1984-05-17"],
        ["zoe@example.org", "ZOE@Example.ORG", "zo zoe@EXAMPLE.org"],
        ["A123456789", "a 123 456 789", "a123-456-789", "A.123.456.789", "zo A123456789"],
    ],
)  # fmt: skip
async def test_any_mix_of_what_is_known_finds_the_one_it_fits(
    clinic: Clinic, desk: Person, queries_of_one_kind: list[str]
) -> None:
    for profile in (WANTED, OTHER):
        await register(clinic, desk, **profile)
    for q in queries_of_one_kind:
        assert await found(clinic, desk.actor, q) == ["Zoë"], q


@pytest.mark.parametrize(
    "q",
    ["ngstrom", "zo 1984-05-16", "ang 4321", "1234 4321", "+49 30 5550 123", "5550 1234", "000000",
     "example.org", "zoe@example", "A12345678",
     "%", "_oe", "zo_", "\\", "P-00000000", "1984", "30 Februar", "2031-02-30", "zo sample 1234"],
)  # fmt: skip
async def test_what_does_not_fit_finds_nobody(clinic: Clinic, desk: Person, q: str) -> None:
    for profile in (WANTED, OTHER):
        await register(clinic, desk, **profile)
    assert await found(clinic, desk.actor, q) == []


async def test_what_fits_two_finds_both_by_last_name(clinic: Clinic, desk: Person) -> None:
    for profile in (OTHER, WANTED):
        await register(clinic, desk, **profile)
    for q in ("zo", "ZO", "", "  ", " zo "):
        assert await found(clinic, desk.actor, q) == ["Zoë", "Zora"], q


async def test_the_record_number_finds_its_patient(clinic: Clinic, desk: Person) -> None:
    wanted, _ = await register(clinic, desk, **WANTED), await register(clinic, desk, **OTHER)
    for q in (wanted.record_number, wanted.record_number.lower(), f"zo {wanted.record_number}"):
        assert await found(clinic, desk.actor, q) == ["Zoë"]


async def test_the_address_of_the_login_finds_its_patient_in_any_letter_case(clinic: Clinic, desk: Person) -> None:
    person = await clinic.patient(first_name="Zoë")
    await clinic.patient(first_name="Zora")
    assert await found(clinic, desk.actor, person.email.upper()) == ["Zoë"]


async def test_a_family_with_one_phone_and_one_address_is_found_together(clinic: Clinic, desk: Person) -> None:
    shared = {"phone": "030 5550 1234", "contact_email": "family@example.org"}
    for name in ("Ada", "Ben"):
        await register(clinic, desk, **(WANTED | shared | {"first_name": name}))
    for q in ("1234", "03055501234", "family@example.org"):
        assert await found(clinic, desk.actor, q) == ["Ada", "Ben"]


async def test_a_number_that_was_changed_or_cleared_finds_nobody(clinic: Clinic, desk: Person) -> None:
    patient = await register(clinic, desk, **WANTED)
    async with transaction(clinic.database.writes) as session:
        await patients.change(session, desk.actor, patient.id, {"phone": "+49 30 5550 9999", "insurance_number": None},
                              now=clinic.clock.now())  # fmt: skip
    for q in ("1234", "+493055501234", "A123456789"):
        assert await found(clinic, desk.actor, q) == []
    for q in ("9999", "+493055509999"):
        assert await found(clinic, desk.actor, q) == ["Zoë"]


async def test_who_is_active_is_asked_for_beside_everything_else(clinic: Clinic, desk: Person) -> None:
    patient = await register(clinic, desk, **WANTED)
    async with transaction(clinic.database.writes) as session:
        await patients.deactivate(session, desk.actor, await session.get_one(Patient, patient.id), clinic.clock.now())
    for q in ("zo", "+49 30 5550 1234", "a 123 456 789", ""):
        assert await found(clinic, desk.actor, q, is_active=False) == ["Zoë"]
        assert await found(clinic, desk.actor, q, is_active=True) == []
        assert await found(clinic, desk.actor, q) == ["Zoë"]


async def test_pages_follow_the_name_and_hold_everybody_once(clinic: Clinic, desk: Person) -> None:
    names = ["Öz", "Adler", "adler", "Ängs", "Zora", "Oz", "Bell"]
    for name in names:
        await register(clinic, desk, **(OTHER | {"first_name": name, "last_name": name}))
    pages: list[str] = []
    cursor = None
    async with clinic.database.reads() as session:
        while True:
            page = await queries.page(
                session, desk.actor, "", clinic.clock.now(), limit=2, cursor=cursor, is_active=None
            )
            pages += [patient.last_name for patient in page.items]
            if not (cursor := page.next_cursor):
                break
    assert sorted(pages) == sorted(names)
    assert [search_key(name) for name in pages] == sorted(map(search_key, names))


async def test_each_role_finds_whom_it_may_see_and_nobody_else(clinic: Clinic, desk: Person, clock: FixedClock) -> None:
    treated, booked, stranger = [await clinic.patient(first_name=name) for name in ("Ann", "Bob", "Cem")]
    doctor, other = await clinic.doctor(), await clinic.doctor()
    nurse, auditor = await clinic.staff(Role.NURSE), await clinic.staff(Role.AUDITOR)
    tomorrow = clock.now() + timedelta(days=1, hours=1)
    await clinic.visit(treated, doctor, tomorrow)
    await clinic.visit(booked, other, tomorrow)
    seen = {
        "desk": await found(clinic, desk.actor),
        "doctor": await found(clinic, doctor.actor),
        "other": await found(clinic, other.actor),
        "nurse": await found(clinic, nurse.actor),
        "patient": await found(clinic, stranger.actor),
        "auditor": await found(clinic, auditor.actor),
    }
    assert {who: sorted(names) for who, names in seen.items()} == {
        "desk": ["Ann", "Bob", "Cem"], "doctor": ["Ann"], "other": ["Bob"], "nurse": ["Ann", "Bob"],
        "patient": ["Cem"], "auditor": [],
    }  # fmt: skip
    clock.advance(timedelta(days=367))
    assert await found(clinic, doctor.actor) == await found(clinic, nurse.actor) == []


async def test_searching_does_not_reach_beyond_what_one_may_see(
    clinic: Clinic, desk: Person, clock: FixedClock
) -> None:
    await register(clinic, desk, **WANTED)
    doctor = await clinic.doctor()
    for q in ("zo", "1234", "+49 30 5550 1234", "+493055501234", "zoe@example.org", "A123456789", "a 123 456 789"):
        assert await found(clinic, doctor.actor, q) == [], q


async def test_a_record_number_that_is_taken_starts_the_request_again(clinic: Clinic, desk: Person) -> None:
    taken = (await register(clinic, desk, **WANTED)).record_number
    with pytest.raises(StartAgain):
        async with transaction(clinic.database.writes) as session:
            await patients.register(session, desk.actor, OTHER, login=None, now=clinic.clock.now(),
                                    new_number=lambda: taken)  # fmt: skip
    assert await found(clinic, desk.actor) == ["Zoë"]


def test_record_numbers_have_nothing_that_is_misread_or_misheard() -> None:
    numbers = [new_record_number() for _ in range(200)]
    assert len(set(numbers)) == 200
    assert not set("".join(number.removeprefix("P-") for number in numbers)) & set("ILOUilou-")
