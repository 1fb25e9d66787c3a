"""Why somebody reaches a patient, and what that opens to them: one row a route that touches a patient's things, one
column a reason. The clinic shares records within its places."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.core.settings import RecordSharing
from appointed.doctors import covering
from appointed.locations import service as locations
from appointed.locations.models import Location
from appointed.patients import emergencies

from ..support.clock import FixedClock
from ..support.factories import Clinic, Person
from ..support.interference import counted
from ..support.options import set_options
from ..support.related import relate
from .matrix import ACCESS as EVERYTHING
from .matrix import Row, rows_of
from .requests import PARAMETER, ask_of
from .routes import routes_of
from .test_matrix import check_hidden
from .world import World, world_of


class Why(StrEnum):
    """They are the patient; look after them, and read and book; treat them; stand in for who does; opened the record
    in an emergency; are a doctor where the patient is treated; are a doctor of another place."""

    OWN = "own"
    RELATED = "related"
    TREATED = "treated"
    COVERED = "covered"
    OPENED = "opened"
    SHARED = "shared"
    OTHER = "other"


# Of whatever they show, that is somebody's.
LISTS = {"GET /patients", "GET /appointments"}
NAMED = {"patient_id", "appointment_id", "series_id", "record_id", "relation_id"}
ACCESS = """
#                                                                   own  rel.  tre.  cov. open. sha. other
GET    /patients                                                    403   403   200   200   200   200   200
GET    /patients/{patient_id}                                       200   200   200   200   200   200   404
PATCH  /patients/{patient_id}                                       200   403   403   403   403   403   403
DELETE /patients/{patient_id}                                       200   403   403   403   403   403   403
GET    /patients/{patient_id}/export                                200   403   403   403   403   403   403
GET    /patients/{patient_id}/accesses                              200   200   403   403   403   403   403
POST   /patients/{patient_id}/invite                                403   403   403   403   403   403   403
POST   /patients/{patient_id}/erase                                 403   403   403   403   403   403   403
POST   /patients/{patient_id}/related-people                        201   404   403   403   403   403   403
GET    /patients/{patient_id}/related-people                        200   200   403   403   403   403   403
PATCH  /patients/{patient_id}/related-people/{relation_id}          403   403   403   403   403   403   403
DELETE /patients/{patient_id}/related-people/{relation_id}          204   404   403   403   403   403   403
POST   /patients/{patient_id}/related-people/{relation_id}/confirm  403   403   403   403   403   403   403

GET    /slots for the patient                                       200   200   403   403   403   403   403
GET    /slots/days for the patient                                  200   200   403   403   403   403   403
POST   /appointments for the patient                                201   201   403   403   403   403   403
POST   /appointments/holds for the patient                          201   201   403   403   403   403   403
POST   /appointments/any-doctor for the patient                     201   201   403   403   403   403   403
POST   /appointments/series for the patient                         201   201   403   403   403   403   403
POST   /sessions/{session_id}/places for the patient                201   201   403   403   403   403   403
GET    /appointments                                                200   200   200   200   200   200   200
GET    /appointments/{appointment_id}                               200   200   200   200   404   404   404
GET    /appointments/{appointment_id}/history                       200   200   200   200   404   404   404
POST   /appointments/{appointment_id}/extend                        200   200   403   403   403   403   403
POST   /appointments/{appointment_id}/confirm                       200   200   403   403   403   403   403
POST   /appointments/{appointment_id}/reschedule                    200   200   200   403   404   404   404
POST   /appointments/{appointment_id}/undo                          403   403   200   403   404   404   404
DELETE /appointments/{appointment_id}                               200   200   200   403   404   404   404
POST   /appointments/{appointment_id}/cancel                        200   200   200   403   404   404   404
POST   /appointments/{appointment_id}/arrive                        403   403   403   403   403   403   403
POST   /appointments/{appointment_id}/check-in                      403   403   403   403   403   403   403
POST   /appointments/{appointment_id}/room                          403   403   200   403   404   404   404
POST   /appointments/{appointment_id}/start                         403   403   200   403   404   404   404
POST   /appointments/{appointment_id}/complete                      403   403   200   403   404   404   404
POST   /appointments/{appointment_id}/no-show                       403   403   200   403   404   404   404
POST   /appointments/{appointment_id}/excuse                        403   403   403   403   403   403   403
POST   /appointments/{appointment_id}/correct                       403   403   403   403   403   403   403
POST   /appointments/{appointment_id}/keep                          403   403   403   403   403   403   403
GET    /appointments/series/{series_id}                             200   200   200   200   404   404   404
POST   /appointments/series/{series_id}/cancel                      200   200   200   403   404   404   404
POST   /appointments/series/{series_id}/reschedule                  200   200   200   403   404   404   404

