"""`/medical-records` over HTTP: who gets which answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, select

from appointed.audit.models import AuditEvent
from appointed.core.db import Database
from appointed.core.outbox import OutboxMessage

from ..support.clock import FixedClock
from ..support.factories import Person
from .conftest import Ward

NOTES = "Cough for three days, lungs clear."
DIAGNOSIS = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "J06.9", "display": "Upper respiratory infection"}
CANNOT_TOUCH = ("nurse", "receptionist", "admin", "auditor")


class Desk:
    """Sends what a test says, as whom it says; paths are below `/medical-records`."""

    def __init__(self, client: httpx.AsyncClient, ward: Ward) -> None:
        self.client, self.ward = client, ward

    async def get(self, who: Person | None, path: str, **params: Any) -> httpx.Response:
        headers = dict(who.headers) if who else {}
        return await self.client.get(f"/medical-records/{path}", headers=headers, params=params)

    async def post(self, who: Person | None, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = (dict(who.headers) if who else {}) | {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        sent["Content-Type"] = "application/json"
        return await self.client.post(f"/medical-records/{path}", headers=sent, content=content)

    async def write(self, who: Person | None = None, **body: Any) -> Any:
        """A record of the ward's patient, by the treating doctor unless `who` is somebody else."""
        path = f"new-medical-report/{self.ward.patient.id}"
        answer = await self.post(who or self.ward.doctor, path, {"notes": NOTES} | body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def listed(self, who: Person) -> list[str]:
        answer = await self.get(who, str(self.ward.patient.id))
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    async def status_of(self, who: Person, record_id: str) -> int:
        return (await self.get(who, f"record/{record_id}")).status_code


@pytest.fixture
def desk(client: httpx.AsyncClient, ward: Ward) -> Desk:
    return Desk(client, ward)


async def test_a_treating_doctor_writes_and_the_patient_reads(desk: Desk, ward: Ward, clock: FixedClock) -> None:
    written = await desk.write(title="Cough", diagnoses=[DIAGNOSIS], appointment_id=str(ward.visit_id))
    assert written == {
        "id": written["id"], "patient_id": str(ward.patient.id), "author_id": str(ward.doctor.id),
        "appointment_id": str(ward.visit_id), "status": "final", "version": 1, "title": "Cough", "notes": NOTES,
        "diagnoses": [DIAGNOSIS], "amends_id": None, "amended_by_id": None, "created_at": "2031-03-03T08:00:00Z",
        "signed_at": "2031-03-03T08:00:00Z", "retracted_at": None, "retract_reason": None,
        "released_to_guardians_at": None,
    }  # fmt: skip
    read = await desk.get(ward.patient, f"record/{written['id']}")
    assert (read.status_code, read.json(), read.headers["ETag"]) == (200, written, 'W/"1"')
    assert await desk.listed(ward.patient) == await desk.listed(ward.colleague) == [written["id"]]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_every_address_is_answered_with_and_without_a_trailing_slash(
    desk: Desk, ward: Ward, sqlite_database: object, slash: str
) -> None:
    written = await desk.post(ward.doctor, f"new-medical-report/{ward.patient.id}{slash}",
                              {"notes": NOTES, "status": "preliminary"})  # fmt: skip
    record = f"record/{written.json()['id']}"
    answers = [
        written,
        await desk.get(ward.doctor, f"{ward.patient.id}{slash}"),
        await desk.get(ward.doctor, f"{record}{slash}"),
        await desk.post(ward.doctor, f"{record}/sign{slash}"),
        await desk.post(ward.doctor, f"{record}/amend{slash}", {"notes": "Better."}),
    ]
    answers.append(await desk.post(ward.doctor, f"record/{answers[-1].json()['id']}/retract{slash}", {"reason": "No."}))
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 201, 200]


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("doctor", 201, None),
        ("colleague", 201, None),
        ("stranger", 404, "not_found"),
        ("patient", 403, "forbidden"),
        ("neighbour", 403, "forbidden"),
        *((role, 403, "forbidden") for role in CANNOT_TOUCH),
    ],
)
async def test_only_who_treats_the_patient_writes(
    desk: Desk, ward: Ward, sqlite_database: object, who: str, status: int, code: str | None
) -> None:
    answer = await desk.post(await ward.person(who), f"new-medical-report/{ward.patient.id}", {"notes": NOTES})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


@pytest.mark.parametrize(
    ("who", "status"),
    [("doctor", 200), ("colleague", 200), ("patient", 200), ("stranger", 404), ("neighbour", 404)]
    + [(role, 403) for role in CANNOT_TOUCH],
)
async def test_only_the_patient_and_who_treats_them_read(
    desk: Desk, ward: Ward, sqlite_database: object, who: str, status: int
) -> None:
    record = await desk.write()
    person = await ward.person(who)
    answers = [await desk.get(person, f"record/{record['id']}"), await desk.get(person, str(ward.patient.id))]
    assert [answer.status_code for answer in answers] == [status, status]
    assert all(NOTES not in answer.text for answer in answers if status != 200)


