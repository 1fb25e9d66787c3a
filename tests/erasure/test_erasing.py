"""Who is erased is found nowhere but in the records that must be kept, and after the years not even there."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from appointed import accounts, audit
from appointed.accounts import queries as users
from appointed.accounts.actor import Role
from appointed.appointments.models import Appointment
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, metadata, transaction, vault_of
from appointed.core.outbox import OutboxMessage
from appointed.core.types import SealedBytes
from appointed.dispatch import deliver_due, purge_erased, tidy_if_due
from appointed.erasure.rules import kept_long_enough
from appointed.notifications.context import Context
from appointed.patients import queries
from appointed.patients.erasing import year_of
from appointed.patients.models import Invitation, Patient, RelatedPerson
from tests.support.clock import FixedClock
from tests.support.factories import PASSWORD, Clinic, Person
from tests.support.interference import ROW_LOCK, heard
from tests.support.mailbox import MemoryMailbox
from tests.support.racing import at_once

PHONE, BORN = "+49 177 5550199", "1984-05-17"
WORD = re.compile(r"canary[a-z]*|5550199|1984-05-17", re.IGNORECASE)
WHY = {"reason": "consent_withdrawn"}
# What must be kept: what was written in the record, and about visits.
KEPT = {("medical_records", "title"), ("medical_records", "notes"), ("medical_records", "diagnoses"),
        ("appointments", "reason"), ("appointments", "cancel_note"),
        ("appointment_changes", "note"), ("emergency_accesses", "reason")}  # fmt: skip
BESIDE = {("patients", "first_name_key"), ("patients", "last_name_key"), ("users", "email"), ("users", "display_name"),
          ("invitations", "email"), ("related_people", "email"), ("idempotency_keys", "answer")}  # fmt: skip
PROFILE = {
    "first_name": "CanaryFirst", "last_name": "CanaryLast", "preferred_name": "Canarypreferred", "birth_date": BORN,
    "sex": "female", "phone": PHONE, "address": "Canaryaddress 1", "emergency_contact": "Canarycontact",
    "contact_email": "canarymail@example.org", "insurance_provider": "Canaryinsurer", "preferred_language": "de",
    "insurance_number": "canarynumber",
}  # fmt: skip


class Story:
    """Somebody with all that a patient can have, a year after the visit."""

    def __init__(self, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> None:
        self.client, self.clinic, self.clock = client, clinic, clock
        self.email = "canarylogin@example.org"
        self._keys = 0

    async def ask(self, method: str, path: str, by: Person, json: Any = None, status: int = 200) -> Any:
        self._keys += 1
        headers = {**by.headers, "Idempotency-Key": f'"key{self._keys}"'}
        answer = await self.client.request(method, path, json=json, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def live(self) -> Person:
        clinic, post = self.clinic, self.ask
        desk, doctor, other = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor(), await clinic.doctor()
        body = PROFILE | {"email": self.email, "password": PASSWORD}
        patient = await post("POST", "/patients/new-patient", desk, body, 201)
        login = {"username": self.email, "password": PASSWORD}
        token = (await self.client.post("/auth/login", data=login, headers={"User-Agent": "canaryagent"})).json()
        await self.client.post("/auth/login", data=login | {"password": "wrong"})
        await self.client.post("/auth/password-reset", json={"email": self.email})
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        me = Person((await clinic.patient()).user_id, headers, desk.actor, self.email, patient["id"])
        await self.visit(me, doctor, desk)
        opened = {"patient_id": patient["id"], "reason": "Canarysleeping on the floor"}
        await post("POST", "/emergency-accesses", other, opened, 201)
        await self.relate(me, desk)
        return me

    async def relate(self, me: Person, desk: Person) -> None:
        """Whom they name, who names them, whom they look after, and whose invitation went to their address."""
        clinic, post = self.clinic, self.ask
        child, named = await clinic.patient(first_name="Nour"), {"relationship": "carer", "may_read": True}
        friend = named | {"email": "canaryfriend@example.org"}
        await post("POST", f"/patients/{me.id}/related-people", me, friend, 201)
        for whose in (child, await clinic.patient()):
            path = f"/patients/{whose.id}/related-people"
            await post("POST", path, desk if whose is child else whose, named | {"email": self.email}, 201)
        alone = {"first_name": "Nour", "last_name": "Sample", "birth_date": "2020-01-01"}
        other_id = (await post("POST", "/patients/new-patient", desk, alone, 201))["id"]
        await post("POST", f"/patients/{other_id}/invite", desk, {"email": self.email}, 201)

    async def visit(self, me: Person, doctor: Person, desk: Person) -> None:
        """One that took place, with a record that was amended, and one that was cancelled."""
        for hours, reason in ((2, "Canaryreason"), (4, "Canaryother")):
            wish = {"doctor_id": str(doctor.id), "reason": reason, "patient_id": str(me.id),
                    "starts_at": (self.clock.now() + timedelta(hours=hours)).isoformat()}  # fmt: skip
            booked = await self.ask("POST", "/appointments", desk, wish, 201)
        await self.ask("POST", f"/appointments/{booked['id']}/cancel", me, {"reason": "Canarynote"})
        report = {"notes": "Canarynotes", "title": "Canarytitle",
                  "diagnoses": [{"system": "x", "code": "1", "display": "Canarydisplay"}]}  # fmt: skip
        written = await self.ask("POST", f"/medical-records/new-medical-report/{me.id}", doctor, report, 201)
        await self.ask("POST", f"/medical-records/record/{written['id']}/amend", doctor, {"notes": "Canarymore"}, 201)

    async def erase(self, me: Person) -> Any:
        return await self.ask("POST", f"/patients/{me.id}/erase", await self.clinic.staff(Role.ADMIN), WHY)


async def canaries(database: Database) -> Mapping[tuple[str, str], set[str]]:
    """Which words stand in which column, with what is sealed opened."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    async with database.reads() as session:
        for table in metadata.sorted_tables:
            for row in (await session.execute(select(table))).mappings():
                for column, value in row.items():
                    name, said = str(column), value
                    if isinstance(table.c[name].type, SealedBytes):
                        name = name.removesuffix("_sealed")
                        said = vault_of(session).open_maybe(table.name, name, row["id"], value)
                    found[table.name, name] |= {word.lower() for word in WORD.findall(str(said))}
    return {place: words for place, words in found.items() if words}


