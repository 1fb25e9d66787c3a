"""Whoever looks after others, or shares records with others, finds what is theirs by an index, however much of it there
is."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text

from appointed.accounts.actor import Role
from appointed.accounts.today import today_of
from appointed.appointments import queries as visits
from appointed.appointments.models import Appointment
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.core.settings import RecordSharing, Settings
from appointed.deps.auth import SHARING
from appointed.locations.models import StaffAssignment
from appointed.patients import queries as patients
from appointed.patients.models import CareRelation, RelatedPerson
from appointed.records import queries as records
from appointed.records.models import MedicalRecord
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import heard
from tests.support.racing import enrol

PEOPLE, VISITS_EACH = 1_000, 4
GROWING = ("appointments", "patients", "related_people", "medical_records", "care_relations")


async def filled(clinic: Clinic, database: Database, doctor: Person) -> list[Person]:
    """Everybody has visits with the doctor and records, and looks after the next one."""
    people = await enrol(clinic, PEOPLE)
    first = await clinic.visit(people[0], doctor, clinic.clock.now() + timedelta(hours=2))
    common = {"relationship": "carer", "may_book": True, "may_read": True, "created_by": people[0].user_id,
              "created_at": clinic.clock.now(), "verified_at": clinic.clock.now()}  # fmt: skip
    async with transaction(database.writes) as session:
        seen = await session.get_one(Appointment, first.id)
        visit = {column.name: getattr(seen, column.name) for column in Appointment.__table__.columns}
        rows = [visit | {"id": new_id(), "patient_id": person.id} for person in people for _ in range(VISITS_EACH)]
        await session.execute(insert(Appointment), rows)
        await session.execute(insert(CareRelation), [cared_for(row, clinic) for row in rows])
        await session.execute(insert(MedicalRecord), [written_of(row, clinic) for row in rows])
        pairs = [{"user_id": one.user_id, "patient_id": other.id} for one, other in pairwise(people)]
        await session.execute(insert(RelatedPerson), [common | pair | {"id": new_id()} for pair in pairs])
    order = "ANALYZE {}" if database.dialect == "postgresql" else "ANALYZE TABLE {}"
    async with database.engines[-1].connect() as connection:
        for table in GROWING:
            await connection.execute(text(order.format(table)))
        await connection.commit()
    return people


def cared_for(visit: Mapping[str, Any], clinic: Clinic) -> dict[str, Any]:
    """By as many doctors as there are patients: who treats everybody may well read through everything."""
    now, doctor_id = clinic.clock.now(), visit["patient_id"]
    return {"appointment_id": visit["id"], "patient_id": visit["patient_id"], "location_id": visit["location_id"],
            "doctor_id": doctor_id, "doctor_user_id": doctor_id, "valid_from": now,
            "valid_until": now + timedelta(days=365)}  # fmt: skip


def written_of(visit: Mapping[str, Any], clinic: Clinic) -> dict[str, Any]:
    return {"id": new_id(), "patient_id": visit["patient_id"], "author_id": visit["doctor_id"], "status": "final",
            "version": 1, "notes_sealed": b"-", "created_at": clinic.clock.now()}  # fmt: skip


async def colleague_of(clinic: Clinic, place: UUID) -> Person:
    """A doctor who treats nobody, and works where everybody is treated."""
    colleague = await clinic.doctor(hours=False)
    async with transaction(clinic.database.writes) as session:
        session.add(StaffAssignment(user_id=colleague.user_id, location_id=place))
    return colleague


@pytest.mark.backends("postgresql", "mysql")
async def test_nothing_that_grows_is_read_through(
    clinic: Clinic, clock: FixedClock, settings: Settings, database: Database
) -> None:
    people, now, sent = await filled(clinic, database, await clinic.doctor()), clock.now(), []
    today = today_of(settings.model_copy(update={"minors_private_from_age": 14}), now)
    me = replace(people[100].actor, today=today)
    async with database.reads() as session:
        place = (await session.scalars(select(Appointment.location_id).limit(1))).one()
    sharing = SHARING[RecordSharing.LOCATION][Role.DOCTOR]
    colleague = (await colleague_of(clinic, place)).actor
    colleague = replace(colleague, today=today, permissions=colleague.permissions | sharing)

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        sent.append((statement, parameters))

    with heard(database.engines[0], "before_cursor_execute", hear):
        async with database.reads() as session:
            found = await visits.page(session, me, visits.Filter(), limit=50, cursor=None)
            await visits.get_for_change(session, me, found.items[0].id)
            await patients.get(session, me, people[101].profile_id, now)
            await records.page(session, me, people[100].profile_id, now, limit=50, cursor=None)
            await patients.get(session, colleague, people[300].profile_id, now)
            shared = await records.page(session, colleague, people[300].profile_id, now, limit=50, cursor=None)
            await records.get(session, colleague, shared.items[0].id, now)
            await records.get(session, replace(people[299].actor, today=today), shared.items[0].id, now)
    assert len(shared.items) == VISITS_EACH
    assert {visit.patient_id for visit in found.items} == {people[100].id, people[101].id}
    async with database.engines[0].connect() as connection:
        for statement, parameters in sent:
            plan = (await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).all()
            assert read_through(database.dialect, plan) == [], statement


def read_through(dialect: str, plan: Any) -> list[str]:
    """The growing tables that a plan reads from end to end."""
    if dialect == "postgresql":
        return [table for row in plan for table in re.findall(r"Seq Scan on (\w+)", row[0]) if table in GROWING]
    return [row.table for row in plan if row.table in GROWING and row.type in ("ALL", "index")]
