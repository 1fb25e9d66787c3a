"""Free times cost no more statements for many doctors and days than for few, and none reads a growing table through."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.core.db import Database, transaction
from appointed.locations import service as locations
from tests.support.crowds import analyze, give_leave, hire, occupy, repeat
from tests.support.factories import Clinic, Person
from tests.support.interference import counted, heard
from tests.support.racing import enrol
from tests.support.related import relate

GROWING = ("busy_ticks", "appointments", "time_off", "schedules")
FIRST = date(2031, 3, 4)
ROOM = "treatment"


def query(days: int = 1, **more: Any) -> dict[str, Any]:
    return {"from": str(FIRST), "to": str(FIRST + timedelta(days=days - 1))} | more


async def ask(client: httpx.AsyncClient, who: Person | None, path: str = "/slots", **params: Any) -> Any:
    answer = await client.get(path, params=params, headers=dict(who.headers) if who else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def demanding(clinic: Clinic, admin_id: UUID) -> UUID:
    """A visit type for which everything there is has to be read; there is travel, too."""
    other = await clinic.location()
    async with transaction(clinic.database.writes) as session:
        here = await locations.get_default(session)
        await locations.set_travel(session, admin_id, here.id, other.id, 20, now=clinic.clock.now())
    await clinic.room(here.id, ROOM)
    kind = await clinic.visit_type(daily_limit=30, weekly_limit=100, patient_limit=50, revisit_days=1, room_kind=ROOM,
                                   no_show_limit=3, no_show_months=12,
                                   practitioner_roles=[{"role": "nurse", "specialization": "Nursing"}])  # fmt: skip
    return kind.id


# --- how many --------------------------------------------------------------------------------------------------------


async def test_the_statements_are_as_many_for_one_doctor_and_a_day_as_for_thirty_and_sixty(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    patient = await clinic.patient()
    alone = await hire(clinic, 1, specialization="Dermatology")
    many = await hire(clinic, 30, languages=["en", "de"])
    await occupy(clinic, [*alone, *many], 10, 0.5)
    pairs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("/slots", {"doctor_id": alone}, {"doctor_id": many}),
        ("/slots", {"doctor_id": alone, "limit": 20}, {"doctor_id": many, "limit": 20}),
        ("/slots", {"doctor_id": alone, "per_doctor": 1}, {"doctor_id": many, "per_doctor": 1}),
        ("/slots", {"specialization": "dermatology", "limit": 5}, {"specialization": "general practice", "limit": 5}),
        ("/slots", {"doctor_id": alone, "language": "en"}, {"doctor_id": many, "language": "de"}),
        ("/slots", {"doctor_id": alone, "members": 3}, {"doctor_id": many, "members": 3}),
        ("/slots/days", {"specialization": "dermatology"}, {"specialization": "general practice"}),
    ]
    for path, one, several in pairs:
        with counted(database) as few:
            assert await ask(client, patient, path, **query(1, **one))
        with counted(database) as lots:
            assert await ask(client, patient, path, **query(60, **several))
        assert len(few) == len(lots) <= 8, (path, one, lots)


async def test_where_everybody_is_booked_out_it_takes_some_more_and_a_bounded_number(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    for share, most in ((0.7, 4), (0.97, 12), (1.0, 16)):
        specialization = f"Speciality {share}"
        await occupy(clinic, await hire(clinic, 8, specialization=specialization), 61, share)
        with counted(sqlite_database) as sent:
            answer = await ask(client, None, **query(60, specialization=specialization, limit=20))
        assert (len(answer["slots"]) == 20) == (share < 1)
        assert len(sent) <= most, (share, len(sent))


# --- how -------------------------------------------------------------------------------------------------------------


@contextmanager
def listening(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What reads are sent, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        sent.append((statement, parameters))

    with heard(database.engines[0], "before_cursor_execute", hear):
        yield sent


async def filled(clinic: Clinic, database: Database) -> tuple[list[UUID], list[Person]]:
    """Doctors with long histories, few of whom will be asked for."""
    people = await enrol(clinic, 3_000)
    first = await clinic.visit(people[0], await clinic.doctor(), clinic.clock.now() + timedelta(hours=2))
    doctors = await hire(clinic, 200, expired=150)
    await hire(clinic, 5, expired=150, specialization="Dermatology", languages=["fr"])
    await hire(clinic, 3, specialization="Nursing")
    await occupy(clinic, doctors, 5, 0.5)
    await give_leave(clinic, doctors, 20)
    await repeat(clinic, first.id, doctors, [person.profile_id for person in people])
    await analyze(clinic, *GROWING, "doctors", "patients", "locations", "visit_types")
    return doctors, people


@pytest.mark.backends("postgresql", "mysql")
async def test_no_list_of_free_times_reads_a_growing_table_through(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    doctors, people = await filled(clinic, database)
    me, child = people[0], people[1]
    await relate(clinic, me, child)
    kind = {"visit_type_id": str(await demanding(clinic, me.user_id))}
    asked: list[dict[str, Any]] = [
        {"doctor_id": doctors[0]} | kind,
        {"doctor_id": doctors[:5]} | kind,
        {"doctor_id": doctors[:5], "members": 2} | kind,
        {"doctor_id": doctors[:5], "patient_id": [me.profile_id, child.profile_id]} | kind,
        {"specialization": "Dermatology", "limit": 20} | kind,
        {"language": "fr", "per_doctor": 2, "weekday": "friday"} | kind,
        {"limit": 20} | kind,
    ]
    with listening(database) as sent:
        for params in asked:
            await ask(client, me, **query(31, **params))
    seen = {table for table in GROWING for statement, _ in sent if table in statement}
    assert seen == set(GROWING)
    async with database.engines[0].connect() as connection:
        for statement, parameters in sent:
            plan = (await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).all()
            assert read_through(database.dialect, plan) == [], f"{statement}\n{plan}"


def read_through(dialect: str, plan: Any) -> list[str]:
    """The growing tables that a plan reads from end to end."""
    if dialect == "postgresql":
        return [table for row in plan for table in re.findall(r"Seq Scan on (\w+)", row[0]) if table in GROWING]
    aliases = re.compile(rf"^({'|'.join(GROWING)})(_\d+)?$")
    return [row.table for row in plan if row.table and aliases.match(row.table) and row.type in ("ALL", "index")]