@pytest.fixture
def story(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> Story:
    return Story(client, clinic, clock)


@pytest.fixture
def context(clinic: Clinic, clock: FixedClock) -> Context:
    return Context(clinic.database, clock, clinic.settings, MemoryMailbox())


async def test_who_is_erased_is_found_nowhere_but_in_what_must_be_kept(
    story: Story, context: Context, database: Database, clock: FixedClock
) -> None:
    me = await story.live()
    before = await canaries(database)
    in_profile = {("patients", name) for name in PROFILE if name not in ("sex", "preferred_language")}
    assert before.keys() == in_profile | KEPT | BESIDE
    clock.advance(timedelta(hours=6))
    erased = await story.erase(me)
    after = await canaries(database)
    assert after.keys() - KEPT == set()
    assert {place: before[place] for place in after} == after
    async with database.reads() as session:
        patient = (await session.scalars(select(Patient).where(Patient.record_number == erased["record_number"]))).one()
        indexes = (patient.phone_index, patient.phone_last4_index, patient.insurance_number_index, patient.user_id)
        assert (patient.name, patient.birth_date, patient.is_active) == ("Erased Patient", date(1984, 1, 1), False)
        assert indexes == (None, None, None, None)
    clock.advance(timedelta(days=11 * 366))
    assert await purge_erased(context) == 1
    assert await canaries(database) == {}
    assert await purge_erased(context) == 0


async def test_nothing_else_changes_but_what_was_of_the_patient(
    story: Story, sqlite_database: Database, clock: FixedClock
) -> None:
    neighbour, doctor = await story.clinic.patient(phone="+49 30 5550 1234"), await story.clinic.doctor()
    visit = await story.clinic.visit(neighbour, doctor, clock.now() + timedelta(days=1, hours=2), reason="cough")
    me = await story.live()
    clock.advance(timedelta(hours=6))
    admin = await story.clinic.staff(Role.ADMIN)

    async def rows() -> dict[str, set[str]]:
        async with sqlite_database.reads() as session:
            return {table.name: {repr(row) for row in await session.execute(select(table))}
                    for table in metadata.sorted_tables if table.name != "audit_events"}  # fmt: skip

    before = await rows()
    await story.ask("POST", f"/patients/{me.id}/erase", admin, WHY)
    after = await rows()
    touched = {name for name in before if before[name] != after[name]}
    assert touched == {"patients", "users", "user_roles", "login_sessions", "login_failures", "account_links",
                       "invitations", "related_people", "outbox", "idempotency_keys"}  # fmt: skip
    gone = {name: len(before[name] - after[name]) for name in touched}
    assert (gone["patients"], gone["users"], gone["user_roles"], gone["login_sessions"]) == (1, 1, 1, 1)
    async with sqlite_database.reads() as session:
        told = {value for row in await session.scalars(select(OutboxMessage)) for value in row.payload.values()}
        theirs = {
            *map(str, await session.scalars(select(Appointment.id).where(Appointment.patient_id == UUID(str(me.id)))))
        }
    assert str(visit.id) in told
    assert not told & (theirs | {str(me.id)})
    # The answer about somebody else is still there; those about the patient, whoever got them, are not.
    assert (len(before["idempotency_keys"] & after["idempotency_keys"]), gone["idempotency_keys"]) == (1, 11)


async def test_nobody_logs_in_as_them_and_no_letter_leaves(
    story: Story, context: Context, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock,
    sqlite_database: Database,
) -> None:  # fmt: skip
    me = await story.live()
    clock.advance(timedelta(hours=6))
    me = await clinic.log_in(Person(await user_of(sqlite_database, me), {}, me.actor, me.email, me.id))
    async with transaction(sqlite_database.writes) as session:
        _, refresh = await accounts.open_session(session, me.user_id, timedelta(days=1), clock.now())
    assert (await client.get("/patients/me", headers=me.headers)).status_code == 200
    await story.erase(me)
    assert (await client.get("/patients/me", headers=me.headers)).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": refresh})).status_code == 401
    login = await client.post("/auth/login", data={"username": story.email, "password": PASSWORD})
    assert (login.status_code, login.json()["code"]) == (401, "invalid_credentials")
    await deliver_due(context, 100)
    assert isinstance(context.mailer, MemoryMailbox)
    letters = [str(letter["To"]) for letter in context.mailer.letters]
    assert letters
    assert not [to for to in letters if WORD.search(to) or "erased" in to]
    new = PROFILE | {"email": story.email, "password": PASSWORD}
    assert (await client.post("/patients/new-patient", json=new)).status_code == 201


async def user_of(database: Database, person: Person) -> Any:
    async with database.reads() as session:
        patients = (await session.scalars(select(Patient))).all()
        return next(each.user_id for each in patients if str(each.id) == str(person.id))


async def test_who_is_expected_is_not_erased(
    story: Story, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    patient, doctor, admin = await clinic.patient(), await clinic.doctor(), await clinic.staff(Role.ADMIN)
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    held = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=3), is_held=True)
    path = f"/patients/{patient.id}/erase"
    refused = await story.ask("POST", path, admin, WHY, 409)
    assert (refused["code"], set(refused["visits"])) == ("visits_to_come", {str(visit.id), str(held.id)})
    await client.post(f"/appointments/{visit.id}/cancel", headers=patient.headers)
    assert (await story.ask("POST", path, admin, WHY, 409))["visits"] == [str(held.id)]
    clock.advance(timedelta(minutes=5))
    erased = await story.ask("POST", path, admin, WHY)
    clock.advance(timedelta(minutes=5))
    assert await story.ask("POST", path, admin, WHY | {"reason": "unlawful"}) == erased


