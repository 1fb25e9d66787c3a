"""Who is erased is found nowhere but in the records that must be kept, and after the years not even there."""

from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from appointed import accounts, audit
from appointed.accounts.actor import Role
from appointed.appointments.models import Appointment
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, metadata, transaction
from appointed.core.outbox import OutboxMessage
from appointed.dispatch import deliver_due, purge_erased, tidy_if_due
from appointed.notifications.context import Context
from appointed.patients.models import Patient
from tests.support.clock import FixedClock
from tests.support.factories import PASSWORD, Clinic, Person
from tests.support.mailbox import MemoryMailbox
from tests.support.racing import at_once

from .story import BESIDE, KEPT, PROFILE, WHY, WORD, Story, canaries


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
