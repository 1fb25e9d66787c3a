"""What a parent reads of a minor where some of them are private: what was released, and no word of why they come."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from appointed import accounts, records
from appointed.accounts.actor import Role
from appointed.accounts.scopes import Scope
from appointed.accounts.today import today_of
from appointed.appointments.models import Appointment
from appointed.core.db import Database, transaction, vault_of
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values
from appointed.core.settings import RecordSharing, Settings
from appointed.dispatch import deliver_due
from appointed.notifications.context import Context
from appointed.patients.models import Patient
from appointed.records.models import MedicalRecord
from appointed.records.queries import visible_to
from tests.support.mailbox import MemoryMailbox

from ..support.factories import Clinic, Person
from ..support.options import set_options
from ..support.related import born, relate
from .matrix import ACCESS as EVERYTHING
from .matrix import Row, Who, rows_of
from .requests import PARAMETER, Ask, ask_of
from .world import World, world_of

AGE = 14
# The clock of the tests stands on 2031-03-03: fourteen on that day, and on the next.
FOURTEEN, THIRTEEN = date(2017, 3, 3), date(2017, 3, 4)
WHY = "a question that is nobody's business"


@dataclass(frozen=True, slots=True)
class Case:
    """Who asks about somebody of that age, of whose record the one there is was released or not."""

    birth_date: date
    relationship: str | None
    is_released: bool = False


CASES: Mapping[str, Case] = {
    "13": Case(THIRTEEN, "parent"),
    "14": Case(FOURTEEN, "guardian"),
    "told": Case(FOURTEEN, "parent", is_released=True),
    "carer": Case(FOURTEEN, "carer"),
    "self": Case(FOURTEEN, None),
}
ACCESS = """
#                                                         13    14  told carer  self
GET    /patients/{patient_id}                            200   200   200   200   200
GET    /patients/{patient_id}/accesses                   200   404   404   200   200
GET    /patients/{patient_id}/export                     403   403   403   403   200
GET    /medical-records/{patient_id}                     200   200   200   200   200
GET    /medical-records/record/{record_id}               200   404   200   200   200
GET    /appointments/{appointment_id}                    200   200   200   200   200
GET    /appointments/{appointment_id}/history            200   200   200   200   200
"""
SIGHT = {"13": True, "14": False, "told": True, "carer": True, "self": True}
READS_WHY = {"13": True, "14": False, "told": False, "carer": True, "self": True}
# What shows visits that were there before to somebody who may book for the patient.
SHOWING_VISITS = [
    row for row in rows_of(EVERYTHING)
    if (row.route == "GET /appointments" or {"appointment_id", "series_id"} & set(PARAMETER.findall(row.route)))
    and row.cells[Who.PATIENT] == "200"
]  # fmt: skip


@pytest.fixture(autouse=True)
def private(app: FastAPI, sqlite_database: Database) -> Settings:
    return set_options(app, minors_private_from_age=AGE)


async def prepared(clinic: Clinic, case: Case) -> World:
    world = await world_of(clinic)
    await born(clinic, world.patient, case.birth_date)
    await world.enter(Who.OTHER_PATIENT if case.relationship else Who.PATIENT)
    if case.relationship:
        await relate(clinic, world.anybody, world.patient, relationship=case.relationship)
    return world


async def give_reasons(clinic: Clinic) -> None:
    """Every visit that there is has been booked with a reason, and is cancelled with one if it is."""
    async with transaction(clinic.database.writes) as session:
        for visit in (await session.scalars(Appointment.__table__.select().with_only_columns(Appointment.id))).all():
            sealed = sealed_values(vault_of(session), "appointments", visit, reason=WHY, cancel_note=WHY)
            await session.execute(update(Appointment).where(Appointment.id == visit).values(sealed))


def table() -> Mapping[str, dict[str, int]]:
    lines = [line.split() for line in ACCESS.splitlines() if line and not line.startswith("#")]
    return {" ".join(line[:-5]): dict(zip(CASES, map(int, line[-5:]), strict=True)) for line in lines}


@pytest.mark.parametrize("name", CASES)
async def test_a_parent_reads_of_a_private_minor_what_was_released(
    name: str, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    case, found = CASES[name], {}
    world = await prepared(clinic, case)
    record_id = str(await (world.released() if case.is_released else world.record("final")))
    for label in table():
        ask = await ask_of(world, Row(label, {}))
        ask = replace(ask, ids={**ask.ids, **({"record_id": record_id} if "record_id" in ask.ids else {})})
        answer = await ask.send(client, world.headers)
        found[label] = answer.status_code
        if answer.status_code == 404:
            assert (await ask.elsewhere().send(client, world.headers)).content == answer.content, label
    assert found == {label: cells[name] for label, cells in table().items()}
    listed = await client.get(f"/medical-records/{world.patient.id}", headers=world.headers)
    assert (record_id in [item["id"] for item in listed.json()["items"]]) == SIGHT[name]


@pytest.mark.parametrize("row", SHOWING_VISITS, ids=lambda row: row.label)
async def test_why_a_private_minor_comes_is_told_by_no_visit(
    row: Row, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    told = {}
    for name in READS_WHY:
        world = await prepared(clinic, CASES[name])
        ask: Ask = await ask_of(world, row)
        await give_reasons(clinic)
        answer = await ask.send(client, world.headers)
        assert answer.status_code == 200, answer.text
        told[name] = WHY in answer.text
    is_history = row.route.endswith("/history")
    assert told == (dict.fromkeys(told, False) if is_history else READS_WHY)


async def test_a_parent_reads_why_they_booked_themselves(client: httpx.AsyncClient, clinic: Clinic) -> None:
    world = await prepared(clinic, CASES["14"])
    body = {"doctor_id": str(world.doctor.id), "starts_at": "2031-03-03T12:00:00Z", "reason": WHY,
            "patient_id": str(world.patient.id)}  # fmt: skip
    booked = await client.post("/appointments", json=body, headers=world.headers)
    again = await client.get(f"/appointments/{booked.json()['id']}", headers=world.headers)
    assert booked.json()["reason"] == again.json()["reason"] == WHY


@pytest.mark.parametrize("is_theirs", [True, False])
async def test_who_said_why_reads_it_whoever_held_the_time(
    is_theirs: bool, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    world = await prepared(clinic, CASES["14"])
    body = {"doctor_id": str(world.doctor.id), "starts_at": "2031-03-03T12:00:00Z", "patient_id": str(world.patient.id)}
    held = (await client.post("/appointments/holds", json=body, headers=world.headers)).json()
    path, says = f"/appointments/{held['id']}", world.headers if is_theirs else world.patient.headers
    said = await client.post(f"{path}/confirm", json={"reason": WHY}, headers=says)
    assert said.json()["reason"] == WHY
    assert (await client.get(path, headers=world.headers)).json()["reason"] == (WHY if is_theirs else None)
    assert (await client.get(path, headers=world.patient.headers)).json()["reason"] == WHY


async def test_nothing_is_private_in_a_clinic_that_has_set_no_age(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    set_options(app, minors_private_from_age=None)
    world = await prepared(clinic, CASES["14"])
    record_id = await world.record("final")
    await give_reasons(clinic)
    assert (await client.get(f"/medical-records/record/{record_id}", headers=world.headers)).status_code == 200
    assert WHY in (await client.get("/appointments", headers=world.headers)).text


@pytest.mark.parametrize("wish", [None, "2012-03-03", "2017-03-03"])
async def test_a_minor_does_not_choose_until_when_a_parent_reads(
    wish: str | None, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    world = await prepared(clinic, CASES["13"])
    await world.record("final")
    body, minor, path = {"birth_date": wish}, world.patient.headers, f"/patients/{world.patient.id}"
    refused = await client.patch("/patients/me", json=body, headers=minor)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    same = {"birth_date": THIRTEEN.isoformat(), "preferred_name": "Sam"}
    assert (await client.patch("/patients/me", json=same, headers=minor)).status_code == 200
    seen = await client.get(f"/medical-records/{world.patient.id}", headers=world.headers)
    assert len(seen.json()["items"]) == 1
    await world.enter(Who.RECEPTIONIST)
    assert (await client.patch(path, json=body, headers=world.headers)).status_code == 200
    alone = await clinic.patient(birth_date=THIRTEEN)
    assert (await client.patch("/patients/me", json=body, headers=alone.headers)).status_code == 200


@pytest.mark.parametrize("relationship", ["parent", "carer", None])
async def test_a_parent_who_is_a_doctor_at_the_place_reads_no_more_for_that(
    relationship: str | None, app: FastAPI, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    set_options(app, minors_private_from_age=AGE, record_sharing=RecordSharing.LOCATION)
    world, colleague = await prepared(clinic, CASES["14"]), await clinic.doctor()
    record_id = await world.record("final")
    if relationship:
        async with transaction(clinic.database.writes) as session:
            await accounts.grant(session, colleague.user_id, Role.PATIENT, by=colleague.user_id, now=clinic.clock.now())
        colleague = await clinic.log_in(colleague)
        await relate(clinic, colleague, world.patient, relationship=relationship)
    by_app = await clinic.by_app(colleague, Scope.RECORDS_READ)
    seen = {(await client.get(f"/medical-records/record/{record_id}", headers=headers)).status_code
            for headers in (dict(colleague.headers), by_app)}  # fmt: skip
    assert seen == {404 if relationship == "parent" else 200}


# --- releasing -------------------------------------------------------------------------------------------------------


async def test_what_is_released_is_told_once_and_can_be_withheld(
    client: httpx.AsyncClient, clinic: Clinic, context: Context, private: Settings, mailbox: MemoryMailbox
) -> None:
    context = replace(context, settings=private)
    world = await prepared(clinic, CASES["14"])
    path = f"/medical-records/record/{await world.record('final')}"
    release, author, parent = f"{path}/release", world.doctor.headers, world.headers
    await deliver_due(context, 20)
    assert {letter["To"] for letter in mailbox.letters if "record" in letter["Subject"]} == {world.patient.email}
    mailbox.letters.clear()
    assert (await client.get(path, headers=parent)).status_code == 404
    stale = await client.put(release, headers={**author, "If-Match": 'W/"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    released = await client.put(release, headers={**author, "If-Match": 'W/"1"'})
    assert (released.json()["version"], released.json()["released_to_guardians_at"]) == (2, "2031-03-03T08:00:00Z")
    assert (await client.put(release, headers=author)).json() == released.json()
    assert (await client.get(path, headers=parent)).json() == released.json()
    await deliver_due(context, 20)
    (letter,) = mailbox.letters
    assert letter["To"] == world.anybody.email
    withheld = await client.delete(release, headers=author)
    assert (withheld.json()["version"], withheld.json()["released_to_guardians_at"]) == (3, None)
    assert (await client.delete(release, headers=author)).json() == withheld.json()
    assert (await client.get(path, headers=parent)).status_code == 404


async def test_who_is_not_to_know_any_more_is_not_told(
    client: httpx.AsyncClient, clinic: Clinic, context: Context, private: Settings, mailbox: MemoryMailbox
) -> None:
    world = await prepared(clinic, CASES["14"])
    await deliver_due(context, 20)
    release = f"/medical-records/record/{await world.record('final')}/release"
    for method in ("PUT", "DELETE"):
        assert (await client.request(method, release, headers=world.doctor.headers)).status_code == 200
    mailbox.letters.clear()
    await deliver_due(replace(context, settings=private), 20)
    assert [letter["To"] for letter in mailbox.letters] == [world.patient.email]


async def test_a_minor_is_written_to_where_they_log_in_and_not_where_their_parents_are(
    client: httpx.AsyncClient, clinic: Clinic, context: Context, private: Settings, mailbox: MemoryMailbox
) -> None:
    context, told = replace(context, settings=private), {}
    for name in ("13", "14"):
        world = await prepared(clinic, CASES[name])
        contact = {"contact_email": "parents@example.org"}
        await client.patch("/patients/me", json=contact, headers=world.patient.headers)
        await deliver_due(context, 20)
        mailbox.letters.clear()
        await world.record("final")
        await deliver_due(context, 20)
        (letter,) = mailbox.letters
        told[name] = letter["To"] == world.patient.email, letter["To"] == "parents@example.org"
    assert told == {"13": (False, True), "14": (True, False)}


async def test_that_their_record_was_opened_is_told_to_the_minor_and_to_no_parent(
    client: httpx.AsyncClient, clinic: Clinic, context: Context, private: Settings, mailbox: MemoryMailbox
) -> None:
    context, told = replace(context, settings=private), {}
    for born_on in (THIRTEEN, FOURTEEN):
        patient, doctor = await clinic.patient(contact_email="parents@example.org"), await clinic.doctor()
        await born(clinic, patient, born_on)
        await deliver_due(context, 20)
        mailbox.letters.clear()
        opened = {"patient_id": str(patient.id), "reason": "Unconscious"}
        assert (await client.post("/emergency-accesses", json=opened, headers=doctor.headers)).status_code == 201
        await deliver_due(context, 20)
        (letter,) = mailbox.letters
        told[born_on] = letter["To"] == patient.email
    assert told == {THIRTEEN: False, FOURTEEN: True}


async def test_a_version_that_replaces_a_released_one_is_released_anew_or_not(
    client: httpx.AsyncClient, clinic: Clinic
) -> None:
    world = await prepared(clinic, CASES["told"])
    first, author = f"/medical-records/record/{await world.released()}", world.doctor.headers
    amended = (await client.post(f"{first}/amend", json={"notes": "More"}, headers=author)).json()
    second = f"/medical-records/record/{amended['id']}"
    assert amended["released_to_guardians_at"] is None
    seen = [(await client.get(path, headers=world.headers)).status_code for path in (first, second)]
    assert seen == [200, 404]
    late = await client.put(f"{first}/release", headers=author)
    assert (late.status_code, late.json()["code"]) == (409, "superseded")
    assert late.json()["amended_by_id"] == amended["id"]
    assert (await client.delete(f"{second}/release", headers=author)).status_code == 200
    assert (await client.get(first, headers=world.headers)).status_code == 404


@pytest.mark.parametrize("status", ["preliminary", "retracted"])
async def test_what_others_do_not_read_cannot_be_released(
    status: str, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    world = await prepared(clinic, CASES["14"])
    path = f"/medical-records/record/{await world.record('preliminary' if status == 'preliminary' else 'final')}"
    if status == "retracted":
        await client.post(f"{path}/retract", json={"reason": "Not theirs"}, headers=world.doctor.headers)
    answer = await client.put(f"{path}/release", headers=world.doctor.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_releasable")


async def test_another_doctor_who_treats_them_releases_nothing(client: httpx.AsyncClient, clinic: Clinic) -> None:
    world = await prepared(clinic, CASES["14"])
    colleague = await clinic.doctor()
    await clinic.visit(world.patient, colleague, datetime(2031, 3, 3, 14, tzinfo=UTC))
    path = f"/medical-records/record/{await world.record('final')}"
    assert (await client.get(path, headers=colleague.headers)).status_code == 200
    assert (await client.put(f"{path}/release", headers=colleague.headers)).status_code == 403


# --- days ------------------------------------------------------------------------------------------------------------

BORN = [date(2012, 2, 28), date(2012, 2, 29), date(2012, 3, 1), date(2013, 2, 28), date(2013, 3, 1),
        date(2016, 2, 28), date(2016, 2, 29), date(2016, 3, 1), date(2012, 12, 31), date(2013, 1, 1)]  # fmt: skip
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Honolulu")


def age_on(day: date, birth_date: date) -> int:
    """Counted another way: how many anniversaries have begun; that of a 29th of February begins after the 28th."""
    return sum((year, birth_date.month, birth_date.day) <= (day.year, day.month, day.day)
               for year in range(birth_date.year + 1, day.year + 1))  # fmt: skip


async def test_privacy_begins_and_ends_on_birthdays_at_the_clinic(
    clinic: Clinic, settings: Settings, sqlite_database: Database
) -> None:
    parent, doctor = await clinic.patient(), await clinic.doctor(hours=False)
    children = {(await clinic.patient()).profile_id: birth_date for birth_date in BORN}
    async with transaction(sqlite_database.writes) as session:
        for child_id, birth_date in children.items():
            (await session.get_one(Patient, child_id)).birth_date = birth_date
            session.add(_record_of(session, child_id, doctor))
    for child_id in children:
        child = replace(parent, id=child_id)
        await relate(clinic, parent, child, relationship="parent")
    checked = 0
    for zone, age, (years, birth_date) in product(ZONES, (12, AGE), product((12, AGE), BORN)):
        there = settings.model_copy(update={"clinic_timezone": zone, "minors_private_from_age": age})
        eve = date(birth_date.year + years, birth_date.month, min(birth_date.day, 28)) - timedelta(days=1)
        for hours in (0, 24, 25, 47, 48, 72):
            midnight = datetime.combine(eve, time(), ZoneInfo(zone))
            now = (midnight.astimezone(UTC) + timedelta(hours=hours)).astimezone(UTC)
            actor = replace(parent.actor, today=today_of(there, now))
            async with sqlite_database.reads() as session:
                seen = set(await session.scalars(visible_to(actor, now).with_only_columns(MedicalRecord.patient_id)))
            today = now.astimezone(ZoneInfo(zone)).date()
            assert seen == {child_id for child_id, born_on in children.items() if age_on(today, born_on) < age}, today
            checked += len(children)
    assert checked > 5_000


def _record_of(session: Any, patient_id: UUID, doctor: Person) -> MedicalRecord:
    record_id, now = new_id(), datetime(2012, 1, 1, tzinfo=UTC)
    sealed = sealed_values(vault_of(session), "medical_records", record_id, notes="Grown")
    return MedicalRecord(id=record_id, patient_id=patient_id, author_id=doctor.profile_id, version=1,
                         status=records.rules.Status.FINAL, created_at=now, signed_at=now, **sealed)  # fmt: skip


@pytest.fixture
def mailbox() -> MemoryMailbox:
    return MemoryMailbox()


@pytest.fixture
def context(clinic: Clinic, mailbox: MemoryMailbox) -> Context:
    return Context(clinic.database, clinic.clock, clinic.settings, mailbox)