async def test_nobody_without_a_login_comes_near(desk: Desk, ward: Ward, sqlite_database: object) -> None:
    record = await desk.write()
    answers = [
        await desk.post(None, f"new-medical-report/{ward.patient.id}", {"notes": NOTES}),
        await desk.get(None, str(ward.patient.id)),
        await desk.get(None, f"record/{record['id']}"),
        *[await desk.post(None, f"record/{record['id']}/{deed}", {}) for deed in ("sign", "amend", "retract")],
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "unauthenticated")] * 6


async def test_somebody_elses_patient_looks_like_a_missing_one(desk: Desk, ward: Ward) -> None:
    record, nobody = await desk.write(), uuid4()
    hidden = [
        await desk.post(ward.stranger, f"new-medical-report/{ward.patient.id}", {"notes": NOTES}),
        await desk.get(ward.stranger, str(ward.patient.id)),
        await desk.get(ward.stranger, f"record/{record['id']}"),
        await desk.post(ward.stranger, f"record/{record['id']}/retract", {"reason": "Not mine"}),
    ]
    missing = [
        await desk.post(ward.stranger, f"new-medical-report/{nobody}", {"notes": NOTES}),
        await desk.get(ward.stranger, str(nobody)),
        await desk.get(ward.stranger, f"record/{nobody}"),
        await desk.post(ward.stranger, f"record/{nobody}/retract", {"reason": "Not there"}),
    ]
    assert {answer.status_code for answer in hidden + missing} == {404}
    assert [answer.content for answer in hidden] == [answer.content for answer in missing]
    assert len({frozenset(set(answer.headers.items()) - {("x-request-id", answer.headers["x-request-id"])})
                for answer in hidden + missing}) == 1  # fmt: skip


@pytest.mark.parametrize("action", ["sign", "amend", "retract"])
@pytest.mark.parametrize(
    ("who", "on_preliminary", "on_final"),
    [("colleague", 404, 403), ("stranger", 404, 404), ("patient", 403, 403)]
    + [(role, 403, 403) for role in CANNOT_TOUCH],
)
async def test_only_the_author_changes_a_record(
    desk: Desk, ward: Ward, sqlite_database: object, action: str, who: str, on_preliminary: int, on_final: int
) -> None:
    body = {"sign": None, "amend": {"notes": "Mine now."}, "retract": {"reason": "I do not like it"}}[action]
    person = await ward.person(who)
    for status, expected in (("preliminary", on_preliminary), ("final", on_final)):
        record = await desk.write(status=status)
        answer = await desk.post(person, f"record/{record['id']}/{action}", body)
        assert answer.status_code == expected
        assert (await desk.get(ward.doctor, f"record/{record['id']}")).json() == record


async def test_a_preliminary_record_is_the_authors_until_it_is_signed(desk: Desk, ward: Ward) -> None:
    record = await desk.write(status="preliminary")
    assert (record["status"], record["signed_at"]) == ("preliminary", None)
    assert await desk.listed(ward.doctor) == [record["id"]]
    for other in (ward.patient, ward.colleague):
        assert await desk.listed(other) == []
        assert await desk.status_of(other, record["id"]) == 404

    signed = await desk.post(ward.doctor, f"record/{record['id']}/sign")
    assert (signed.status_code, signed.json()["status"], signed.json()["version"]) == (200, "final", 2)
    assert signed.json()["signed_at"] is not None
    assert await desk.listed(ward.patient) == [record["id"]]

    again = await desk.post(ward.doctor, f"record/{record['id']}/sign")
    assert (again.status_code, again.json()) == (200, signed.json())


async def test_an_amendment_takes_the_place_of_what_it_amends(desk: Desk, ward: Ward) -> None:
    old = await desk.write(title="Cough", diagnoses=[DIAGNOSIS], appointment_id=str(ward.visit_id))
    answer = await desk.post(ward.doctor, f"record/{old['id']}/amend", {"notes": "Pneumonia after all.", "title": None})
    new = answer.json()
    assert (answer.status_code, new["status"], new["amends_id"]) == (201, "amended", old["id"])
    assert (new["notes"], new["title"], new["diagnoses"]) == ("Pneumonia after all.", None, [DIAGNOSIS])
    assert (new["appointment_id"], new["author_id"]) == (old["appointment_id"], old["author_id"])
    for who in (ward.patient, ward.colleague, ward.doctor):
        assert await desk.listed(who) == [new["id"]]
        kept = (await desk.get(who, f"record/{old['id']}")).json()
        assert kept == old | {"amended_by_id": new["id"], "version": 2}

    for action, body in (("amend", {"notes": "Twice."}), ("retract", {"reason": "Twice."})):
        twice = await desk.post(ward.doctor, f"record/{old['id']}/{action}", body)
        assert (twice.status_code, twice.json()["code"]) == (409, "superseded")
        assert twice.json()["amended_by_id"] == new["id"]


