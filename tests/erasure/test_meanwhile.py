"""Somebody is erased while others book, invite, name or employ them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from appointed import accounts
from appointed.accounts import queries as users
from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.dispatch import deliver_due, purge_erased
from appointed.notifications.context import Context
from appointed.patients import queries
from appointed.patients.models import Invitation, Patient, RelatedPerson
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import ROW_LOCK, heard
from tests.support.mailbox import MemoryMailbox

from .story import WHY, Story


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
