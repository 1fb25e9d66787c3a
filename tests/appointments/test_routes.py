"""`/appointments` over HTTP: what is asked, what is answered, and what is refused by which name."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.audit.models import AuditEvent
from appointed.core.db import Database
from appointed.visit_types.models import VisitType
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import counted
from tests.support.racing import tally
from tests.support.soundness import remains

HALF_HOUR = timedelta(minutes=30)
CONFLICTS = {"patient_busy", "slot_taken", "buffer"}


@pytest.fixture
def ten(clock: FixedClock) -> datetime:
    """Ten o'clock on the clock's day, two hours on."""
    return clock.now() + timedelta(hours=2)


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


async def post(client: httpx.AsyncClient, who: Person, doctor: Person, start: datetime, **more: Any) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "starts_at": start.isoformat()} | more
    headers = {**who.headers, "Content-Type": "application/json"}
    # Not httpx's own JSON, which cannot say what it should not.
    return await client.post("/appointments", content=json.dumps(body), headers=headers)


# --- refusals, in their order ----------------------------------------------------------------------------------------


# Day, hour, minute and length of what is asked for, of a doctor who sees patients from nine to one for the type that is
# asked for and from one to five for another. Tuesday at ten and at eleven the doctor has a visit, at eleven the patient
# has one elsewhere.
ORDER: list[tuple[tuple[int, int, int, int], str]] = [
    ((0, 7, 10, 25), "in_the_past"),  # and off the grid, too long and outside the hours
    ((0, 9, 10, 25), "too_soon"),  # by two hours of notice; and off the grid and too long
    ((40, 9, 10, 25), "too_far_ahead"),
    ((1, 9, 10, 25), "off_grid"),
    ((1, 9, 30, 25), "length_not_allowed"),
    ((1, 13, 30, 25), "length_not_allowed"),  # and not offered
    ((1, 13, 30, 30), "not_offered"),
    ((1, 18, 0, 30), "outside_hours"),
    ((1, 12, 30, 60), "outside_hours"),  # only its end is
    ((1, 10, 30, 60), "patient_busy"),  # and buffer
    ((1, 11, 0, 30), "patient_busy"),  # and taken
    ((1, 9, 30, 60), "slot_taken"),
    ((1, 10, 0, 30), "slot_taken"),
    ((1, 10, 30, 30), "buffer"),
    ((1, 9, 30, 30), "201"),
]


@pytest.mark.parametrize(("wanted", "answer"), ORDER, ids=[f"{wanted}" for wanted, _ in ORDER])
async def test_of_all_that_is_wrong_the_first_is_named(
    wanted: tuple[int, int, int, int], answer: str, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock,
    database: Database,
) -> None:  # fmt: skip
    kind = await clinic.visit_type(allowed_lengths=[60], notice_minutes=120, window_days=30)
    padded = await clinic.visit_type(name="Long talk", buffer_after_minutes=15)
    doctor, elsewhere = await clinic.doctor(hours=False), await clinic.doctor()
    for weekday in (0, 1, 5):
        await clinic.hours(doctor.profile_id, weekday, 540, 780, visit_type_ids=frozenset({kind.id, padded.id}))
        await clinic.hours(doctor.profile_id, weekday, 780, 1020, visit_type_ids=frozenset({padded.id}))
    patient, other = await clinic.patient(), await clinic.patient()
    tuesday = clock.now().replace(hour=0) + timedelta(days=1)
    await clinic.visit(other, doctor, tuesday + timedelta(hours=10), visit_type_id=padded.id)
    await clinic.visit(other, doctor, tuesday + timedelta(hours=11), visit_type_id=kind.id)
    await clinic.visit(patient, elsewhere, tuesday + timedelta(hours=11))
    day, hour, minute, length = wanted
    start = clock.now().replace(hour=0) + timedelta(days=day, hours=hour, minutes=minute)
    ends_at = (start + timedelta(minutes=length)).isoformat()
    said = await post(client, patient, doctor, start, visit_type_id=str(kind.id), ends_at=ends_at)
    if said.status_code == 201:
        assert answer == "201"
        return
    assert tally([said]) == {f"{409 if answer in CONFLICTS else 422} {answer}": 1}
    assert said.headers["Content-Type"] == "application/problem+json"
    assert bool(said.json().get("alternatives")) == (answer in CONFLICTS)


async def test_a_refusal_is_in_the_trail_of_whom_it_was_about(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    await clinic.visit(one, doctor, ten)
    await post(client, another, doctor, ten, reason="Cough")
    async with sqlite_database.reads() as session:
        (event,) = await session.scalars(select(AuditEvent).where(AuditEvent.outcome != "done"))
    assert (event.action, event.outcome) == ("POST /appointments", "slot_taken")
    assert (event.actor_id, event.patient_id) == (another.user_id, another.id)
    assert "Cough" not in str(event.detail)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "naive": ({"starts_at": "2031-03-03T10:00:00"}, "starts_at"),
    "day": ({"starts_at": "2031-03-03"}, "starts_at"),
    "number": ({"starts_at": 1930557600}, "starts_at"),
    "far past": ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at"),
    "far future": ({"starts_at": "9999-12-31T23:59:59Z"}, "starts_at"),
    "end before start": ({"ends_at": "2031-03-03T09:00:00Z"}, "ends_at"),
    "end at start": ({"ends_at": "2031-03-03T10:00:00Z"}, "ends_at"),
    "no id": ({"doctor_id": "Dr. Demo"}, "doctor_id"),
    "nobody": ({"doctor_id": "019b2f4e-7c1a-7000-8000-000000000001"}, "doctor_id"),
    "no such type": ({"visit_type_id": "019b2f4e-7c1a-7000-8000-000000000001"}, "visit_type_id"),
    "NUL": ({"reason": "a\0b"}, "reason"),
    "surrogate": ({"reason": "\ud800"}, "reason"),
    "empty": ({"reason": " "}, "reason"),
    "unknown field": ({"status": "fulfilled"}, "status"),
    "unknown channel": ({"channel": "pigeon"}, "channel"),
    "extra without reason": ({"extra": {}}, "extra.reason"),
    "override without reason": ({"override": {}}, "override.reason"),
}


@pytest.mark.parametrize(("wrong", "field"), BAD.values(), ids=BAD)
async def test_bad_input_names_its_field(
    wrong: dict[str, Any], field: str, client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime,
    sqlite_database: Database,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    said = await post(client, desk, await clinic.doctor(), ten, **({"patient_id": str(patient.id)} | wrong))
    assert said.status_code == 422
    assert [each["name"] for each in said.json()["fields"]] == [field]
    assert (await remains(sqlite_database)).visits == []


async def test_an_end_beyond_all_days_is_refused_like_any_wrong_length(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    said = await post(
        client, desk, await clinic.doctor(), ten, patient_id=str(patient.id), ends_at="2200-01-01T00:00:00Z"
    )
    assert tally([said]) == {"422 length_not_allowed": 1}


# --- what is booked --------------------------------------------------------------------------------------------------


async def test_a_booking_answers_with_the_visit(client: httpx.AsyncClient, clinic: Clinic, ten: datetime) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    said = await post(client, patient, doctor, ten, reason="Cough")
    booked = said.json()
    assert said.status_code == 201
    assert {name: booked[name] for name in booked if name not in {"id", "visit_type_id", "location_id"}} == {
        "doctor_id": str(doctor.id), "patient_id": str(patient.id), "starts_at": "2031-03-03T10:00:00Z",
        "ends_at": "2031-03-03T10:30:00Z", "status": "booked", "version": 1, "is_extra": False, "channel": "online",
        "booked_by": str(patient.user_id), "notified": "queued", "needs_attention": False, "attention_code": None,
        "reason": "Cough", "created_at": "2031-03-03T08:00:00Z", "cancelled_at": None, "cancel_code": None,
        "cancel_note": None, "arrived_at": None, "checked_in_at": None, "roomed_at": None, "started_at": None,
        "finished_at": None, "excused_at": None, "expected_at": None, "is_cancelled_late": None,
        "hold_expires_at": None, "series_id": None, "series_number": None, "family_id": None, "session_id": None,
    }  # fmt: skip
    read = await client.get(f"/appointments/{booked['id']}", headers=patient.headers)
    assert (read.json(), read.headers["ETag"]) == (booked, 'W/"1"')


async def test_an_instant_is_the_same_in_every_zone(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime, sqlite_database: Database
) -> None:
    said = await post(client, await clinic.patient(), await clinic.doctor(), ten, starts_at="2031-03-03T11:00:00+01:00")
    assert said.json()["starts_at"] == "2031-03-03T10:00:00Z"


@pytest.mark.parametrize(
    ("minutes", "by_patient", "by_desk"),
    [
        (30, "201", "201"),
        (60, "201", "201"),
        (45, "422 length_not_allowed", "201"),
        (5, "422 length_not_allowed", "201"),
        (7, "422 off_grid", "422 off_grid"),
        (0, "422 invalid", "422 invalid"),
        (1440, "422 length_not_allowed", "422 outside_hours"),
        (1445, "422 length_not_allowed", "422 length_not_allowed"),
    ],
)
async def test_patients_choose_among_the_types_lengths_and_the_desk_any(
    minutes: int, by_patient: str, by_desk: str, client: httpx.AsyncClient, clinic: Clinic, desk: Person,
    ten: datetime, sqlite_database: Database,
) -> None:  # fmt: skip
    kind = await clinic.visit_type(allowed_lengths=[60])
    patient = await clinic.patient()
    for who, expected in ((patient, by_patient), (desk, by_desk)):
        end = (ten + timedelta(minutes=minutes)).isoformat()
        said = await post(client, who, await clinic.doctor(), ten, ends_at=end, visit_type_id=str(kind.id),
                          patient_id=str(patient.id))  # fmt: skip
        assert tally([said]) == {expected: 1}
        if said.status_code == 201:
            assert datetime.fromisoformat(said.json()["ends_at"]) == ten + timedelta(minutes=minutes)
            await client.delete(f"/appointments/{said.json()['id']}", headers=desk.headers)


async def test_the_desk_says_whom_it_books_for(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    nobody = await post(client, desk, doctor, ten)
    assert (nobody.status_code, nobody.json()["fields"][0]["name"]) == (422, "patient_id")
    said = {"patient_id": str(patient.id), "channel": "phone", "notify": False}
    booked = (await post(client, desk, doctor, ten, **said)).json()
    assert (booked["channel"], booked["notified"], booked["booked_by"]) == ("phone", "off", str(desk.user_id))


async def test_fitting_in_is_for_the_desk_with_a_reason_and_is_marked(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, ten: datetime, sqlite_database: Database
) -> None:
    doctor, one, another = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    await clinic.visit(one, doctor, ten)
    extra = {"extra": {"reason": "Acute pain"}}
    assert tally([await post(client, another, doctor, ten, **extra)]) == {"403 forbidden": 1}
    odd = ten + timedelta(minutes=5)
    said = await post(client, desk, doctor, odd, patient_id=str(another.id), **extra)
    assert (said.status_code, said.json()["is_extra"]) == (201, True)
    assert (await remains(sqlite_database)).trail["appointment.fit-in", (await visit_ids(sqlite_database))[-1]] == 1


async def visit_ids(database: Database) -> list[Any]:
    return [visit.id for visit in (await remains(database)).visits]


# --- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "note"),
    [
        (None, None, None),
        ({}, None, None),
        ({"reason": "I am well again"}, None, "I am well again"),
        ({"reason_code": "patient", "note": "Well again"}, "patient", "Well again"),
        ({"reason_code": "patient"}, "patient", None),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_visit_is_cancelled_with_a_reason_a_code_or_none(
    method: str, body: dict[str, Any] | None, code: str | None, note: str | None, client: httpx.AsyncClient,
    clinic: Clinic, ten: datetime, sqlite_database: Database,
) -> None:  # fmt: skip
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten)
    path = f"/appointments/{visit.id}" + ("/cancel" if method == "POST" else "")
    answers = [await client.request(method, path, json=body, headers=patient.headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    said = answers[0].json()
    assert (said["status"], said["version"], said["cancel_code"], said["cancel_note"]) == ("cancelled", 2, code, note)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"reason": "a", "note": "b"}, "note"), ({"reason_code": "Not a code"}, "reason_code"), ({"why": "a"}, "why")],
)
async def test_a_cancellation_that_is_not_understood_cancels_nothing(
    body: dict[str, Any],
    field: str,
    client: httpx.AsyncClient,
    clinic: Clinic,
    ten: datetime,
    sqlite_database: Database,
) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten)
    said = await client.post(f"/appointments/{visit.id}/cancel", json=body, headers=patient.headers)
    assert (said.status_code, [each["name"] for each in said.json()["fields"]]) == (422, [field])
    assert [visit.status for visit in (await remains(sqlite_database)).visits] == ["booked"]


@pytest.mark.parametrize(
    ("if_match", "answer"),
    [('W/"1"', "200"), ('"1"', "200"), ("*", "200"), (None, "200"), ('W/"2"', "412 version_mismatch"),
     ("1", "412 version_mismatch"), ('"one"', "412 version_mismatch"), ('W/"0"', "412 version_mismatch")],
)  # fmt: skip
async def test_a_visit_that_was_changed_since_it_was_read_is_not_cancelled(
    if_match: str | None,
    answer: str,
    client: httpx.AsyncClient,
    clinic: Clinic,
    ten: datetime,
    sqlite_database: Database,
) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), ten)
    headers = {**patient.headers} | ({"If-Match": if_match} if if_match else {})
    assert tally([await client.delete(f"/appointments/{visit.id}", headers=headers)]) == {answer: 1}


async def test_a_visit_that_has_begun_is_not_cancelled_by_its_patient(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, ten: datetime, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient, await clinic.doctor(), clock.now() + timedelta(hours=1))
    clock.set(visit.starts_at)
    token = clinic.tokens.issue(patient.user_id, patient.actor.session_id, clock.now())
    said = await client.delete(f"/appointments/{visit.id}", headers={"Authorization": f"Bearer {token}"})
    assert tally([said]) == {"409 not_cancellable": 1}


# --- how many statements ---------------------------------------------------------------------------------------------


@pytest.mark.backends("postgresql")
async def test_a_booking_is_nine_statements_with_its_beginning_and_its_end(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    with counted(database) as sent:
        assert tally([await post(client, patient, doctor, ten)]) == {"201": 1}
    assert len(sent) <= 9, sent
    assert sum("INSERT" in statement for statement in sent) == 1, "what a booking writes is written at once"


async def test_the_default_visit_type_is_found_without_being_named(
    client: httpx.AsyncClient, clinic: Clinic, ten: datetime, database: Database
) -> None:
    said = await post(client, await clinic.patient(), await clinic.doctor(), ten)
    async with database.reads() as session:
        default = await session.scalar(select(VisitType.id).where(VisitType.is_default.is_(True)))
    assert said.json()["visit_type_id"] == str(default)