async def test_a_retracted_record_is_kept_for_its_author_alone(desk: Desk, ward: Ward) -> None:
    first = await desk.write()
    second = (await desk.post(ward.doctor, f"record/{first['id']}/amend", {"notes": "Still wrong."})).json()
    answer = await desk.post(ward.doctor, f"record/{second['id']}/retract", {"reason": "The wrong patient"})
    assert (answer.status_code, answer.json()["status"]) == (200, "entered-in-error")
    assert (answer.json()["retract_reason"], answer.json()["notes"]) == ("The wrong patient", "Still wrong.")
    for who in (ward.doctor, ward.colleague, ward.patient):
        assert await desk.listed(who) == []
    for record_id in (first["id"], second["id"]):
        assert await desk.status_of(ward.patient, record_id) == await desk.status_of(ward.colleague, record_id) == 404
        kept = (await desk.get(ward.doctor, f"record/{record_id}")).json()
        assert (kept["status"], kept["retract_reason"]) == ("entered-in-error", "The wrong patient")

    again = await desk.post(ward.doctor, f"record/{second['id']}/retract", {"reason": "Once more"})
    assert (again.status_code, again.json()) == (200, answer.json())


@pytest.mark.parametrize(
    ("status", "action", "code"),
    [("preliminary", "amend", "not_amendable"), ("entered-in-error", "sign", "not_signable"),
     ("entered-in-error", "amend", "not_amendable"), ("amended", "sign", "not_signable")],
)  # fmt: skip
async def test_what_a_state_does_not_allow_is_named(
    desk: Desk, ward: Ward, sqlite_database: object, status: str, action: str, code: str
) -> None:
    record = await desk.write(status="preliminary" if status == "preliminary" else "final")
    if status == "amended":
        record = (await desk.post(ward.doctor, f"record/{record['id']}/amend", {"notes": "Again."})).json()
    if status == "entered-in-error":
        await desk.post(ward.doctor, f"record/{record['id']}/retract", {"reason": "Wrong"})
    body = {"notes": "More."} if action == "amend" else None
    answer = await desk.post(ward.doctor, f"record/{record['id']}/{action}", body)
    assert (answer.status_code, answer.json()["code"]) == (409, code)


@pytest.mark.parametrize(("action", "status"), [("sign", "preliminary"), ("amend", "final"), ("retract", "final")])
async def test_a_stale_version_is_refused(
    desk: Desk, ward: Ward, sqlite_database: object, action: str, status: str
) -> None:
    record = await desk.write(status=status)
    body = {"sign": None, "amend": {"notes": "Newer."}, "retract": {"reason": "Wrong"}}[action]
    for tag in ('W/"2"', '"0"', "nonsense"):
        stale = await desk.post(ward.doctor, f"record/{record['id']}/{action}", body, If_Match=tag)
        assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    tag = (await desk.get(ward.doctor, f"record/{record['id']}")).headers["ETag"]
    assert (await desk.post(ward.doctor, f"record/{record['id']}/{action}", body, If_Match=tag)).is_success


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "notes"),
        ({"notes": ""}, "notes"),
        ({"notes": "a\0b"}, "notes"),
        ({"notes": "a", "title": "\ud800"}, "title"),
        ({"notes": "a", "status": "amended"}, "status"),
        ({"notes": "a", "mood": "good"}, "mood"),
        ({"notes": "a", "diagnoses": [DIAGNOSIS, {"system": "x"}]}, "diagnoses.1.code"),
        ({"notes": "a", "appointment_id": str(UUID(int=7))}, "appointment_id"),
    ],
)
async def test_bad_input_names_its_field(
    desk: Desk, ward: Ward, sqlite_database: object, body: dict[str, Any], field: str
) -> None:
    answer = await desk.post(ward.doctor, f"new-medical-report/{ward.patient.id}", body)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)


async def test_a_visit_must_be_that_patients_and_seen_by_the_doctor(desk: Desk, ward: Ward) -> None:
    clinic = ward.clinic
    elsewhere = await clinic.visit(ward.neighbour, ward.doctor, clinic.clock.now().replace(hour=11))
    for appointment_id in (elsewhere.id, ward.colleague_visit_id):
        body = {"notes": NOTES, "appointment_id": str(appointment_id)}
        answer = await desk.post(ward.doctor, f"new-medical-report/{ward.patient.id}", body)
        assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, "appointment_id")