async def test_nobody_is_erased_and_booked_at_once(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    doctor, admin, desk = await clinic.doctor(), await clinic.staff(Role.ADMIN), await clinic.staff(Role.RECEPTIONIST)
    for hours in range(2, 8):
        patient = await clinic.patient()
        wish = {"doctor_id": str(doctor.id), "patient_id": str(patient.id),
                "starts_at": (clock.now() + timedelta(hours=hours)).isoformat()}  # fmt: skip
        path = f"/patients/{patient.id}/erase"
        booked, erased = await at_once([partial(client.post, "/appointments", json=wish, headers=desk.headers),
                                        partial(client.post, path, json=WHY, headers=admin.headers)])  # fmt: skip
        assert {booked.status_code, erased.status_code} in ({201, 409}, {422, 200})


async def test_a_patient_asks_and_waits_until_an_administrator_does_it(
    story: Story, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    first, second, admin = await clinic.patient(), await clinic.patient(), await clinic.staff(Role.ADMIN)
    path = "/patients/me/erasure-request"

    async def waiting() -> list[str]:
        return [each["id"] for each in (await client.get("/erasure-requests", headers=admin.headers)).json()["items"]]

    asked = await client.post(path, headers=second.headers)
    assert asked.json() == {"id": str(second.id), "erasure_asked_at": "2031-03-03T08:00:00Z"}
    clock.advance(timedelta(minutes=1))
    await client.post(path, headers=first.headers)
    assert (await client.post(path, headers=second.headers)).json() == asked.json()
    assert await waiting() == [str(second.id), str(first.id)]
    assert (await client.delete(path, headers=first.headers)).status_code == 204
    assert await waiting() == [str(second.id)]
    await story.ask("POST", f"/patients/{second.id}/erase", admin, WHY)
    assert await waiting() == []


async def test_who_is_at_the_clinic_is_not_erased(story: Story, clinic: Clinic, clock: FixedClock) -> None:
    patient, doctor, admin = await clinic.patient(), await clinic.doctor(), await clinic.staff(Role.ADMIN)
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=1))
    async with transaction(clinic.database.writes) as session:
        await session.execute(update(Appointment).where(Appointment.id == visit.id).values(status="checked-in"))
    clock.advance(timedelta(minutes=70))
    admin = await clinic.log_in(admin)
    assert (await story.ask("POST", f"/patients/{patient.id}/erase", admin, WHY, 409))["visits"] == [str(visit.id)]


