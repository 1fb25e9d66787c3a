"""`/audit-events` and a patient's own view of the trail: what is found, in which order, and in which shapes."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appointed import audit
from appointed.accounts.actor import Role
from appointed.admin.audit_schemas import code_of
from appointed.core.db import Database, transaction
from tests.support.clock import MONDAY
from tests.support.factories import Clinic, Person


@pytest.fixture
async def auditor(clinic: Clinic) -> Person:
    return await clinic.staff(Role.AUDITOR)


async def recorded(database: Database, patient: Person, doctor: Person) -> None:
    """On three days: a look, a refused look, and a booking by the clock."""
    async with transaction(database.writes) as session:
        audit.record(session, MONDAY, doctor.user_id, "record.read", "record", patient_id=patient.id)
        audit.record(session, MONDAY + timedelta(days=1), doctor.user_id, "record.read", "record",
                     patient_id=patient.id, outcome="not_found")  # fmt: skip
        audit.record(session, MONDAY + timedelta(days=2), None, "appointment.no-show", "appointment",
                     patient_id=patient.id, code="clock")  # fmt: skip


async def found(client: httpx.AsyncClient, auditor: Person, **params: Any) -> list[str]:
    """Days of March, and what was done on them."""
    answer = await client.get("/audit-events", params=params, headers=auditor.headers)
    assert answer.status_code == 200, answer.text
    return [f"{row['recorded_at'][8:10]} {row['action']} {row['outcome']}" for row in answer.json()["items"]]


async def test_the_trail_is_searched_the_newest_rows_first(
    client: httpx.AsyncClient, clinic: Clinic, database: Database, auditor: Person
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await recorded(database, patient, doctor)
    mine = {"patient_id": str(patient.id), "action": "record."}
    assert await found(client, auditor, **mine) == ["04 record.read not_found", "03 record.read done"]
    assert await found(client, auditor, **mine, outcome="done") == ["03 record.read done"]
    assert await found(client, auditor, **mine, to="2031-03-03") == ["03 record.read done"]
    assert await found(client, auditor, action="record.read", **{"from": "2031-03-04"}) == ["04 record.read not_found"]
    assert await found(client, auditor, entity="appointment") == ["05 appointment.no-show done"]
    assert await found(client, auditor, actor_id=str(doctor.user_id), entity="record", limit=1) == [
        "04 record.read not_found"
    ]
    # Who looks for it is found as well.
    assert "03 audit.find done" in await found(client, auditor, actor_id=str(auditor.user_id))


async def test_pages_of_the_trail_follow_each_other(
    client: httpx.AsyncClient, clinic: Clinic, database: Database, auditor: Person
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await recorded(database, patient, doctor)
    params: dict[str, Any] = {"patient_id": str(patient.id), "limit": 1, "entity": "record"}
    days = []
    for _ in range(2):
        page = (await client.get("/audit-events", params=params, headers=auditor.headers)).json()
        days += [row["recorded_at"][8:10] for row in page["items"]]
        params["cursor"] = page["next_cursor"]
    assert (days, params["cursor"]) == (["04", "03"], None)


async def test_the_trail_is_exported_in_three_shapes(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database, auditor: Person
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await recorded(sqlite_database, patient, doctor)
    params = {"patient_id": str(patient.id), "from": "2031-03-04", "to": "2031-03-09"}

    async def exported(as_: str, **more: Any) -> httpx.Response:
        return await client.get("/audit-events/export", params={**params, "format": as_, **more},
                                headers=auditor.headers)  # fmt: skip

    rows = (await exported("json")).json()["items"]
    assert [row["action"] for row in rows] == ["appointment.no-show", "record.read"]
    table = list(csv.DictReader(io.StringIO((await exported("csv")).text)))
    assert [(row["id"], json.loads(row["detail"])) for row in table] == [(row["id"], row["detail"]) for row in rows]

    fhir = await exported("fhir")
    assert fhir.headers["content-disposition"] == 'attachment; filename="audit-events.fhir.json"'
    assert fhir.headers["content-type"] == "application/fhir+json"
    by_clock, look = [entry["resource"] for entry in fhir.json()["entry"]]
    assert (look["resourceType"], look["action"], look["outcome"], look["outcomeDesc"]) == (
        "AuditEvent", "R", "4", "not_found",
    )  # fmt: skip
    assert look["agent"][0]["who"]["identifier"]["value"] == str(doctor.user_id)
    assert look["entity"][1]["what"] == {"reference": f"Patient/{patient.id}"}
    assert look["entity"][1]["role"]["code"] == "1"
    assert (by_clock["outcome"], by_clock["agent"][0]["who"]) == ("0", {"display": "nobody or the clock"})

    first = await exported("csv", limit=1)
    second = await exported("csv", limit=1, cursor=first.headers["x-next-cursor"])
    assert "x-next-cursor" not in second.headers
    assert [row["id"] for row in csv.DictReader(io.StringIO(second.text))] == [rows[1]["id"]]


@pytest.mark.parametrize(
    ("action", "code"),
    [("appointment.book", "C"), ("record.read", "R"), ("patient.find", "E"), ("hours.remove", "D"),
     ("appointment.cancel", "U"), ("appointment.undo-cancel", "U")],
)  # fmt: skip
def test_every_action_has_one_of_the_five_codes_of_fhir(action: str, code: str) -> None:
    assert code_of(action) == code


async def test_patients_see_who_looked_at_their_data(
    client: httpx.AsyncClient, clinic: Clinic, database: Database
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await recorded(database, patient, doctor)
    seen = (await client.get(f"/patients/{patient.id}/accesses", headers=patient.headers)).json()["items"]
    said = [(row["action"], row["actor_name"], row["actor_roles"], row["is_own"]) for row in seen]
    assert said == [
        ("appointment.no-show", None, [], False),
        ("record.read", "Dana Demo", ["doctor"], False),
        ("patient.register", "Pat Sample", ["patient"], True),
    ]