GET    /medical-records/{patient_id}                                200   200   200   200   200   200   404
GET    /medical-records/record/{record_id}                          200   200   200   200   200   200   404
GET    /medical-records/record/{record_id} unsigned                 404   404   200   404   404   404   404
POST   /medical-records/new-medical-report/{patient_id}             403   403   201   201   201   404   404
POST   /medical-records/record/{record_id}/sign                     403   403   200   404   404   404   404
POST   /medical-records/record/{record_id}/amend                    403   403   201   403   403   403   404
POST   /medical-records/record/{record_id}/retract                  403   403   200   403   403   403   404
PUT    /medical-records/record/{record_id}/release                  403   403   200   403   403   403   404
DELETE /medical-records/record/{record_id}/release                  403   403   200   403   403   403   404
"""

# What a list that is answered shows of the patient: their profile, their visit, their records.
SIGHT = """
#                                                                   own  rel.  tre.  cov. open. sha. other
GET    /patients                                                      -     -   yes   yes   yes   yes    no
GET    /appointments                                                yes   yes   yes   yes    no    no    no
GET    /medical-records/{patient_id}                                yes   yes   yes   yes   yes   yes     -
GET    /medical-records/{patient_id} unsigned                        no    no   yes    no    no    no     -
"""


@dataclass(slots=True)
class Ward:
    """A world, and somebody for each reason; the doctors among them work elsewhere but one."""

    clinic: Clinic
    world: World
    people: dict[Why, Person] = field(default_factory=dict)

    async def enter(self, why: Why) -> None:
        self.world.actor = {Why.OWN: self.world.patient, Why.TREATED: self.world.doctor}.get(why) or self.people[why]

    async def renew(self) -> None:
        """What was just changed is nothing to ask the next one about."""
        self.world = await world_of(self.clinic)
        await self.reach()

    async def reach(self) -> None:
        clinic, world, now = self.clinic, self.world, self.clinic.clock.now()
        await relate(clinic, self.people[Why.RELATED], world.patient)
        async with transaction(clinic.database.writes) as session:
            await covering.add(session, world.doctor.actor, world.doctor.profile_id,
                               self.people[Why.COVERED].profile_id, now.date(), now.date(), now=now)  # fmt: skip
            sought = emergencies.Sought(world.patient.profile_id)
            await emergencies.open_record(session, self.people[Why.OPENED].actor, sought, "Unconscious",
                                          lasting=timedelta(hours=1), told_after=None, now=now)  # fmt: skip


async def ward_of(clinic: Clinic) -> Ward:
    ward = Ward(clinic, await world_of(clinic), {Why.RELATED: await clinic.patient()})
    elsewhere = await clinic.location(name="South Street")
    for why in (Why.COVERED, Why.OPENED, Why.SHARED, Why.OTHER):
        doctor = ward.people[why] = await clinic.doctor(hours=False)
        async with transaction(clinic.database.writes) as session:
            where = [] if why is Why.SHARED else [elsewhere.id]
            await locations.assign(session, doctor.user_id, doctor.user_id, where, now=clinic.clock.now())
    await ward.reach()
    return ward


def table(text: str) -> Mapping[str, list[str]]:
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {" ".join(line[: -len(Why)]): line[-len(Why) :] for line in lines}


@pytest.fixture(autouse=True)
def sharing(app: FastAPI) -> None:
    set_options(app, record_sharing=RecordSharing.LOCATION)


def test_every_route_that_touches_a_patients_things_has_its_row(app: FastAPI, sqlite_database: Database) -> None:
    """Besides those of one's own things alone, and those that write for whom a body names."""
    touching = {route for route in routes_of(app) if NAMED & set(PARAMETER.findall(route))}
    for_patients = {row.label for row in rows_of(EVERYTHING) if row.label.endswith(" for the patient")}
    rows = [Row(label, {}) for label in table(ACCESS)]
    assert {row.route for row in rows} == touching | {Row(label, {}).route for label in for_patients} | LISTS
    assert for_patients <= {row.label for row in rows}


