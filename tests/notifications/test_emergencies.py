"""Whose record was opened in an emergency is told, and an auditor looks at it."""

import httpx

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.dispatch import deliver_due
from appointed.notifications.context import Context
from tests.patients.test_emergencies import WHY, open_record
from tests.support.factories import Clinic
from tests.support.mailbox import MemoryMailbox


async def test_the_patient_is_told_and_an_auditor_looks_at_it(
    client: httpx.AsyncClient, clinic: Clinic, context: Context, mailbox: MemoryMailbox, sqlite_database: Database
) -> None:
    patient, doctor, auditor = await clinic.patient(), await clinic.doctor(), await clinic.staff(Role.AUDITOR)
    await deliver_due(context, 10)
    mailbox.letters.clear()
    await open_record(client, doctor, patient_id=str(patient.id))
    await deliver_due(context, 10)
    (told,) = mailbox.letters
    assert told["To"] == patient.email
    assert "opened" in str(told["Subject"])
    assert WHY not in str(told)

    async def queue() -> list[tuple[str, str | None]]:
        page = await client.get("/emergency-accesses?is_reviewed=false", headers=auditor.headers)
        return [(each["reason"], each["note"]) for each in page.json()["items"]]

    assert await queue() == [(WHY, None)]
    (opened,) = (await client.get("/emergency-accesses", headers=auditor.headers)).json()["items"]
    review = {"note": "Justified: brought in by ambulance"}
    said = await client.post(f"/emergency-accesses/{opened['id']}/review", json=review, headers=auditor.headers)
    assert (said.json()["note"], said.json()["reviewed_by"]) == (review["note"], str(auditor.user_id))
    assert await queue() == []
    seen = (await client.get(f"/patients/{patient.id}/accesses", headers=patient.headers)).json()["items"]
    assert "emergency-access.open" in [each["action"] for each in seen]
