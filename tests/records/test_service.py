"""Records as the service leaves them in the database."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import records
from appointed.accounts.actor import Actor, Role
from appointed.appointments import service as appointments
from appointed.core.db import Database, transaction
from appointed.core.errors import AppError, Forbidden, NotFound
from appointed.deps.auth import PERMISSIONS
from appointed.patients import care
from appointed.records import queries
from appointed.records.errors import Superseded
from appointed.records.models import MedicalRecord
from appointed.records.rules import Status

from ..support.clock import FixedClock
from ..support.factories import Person
from .conftest import Ward

SECRET = "Something that nobody else may read"
ALL_SECRET = records.Draft(SECRET, SECRET, [{"system": "x", "code": SECRET, "display": None}])


async def write(ward: Ward, who: Person, draft: records.Draft) -> MedicalRecord:
    async with transaction(ward.clinic.database.writes) as session:
        return await records.write(session, who.actor, ward.patient.profile_id, draft,
                                   clock=ward.clinic.clock)  # fmt: skip


async def amend(ward: Ward, record: MedicalRecord, notes: str) -> MedicalRecord:
    async with transaction(ward.clinic.database.writes) as session:
        return await records.amend(session, ward.doctor.actor, record.id, {"notes": notes},
                                   clock=ward.clinic.clock)  # fmt: skip


async def retract(ward: Ward, record: MedicalRecord) -> MedicalRecord:
    async with transaction(ward.clinic.database.writes) as session:
        return await records.retract(session, ward.doctor.actor, record.id, SECRET,
                                     clock=ward.clinic.clock)  # fmt: skip


async def seen_by(ward: Ward, actor: Actor) -> list[str]:
    """The notes of what the actor may read at all."""
    async with ward.clinic.database.reads() as session:
        query = queries.visible_to(actor, ward.clinic.clock.now()).order_by(MedicalRecord.id)
        return [record.notes or "" for record in (await session.scalars(query)).all()]


async def test_what_a_doctor_writes_is_sealed_in_the_database(ward: Ward) -> None:
    record = await retract(ward, await write(ward, ward.doctor, ALL_SECRET))
    columns = text("SELECT title_sealed, notes_sealed, diagnoses_sealed, retract_reason_sealed FROM medical_records")
    async with ward.clinic.database.reads() as session:
        row = (await session.execute(columns)).one()
        assert all(sealed and SECRET.encode() not in bytes(sealed) for sealed in row)
        assert len({bytes(sealed) for sealed in row}) == 4
        read = await session.get_one(MedicalRecord, record.id)
        assert (read.title, read.notes, read.retract_reason) == (SECRET, SECRET, SECRET)
        assert read.diagnoses == [{"system": "x", "code": SECRET, "display": None}]


async def test_sealed_notes_cannot_be_moved_to_another_record(ward: Ward, sqlite_database: Database) -> None:
    one, other = await write(ward, ward.doctor, ALL_SECRET), await write(ward, ward.doctor, ALL_SECRET)
    async with transaction(sqlite_database.writes) as session:
        (await session.get_one(MedicalRecord, one.id)).notes_sealed = other.notes_sealed
    with pytest.raises(InvalidTag):
        await seen_by(ward, ward.doctor.actor)


async def test_an_amendment_leaves_what_was_signed_as_it_was(ward: Ward) -> None:
    old = await write(ward, ward.doctor, ALL_SECRET)
    before = (old.notes_sealed, old.title_sealed, old.diagnoses_sealed, old.signed_at, old.status)
    new = await amend(ward, old, "Better")
    async with ward.clinic.database.reads() as session:
        kept = await session.get_one(MedicalRecord, old.id)
        assert (kept.notes_sealed, kept.title_sealed, kept.diagnoses_sealed, kept.signed_at, kept.status) == before
        read = await session.get_one(MedicalRecord, new.id)
        assert (read.title, read.notes, read.diagnoses[0]["code"]) == (SECRET, "Better", SECRET)


async def test_a_chain_of_amendments_is_retracted_as_one(ward: Ward) -> None:
    first = await write(ward, ward.doctor, records.Draft("1"))
    third = await amend(ward, await amend(ward, first, "2"), "3")
    other = await write(ward, ward.doctor, records.Draft("other"))
    await retract(ward, third)
    assert await seen_by(ward, ward.patient.actor) == ["other"]
    async with ward.clinic.database.reads() as session:
        rows = (await session.scalars(select(MedicalRecord).order_by(MedicalRecord.id))).all()
        assert [(row.notes, row.status) for row in rows if row.id != other.id] == [
            ("1", Status.ENTERED_IN_ERROR), ("2", Status.ENTERED_IN_ERROR), ("3", Status.ENTERED_IN_ERROR),
        ]  # fmt: skip


async def test_of_many_amendments_at_once_one_replaces_the_record(ward: Ward) -> None:
    old = await write(ward, ward.doctor, records.Draft("old"))
    answers = await asyncio.gather(*(amend(ward, old, str(n)) for n in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, MedicalRecord) for answer in answers) == 1
    assert sum(isinstance(answer, Superseded) for answer in answers) == 7
    assert len(await seen_by(ward, ward.patient.actor)) == 2


async def test_when_care_ends_a_doctor_keeps_what_they_wrote_and_nothing_else(ward: Ward, clock: FixedClock) -> None:
    mine = await write(ward, ward.doctor, records.Draft("mine"))
    await write(ward, ward.colleague, records.Draft("the colleague's"))
    await write(ward, ward.doctor, records.Draft("my draft", status=Status.PRELIMINARY))
    assert await seen_by(ward, ward.doctor.actor) == ["mine", "the colleague's", "my draft"]
    clock.advance(timedelta(days=366))
    assert await seen_by(ward, ward.doctor.actor) == ["mine", "my draft"]
    assert await seen_by(ward, ward.patient.actor) == ["mine", "the colleague's"]
    await amend(ward, mine, "still mine")
    with pytest.raises(NotFound):
        await write(ward, ward.doctor, records.Draft("too late"))
    async with ward.clinic.database.reads() as session:
        found = await queries.page(
            session, ward.doctor.actor, ward.patient.profile_id, clock.now(), limit=9, cursor=None
        )
        assert [record.notes for record in found.items] == ["my draft", "still mine"]


async def test_a_cancelled_visit_gives_no_right_to_write(ward: Ward) -> None:
    async with transaction(ward.clinic.database.writes) as session:
        await appointments.cancel(session, ward.patient.actor, ward.visit_id,
                                  clock=ward.clinic.clock)  # fmt: skip
    with pytest.raises(NotFound):
        await write(ward, ward.doctor, records.Draft("never met"))


async def test_who_holds_two_roles_sees_what_each_of_them_may(ward: Ward, sqlite_database: Database) -> None:
    await write(ward, ward.colleague, records.Draft("released"))
    await write(ward, ward.colleague, records.Draft("draft", status=Status.PRELIMINARY))
    both = PERMISSIONS[Role.PATIENT] | PERMISSIONS[Role.DOCTOR] | PERMISSIONS[Role.ADMIN]
    seen = {who: await seen_by(ward, replace(person.actor, permissions=both)) for who, person in (
        ("patient", ward.patient), ("stranger", ward.stranger), ("doctor", ward.doctor), ("author", ward.colleague),
    )}  # fmt: skip
    assert seen == {"patient": ["released"], "stranger": [], "doctor": ["released"], "author": ["released", "draft"]}


async def test_an_administrator_reads_nothing(ward: Ward, sqlite_database: Database) -> None:
    await write(ward, ward.doctor, records.Draft("private"))
    for role in (Role.ADMIN, Role.RECEPTIONIST, Role.NURSE, Role.AUDITOR):
        assert await seen_by(ward, replace(ward.doctor.actor, permissions=PERMISSIONS[role])) == []


async def test_a_doctors_role_without_a_profile_writes_nothing(ward: Ward, sqlite_database: Database) -> None:
    nobody = await ward.clinic.staff(Role.DOCTOR)
    with pytest.raises(Forbidden):
        await write(ward, nobody, records.Draft("by whom?"))


async def test_an_empty_list_is_not_the_same_as_nobody_there(ward: Ward) -> None:
    now = ward.clinic.clock.now()

    async def listed(session: AsyncSession, who: Person) -> int | type[AppError]:
        try:
            page = await queries.page(session, who.actor, ward.patient.profile_id, now, limit=9, cursor=None)
        except AppError as error:
            return type(error)
        return len(page.items)

    async with ward.clinic.database.reads() as session:
        people = (ward.patient, ward.doctor, ward.stranger, ward.neighbour)
        assert [await listed(session, who) for who in people] == [0, 0, NotFound, NotFound]


async def test_the_author_of_what_was_retracted_still_finds_the_patient(ward: Ward, clock: FixedClock) -> None:
    await retract(ward, await write(ward, ward.doctor, records.Draft("wrong")))
    clock.advance(timedelta(days=400))
    async with ward.clinic.database.reads() as session:
        assert not await care.exists(session, ward.doctor.actor,
                                     patient_id=ward.patient.profile_id, now=clock.now())  # fmt: skip
        found = await queries.page(
            session, ward.doctor.actor, ward.patient.profile_id, clock.now(), limit=9, cursor=None
        )
        assert found.items == []