async def test_a_reason_opens_what_the_table_says(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    ward, found = await ward_of(clinic), defaultdict(list)
    for label in table(ACCESS):
        if not label.startswith("GET"):
            await ward.renew()
        for why in Why:
            await ward.enter(why)
            ask = await ask_of(ward.world, Row(label, {}))
            answer = await ask.send(client, ward.world.headers)
            found[label].append(str(answer.status_code))
            if answer.status_code == 404:
                await check_hidden(client, ward.world, ask, answer)
            if answer.is_success and ask.method != "GET":
                await ward.renew()
    assert found == table(ACCESS)


async def test_lists_show_what_the_table_says(client: httpx.AsyncClient, clinic: Clinic) -> None:
    """On every database, for what a reason reaches is said in SQL."""
    ward, found = await ward_of(clinic), defaultdict(list)
    world = ward.world
    records = {status: str(await world.record(status)) for status in ("final", "preliminary")}
    ids = {"/patients": str(world.patient.id), "/appointments": str(world.visit_id)}
    for why in Why:
        await ward.enter(why)
        for label in table(SIGHT):
            path = label.split()[1]
            id_ = ids.get(path) or records["preliminary" if label.endswith("unsigned") else "final"]
            answer = await client.get(path.format(patient_id=world.patient.id), headers=world.headers)
            shown = id_ in [each["id"] for each in answer.json().get("items", [])]
            found[label].append(("yes" if shown else "no") if answer.is_success else "-")
    assert found == table(SIGHT)


async def test_one_thing_by_itself_is_shown_alike_on_every_database(client: httpx.AsyncClient, clinic: Clinic) -> None:
    ward, found = await ward_of(clinic), defaultdict(list)
    world = ward.world
    ids = {"patient_id": world.patient.id, "record_id": await world.record("final"), "appointment_id": world.visit_id}
    labels = [label for label in table(ACCESS) if label.startswith("GET") and label.endswith("_id}")]
    labels = [label for label in labels if "series" not in label]
    for why in Why:
        await ward.enter(why)
        for label in labels:
            answer = await client.get(label.split()[1].format(**ids), headers=world.headers)
            found[label].append(str(answer.status_code))
    assert len(labels) == 4
    assert found == {label: table(ACCESS)[label] for label in labels}


# --- sharing ---------------------------------------------------------------------------------------------------------


async def read_by(client: httpx.AsyncClient, world: World, who: Person) -> list[int]:
    """The profile and the records."""
    paths = (f"/patients/{world.patient.id}", f"/medical-records/{world.patient.id}")
    return [(await client.get(path, headers=who.headers)).status_code for path in paths]


async def test_without_the_setting_a_place_is_no_reason(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    ward = await ward_of(clinic)
    assert await read_by(client, ward.world, ward.people[Why.SHARED]) == [200, 200]
    set_options(app, record_sharing=RecordSharing.CARE_TEAM)
    assert await read_by(client, ward.world, ward.people[Why.SHARED]) == [404, 404]


async def test_a_doctor_reads_of_whom_is_treated_where_they_work_as_long_as_it_counts(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    north, south = await clinic.location(), await clinic.location()
    doctor, other, patient = await clinic.doctor(), await clinic.doctor(hours=False), await clinic.patient()
    await clinic.hours(doctor.profile_id, 0, 18 * 60, 20 * 60, location_id=north.id)
    at_north = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=10), location_id=north.id)
    world = World(clinic, patient, doctor, new_id(), at_north.id)
    read = partial(read_by, client, world)

    async def assign(*places: Location) -> None:
        async with transaction(clinic.database.writes) as session:
            ids = [each.id for each in places]
            await locations.assign(session, doctor.user_id, other.user_id, ids, now=clock.now())

    seen = {"none": await read(other)}
    for name, places in {"south": (south,), "both": (south, north), "north": (north,)}.items():
        await assign(*places)
        seen[name] = await read(other)
    assert seen == {"none": [200, 200], "south": [404, 404], "both": [200, 200], "north": [200, 200]}
    # To another place, and the reason goes with it.
    desk = await clinic.staff(Role.RECEPTIONIST)
    move = {"starts_at": (clock.now() + timedelta(hours=2)).isoformat()}
    moved = await client.post(f"/appointments/{at_north.id}/reschedule", json=move, headers=desk.headers)
    assert (moved.status_code, moved.json()["location_id"] != str(north.id)) == (200, True)
    assert await read(other) == [404, 404]
    await assign()
    assert await read(other) == [200, 200]
    clock.advance(timedelta(days=366))
    assert await read(await clinic.log_in(other)) == [404, 404]


@pytest.mark.parametrize("role", [Role.NURSE, Role.RECEPTIONIST, Role.ADMIN, Role.AUDITOR])
async def test_others_read_no_records_wherever_they_work(
    role: Role, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    world = await world_of(clinic)
    record_id, staff = await world.record("final"), await clinic.staff(role)
    for path in (f"/medical-records/{world.patient.id}", f"/medical-records/record/{record_id}"):
        assert (await client.get(path, headers=staff.headers)).status_code == 403


async def test_sharing_costs_no_more_questions(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    ward, sent = await ward_of(clinic), {}
    record_id = await ward.world.record("final")
    for sharing in RecordSharing:
        set_options(app, record_sharing=sharing)
        with counted(sqlite_database) as statements:
            for path in (f"/patients/{ward.world.patient.id}", f"/medical-records/record/{record_id}"):
                await client.get(path, headers=ward.world.doctor.headers)
        sent[sharing] = len(statements)
    assert len(set(sent.values())) == 1, sent