async def test_what_is_left_is_nobody_to_change_or_to_invite(
    story: Story, clinic: Clinic, sqlite_database: Database
) -> None:
    patient, desk = await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    await story.erase(patient)
    path, named = f"/patients/{patient.id}", {"email": desk.email, "relationship": "carer", "may_book": True}
    for method, where, body in (
        ("PATCH", path, {"is_active": True}), ("PATCH", path, {"first_name": "Pat"}),
        ("POST", f"{path}/invite", {"email": "pat@example.org"}), ("POST", f"{path}/related-people", named),
    ):  # fmt: skip
        refused = await story.ask(method, where, desk, body, 409)
        assert refused["code"] == "patient_erased", where
    doctor = await clinic.doctor()
    wish = {"doctor_id": str(doctor.id), "starts_at": "2031-03-03T10:00:00Z", "patient_id": str(patient.id)}
    await story.ask("POST", "/appointments", desk, wish, 422)


async def test_who_works_at_the_clinic_too_stays_what_else_they_are(
    story: Story, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    async with transaction(sqlite_database.writes) as session:
        await accounts.grant(session, patient.user_id, Role.NURSE, by=patient.user_id, now=clinic.clock.now())
    await story.erase(patient)
    login = await client.post("/auth/login", data={"username": patient.email, "password": PASSWORD})
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert (await client.get("/auth/me", headers=headers)).json()["roles"] == ["nurse"]
    assert (await client.get("/patients/me", headers=headers)).status_code == 403


async def test_the_trail_says_so_and_still_hangs_together(
    story: Story, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    me, heads = await story.live(), audit.heads_in(context.settings.var_dir)
    clock.advance(timedelta(hours=6))
    await story.erase(me)
    clock.advance(timedelta(days=11 * 366))
    await tidy_if_due(context)
    async with sqlite_database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
        told = [row for row in rows if row.action.endswith((".erase", ".purge"))]
        said = [(row.action, str(row.patient_id), row.detail) for row in told]
        assert (await audit.verify(session, heads)).findings == []
    assert said == [
        ("user.erase", "None", {}), ("patient.erase", str(me.id), {"reason": "consent_withdrawn"}),
        ("record.purge", str(me.id), {}), ("record.purge", str(me.id), {}), ("patient.purge", str(me.id), {}),
    ]  # fmt: skip


# What names a user or a patient and does not go with them, and why that tells nothing of the person.
NAMING = {
    "doctors.user_id": "no patient's", "staff_assignments.user_id": "no patient's",
    "patients.user_id": "made null", "appointments.booked_by": "an id of nobody by then",
    "emergency_accesses.user_id": "a doctor's", "related_people.user_id": "ended, and an id of nobody by then",
    "related_people.patient_id": "deleted", "invitations.patient_id": "deleted",
    "appointments.patient_id": "kept with the records", "medical_records.patient_id": "the records",
    "emergency_accesses.patient_id": "kept with the records", "appointment_series.patient_id": "a rule and ids",
    "care_relations.patient_id": "ids and times", "oauth_clients.user_id": "a machine's own user, who is nobody",
}  # fmt: skip


def test_every_table_that_names_somebody_was_thought_of() -> None:
    """Those that a user's deletion would empty are emptied by themselves."""
    naming = {f"{table.name}.{key.parent.name}" for table in metadata.sorted_tables for key in table.foreign_keys
              if key.column.table.name in ("users", "patients") and key.ondelete != "CASCADE"}  # fmt: skip
    assert naming == NAMING.keys()


async def test_records_are_looked_through_once_a_day(
    story: Story, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    patients = [await story.clinic.patient(), await story.clinic.patient()]
    await story.erase(patients[0])
    clock.advance(timedelta(days=4_000))
    await tidy_if_due(context)
    before = await purged(sqlite_database)
    async with transaction(sqlite_database.writes) as session:
        gone = {"erased_at": clock.now() - timedelta(days=4_000)}
        await session.execute(update(Patient).where(Patient.id == patients[1].id).values(gone))
    found = []
    for hours in (2, 21, 2):
        clock.advance(timedelta(hours=hours))
        await tidy_if_due(context)
        found.append(await purged(sqlite_database))
    assert (before, found) == (1, [1, 1, 2])


async def purged(database: Database) -> int:
    async with database.reads() as session:
        return len((await session.scalars(select(Patient.id).where(Patient.purged_at.is_not(None)))).all())


# --- how long --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth_date", "days", "is_due"),
    [
        (None, 3_652, False),
        (None, 3_653, True),
        # Of age in 2042; that year, and ten more, must be over.
        (date(2024, 7, 1), 3_653, False),
        (date(2024, 7, 1), 365 * 21 + 300, False),
        (date(2024, 7, 1), 365 * 22 + 300, True),
    ],
)
async def test_records_are_kept_for_years_and_longer_of_who_was_a_child(
    birth_date: date | None, days: int, is_due: bool, story: Story, context: Context, clock: FixedClock,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient, doctor = await story.clinic.patient(birth_date=birth_date), await story.clinic.doctor()
    await story.clinic.visit(patient, doctor, clock.now() + timedelta(hours=1))
    clock.advance(timedelta(hours=12))
    await story.erase(patient)
    clock.advance(timedelta(days=days) - timedelta(hours=12))
    assert await purge_erased(context) == is_due


async def test_of_who_was_not_erased_everything_stays(
    story: Story, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    await story.live()
    before = await canaries(sqlite_database)
    clock.advance(timedelta(days=40_000))
    assert await purge_erased(context) == 0
    assert await canaries(sqlite_database) == before


DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@given(DAYS, DAYS, DAYS, st.integers(0, 30), st.integers(0, 21))
@example(date(2024, 2, 29), date(2034, 2, 28), date(2000, 1, 1), 10, 18)
@example(date(2024, 2, 29), date(2034, 3, 1), date(2000, 1, 1), 10, 18)
@example(date(2023, 2, 28), date(2024, 2, 28), date(2000, 1, 1), 1, 18)
def test_the_years_are_over_on_their_day(last: date, today: date, born: date, years: int, of_age: int) -> None:
    over_on, born_before = kept_long_enough(today, years, of_age)
    passed = today.year - last.year - ((today.month, today.day) < (last.month, last.day))
    assert (last <= over_on) == (passed >= years)
    # As if they had been born on the last day of the year of which alone is known.
    age = today.year - born.year - ((today.month, today.day) < (12, 31))
    if (date(born.year, 1, 1) < born_before) and born.year > 1:
        assert age >= of_age + years
    else:
        assert today.year - born.year - 1 < of_age + years


@pytest.mark.parametrize(
    ("birth_date", "left"),
    [(None, None), (date(1984, 5, 17), date(1984, 1, 1)), (date(1942, 12, 31), date(1942, 1, 1)),
     (date(1941, 12, 31), None), (date(2012, 2, 29), date(2012, 1, 1))],
)  # fmt: skip
def test_of_a_birth_date_the_year_is_left_unless_few_are_that_old(birth_date: date | None, left: date | None) -> None:
    assert year_of(birth_date, date(2031, 3, 3)) == left


# --- between this and the rest ---------------------------------------------------------------------------------------


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


async def test_a_visit_of_who_was_erased_is_not_brought_back(
    story: Story, clinic: Clinic, clock: FixedClock, admin: Person, database: Database
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=4))
    await story.ask("POST", f"/appointments/{visit.id}/cancel", admin)
    await story.ask("POST", f"/patients/{patient.id}/erase", admin, WHY)
    refused = await story.ask("POST", f"/appointments/{visit.id}/undo", admin, status=409)
    assert refused["code"] == "patient_erased"


async def test_what_is_told_of_the_account_of_who_works_here_too_is_still_told(
    story: Story, clinic: Clinic, context: Context, clock: FixedClock, admin: Person, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    await deliver_due(context, 10)
    async with transaction(sqlite_database.writes) as session:
        await accounts.grant(session, patient.user_id, Role.NURSE, by=admin.user_id, now=clock.now())
        await accounts.set_password(session, patient.user_id, "1:x", by=patient.user_id, now=clock.now())
    await story.ask("POST", f"/patients/{patient.id}/erase", admin, WHY)
    assert isinstance(context.mailer, MemoryMailbox)
    context.mailer.letters.clear()
    await deliver_due(context, 10)
    assert [(letter["To"], letter["Subject"]) for letter in context.mailer.letters] == [
        (patient.email, "Your password for Appointed Clinic was changed")
    ]


async def test_what_was_sent_to_others_at_an_address_that_they_share_is_theirs(
    story: Story, clinic: Clinic, admin: Person, sqlite_database: Database
) -> None:
    desk, shared = await clinic.staff(Role.RECEPTIONIST), "family@example.org"
    ids = []
    for birth_date in ("1990-01-01", "2020-01-01"):
        body = {"first_name": "Nour", "last_name": "Sample", "birth_date": birth_date, "contact_email": shared}
        ids.append((await story.ask("POST", "/patients/new-patient", desk, body, 201))["id"])
        await story.ask("POST", f"/patients/{ids[-1]}/invite", desk, status=201)
    await story.ask("POST", f"/patients/{ids[1]}/erase", admin, WHY)
    async with sqlite_database.reads() as session:
        assert [str(each.patient_id) for each in await session.scalars(select(Invitation))] == [ids[0]]


async def test_of_whom_nothing_is_kept_nothing_is_opened_in_an_emergency(
    story: Story, clinic: Clinic, context: Context, clock: FixedClock, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    await story.erase(patient)
    opened = {"patient_id": str(patient.id), "reason": "Found on the floor"}
    await story.ask("POST", "/emergency-accesses", await clinic.doctor(), opened, 201)
    clock.advance(timedelta(days=11 * 366))
    assert await purge_erased(context) == 1
    await story.ask("POST", "/emergency-accesses", await clinic.doctor(), opened, 404)


@pytest.mark.backends("postgresql", "mysql")
async def test_who_is_being_made_one_of_the_staff_keeps_their_account(
    story: Story, clinic: Clinic, admin: Person, database: Database
) -> None:
    patient, locking = await clinic.patient(), asyncio.Event()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM user" in statement and ROW_LOCK.search(statement):
            locking.set()

    async with transaction(database.writes) as session:
        await accounts.grant(session, patient.user_id, Role.NURSE, by=admin.user_id, now=clinic.clock.now())
        with heard(database.engines[-1], "before_cursor_execute", note):
            erasing = asyncio.create_task(story.ask("POST", f"/patients/{patient.id}/erase", admin, WHY))
            await locking.wait()
    await erasing
    async with database.reads() as session:
        user = await users.get(session, patient.user_id)
    assert (user.roles, user.is_active, user.email) == (["nurse"], True, patient.email)


@pytest.mark.backends("postgresql")
async def test_nobody_is_invited_who_is_being_erased(
    story: Story, clinic: Clinic, admin: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await clinic.staff(Role.RECEPTIONIST)
    body = {"first_name": "Nour", "last_name": "Sample", "birth_date": "1990-01-01"}
    patient_id = (await story.ask("POST", "/patients/new-patient", desk, body, 201))["id"]
    get = queries.get

    async def interrupted(*said: Any) -> Patient:
        seen = await get(*said)
        await story.ask("POST", f"/patients/{patient_id}/erase", admin, WHY)
        return seen

    monkeypatch.setattr(queries, "get", interrupted)
    invited = {"email": "nour@example.org"}
    refused = await story.ask("POST", f"/patients/{patient_id}/invite", desk, invited, 409)
    assert refused["code"] == "patient_erased"


@pytest.mark.backends("postgresql")
@pytest.mark.parametrize("is_named", [True, False])
async def test_nobody_looks_after_others_who_is_being_erased(
    is_named: bool, story: Story, clinic: Clinic, admin: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, carer, desk = await clinic.patient(), await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    terms = {"relationship": "carer", "may_read": True, "email": carer.email}
    path = f"/patients/{patient.id}/related-people"
    relation_id = (await story.ask("POST", path, patient, terms, 201))["id"] if is_named else None
    find = users.find_by_email

    async def interrupted(*said: Any) -> Any:
        found = await find(*said)
        await story.ask("POST", f"/patients/{carer.id}/erase", admin, WHY)
        return found

    monkeypatch.setattr(users, "find_by_email", interrupted)
    if is_named:
        await story.ask("POST", f"{path}/{relation_id}/confirm", desk, status=404)
    else:
        await story.ask("POST", path, desk, terms, 422)
    async with database.reads() as session:
        assert not (await session.scalars(select(RelatedPerson))).all()
        assert (await users.get(session, carer.user_id)).roles == []