async def test_retracting_needs_a_reason(desk: Desk, ward: Ward, sqlite_database: object) -> None:
    record = await desk.write()
    for body in ({}, {"reason": "  "}, {"reason": None}):
        answer = await desk.post(ward.doctor, f"record/{record['id']}/retract", body)
        assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, "reason")


ONCE = {"write": {"notes": "Once."}, "sign": {}, "amend": {"notes": "Once."}, "retract": {"reason": "Once"}}
TWICE = {"write": {"notes": "Twice."}, "sign": {"x": 1}, "amend": {"notes": "Twice."}, "retract": {"reason": "Twice"}}


@pytest.mark.parametrize("action", ["write", "sign", "amend", "retract"])
async def test_a_repeated_request_is_answered_like_the_first(desk: Desk, ward: Ward, action: str) -> None:
    path = f"new-medical-report/{ward.patient.id}"
    if action != "write":
        record = await desk.write(status="preliminary" if action == "sign" else "final")
        path = f"record/{record['id']}/{action}"
    first = await desk.post(ward.doctor, path, ONCE[action], Idempotency_Key='"k"')
    again = await desk.post(ward.doctor, path, ONCE[action], Idempotency_Key='"k"')
    assert first.is_success
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await desk.post(ward.doctor, path, TWICE[action], Idempotency_Key='"k"')
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    async with ward.clinic.database.reads() as session:
        trail = await session.scalars(select(AuditEvent).where(AuditEvent.action == f"record.{action}"))
        assert len(trail.all()) == 1


async def test_pages_hold_every_record_once(desk: Desk, ward: Ward) -> None:
    written = [(await desk.write(notes=str(number)))["id"] for number in range(5)]
    found: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await desk.get(ward.patient, str(ward.patient.id), **params)).json()
        found += [item["id"] for item in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert found == written
    assert (await desk.get(ward.patient, str(ward.patient.id), limit=10**9)).status_code == 422


async def test_a_long_list_asks_the_database_no_more_often(desk: Desk, ward: Ward, sqlite_database: Database) -> None:
    counts = []
    for _ in range(2):
        await desk.write()
        with selects(sqlite_database) as asked:
            await desk.listed(ward.patient)
        counts.append(len(asked))
    assert counts == [2, 2], "who asks, and what they see"


@contextmanager
def selects(database: Database) -> Iterator[list[str]]:
    """What is read from the database within the block."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(database.engines[0].sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engines[0].sync_engine, "before_cursor_execute", note)


async def test_every_look_leaves_a_trail_and_so_does_every_refused_one(desk: Desk, ward: Ward) -> None:
    record = await desk.write()
    await desk.listed(ward.patient)
    await desk.status_of(ward.colleague, record["id"])
    await desk.status_of(ward.stranger, record["id"])
    await desk.post(ward.colleague, f"record/{record['id']}/retract", {"reason": "Not mine"})
    async with ward.clinic.database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    trail = [(row.actor_id, row.action, row.outcome) for row in rows if "record" in row.action]
    assert trail == [
        (ward.doctor.user_id, "record.write", "done"),
        (ward.patient.user_id, "record.find", "done"),
        (ward.colleague.user_id, "record.read", "done"),
        (ward.stranger.user_id, "GET /medical-records/record/{record_id}", "not_found"),
        (ward.colleague.user_id, "POST /medical-records/record/{record_id}/retract", "forbidden"),
    ]
    assert all(row.patient_id == ward.patient.id for row in rows if row.action.startswith("record."))


async def test_the_patient_is_told_of_what_is_signed_and_of_nothing_else(desk: Desk, ward: Ward) -> None:
    draft = await desk.write(status="preliminary")
    assert await told(ward) == []
    await desk.post(ward.doctor, f"record/{draft['id']}/sign")
    await desk.post(ward.doctor, f"record/{draft['id']}/sign")
    final = await desk.write()
    amended = (await desk.post(ward.doctor, f"record/{final['id']}/amend", {"notes": "More."})).json()
    await desk.post(ward.doctor, f"record/{amended['id']}/retract", {"reason": "Wrong"})
    assert await told(ward) == [{"record_id": each["id"]} for each in (draft, final, amended)]


async def told(ward: Ward) -> list[dict[str, str]]:
    async with ward.clinic.database.reads() as session:
        query = select(OutboxMessage.payload).where(OutboxMessage.name == "record.written").order_by(OutboxMessage.id)
        return list((await session.scalars(query)).all())
