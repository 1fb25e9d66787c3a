"""Taking a doctor's time away: breaks, closed days, leave and blocks mark the visits they hit, and give them back."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.audit.models import AuditEvent
from appointed.core.db import Database

from ..access.world import contents_of
from ..support.clock import MONDAY
from ..support.factories import Clinic, Person

TEN = MONDAY.replace(hour=10)
LEAVE = {"kind": "leave", "starts_on": "2031-03-03", "ends_on": "2031-03-03", "reason_code": "vacation"}
MEETING = {"kind": "block", "starts_at": "2031-03-03T09:45:00Z", "ends_at": "2031-03-03T10:05:00Z",
           "reason_code": "meeting"}  # fmt: skip
BREAK = {"weekday": "monday", "start_time": "10:15", "end_time": "10:45", "kind": "break"}
CLOSED = {"on_date": "2031-03-03", "kind": "closed"}
TAKING = [("/availability/time-off", LEAVE, "on_leave"), ("/availability/time-off", MEETING, "blocked"),
          ("/availability", BREAK, "break"), ("/availability/exceptions", CLOSED, "closed")]  # fmt: skip
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


@pytest.fixture
def ask(client: httpx.AsyncClient, desk: Person) -> Ask:
    async def asked(method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await client.request(method, path, json=body, **({"headers": desk.headers} | more))

    return asked


async def state_of(ask: Ask, visit_id: Any) -> tuple[str, bool, str | None]:
    visit = (await ask("GET", f"/appointments/{visit_id}")).json()
    return visit["status"], visit["needs_attention"], visit["attention_code"]


@pytest.mark.parametrize(("path", "body", "code"), TAKING)
async def test_what_takes_time_marks_the_visits_it_hits_and_gives_them_back(
    path: str, body: dict[str, Any], code: str, ask: Ask, clinic: Clinic
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    hit, other = [await clinic.visit(patient, doctor, TEN + timedelta(days=days)) for days in (0, 1)]
    body = body | {"doctor_id": str(doctor.id)}
    taken = await ask("POST", path, body)
    assert taken.status_code == 201, taken.text
    assert taken.json()["affected"] == [{"id": str(hit.id), "starts_at": "2031-03-03T10:00:00Z"}]
    assert await state_of(ask, hit.id) == ("booked", True, code)
    assert await state_of(ask, other.id) == ("booked", False, None)
    kind = "/availability/time-off" if "time-off" in path else "/availability"
    assert (await ask("DELETE", f"{kind}/{taken.json()['id']}")).is_success
    assert await state_of(ask, hit.id) == ("booked", False, None)
    async with clinic.database.reads() as session:
        trail = (await session.scalars(select(AuditEvent.action).where(AuditEvent.entity_id == hit.id))).all()
    assert trail.count("appointment.needs-attention") == trail.count("appointment.ground-restored") == 1


@pytest.mark.parametrize(("path", "body", "code"), TAKING)
async def test_a_dry_run_lists_whom_it_would_hit_and_writes_nothing(
    path: str, body: dict[str, Any], code: str, ask: Ask, clinic: Clinic
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, TEN)
    before, trail = await contents_of(clinic), await trail_of(clinic.database)
    answer = await ask("POST", path, body | {"doctor_id": str(doctor.id)}, params={"dry_run": True})
    assert (answer.status_code, answer.json()) == (
        200, {"affected": [{"id": str(visit.id), "starts_at": "2031-03-03T10:00:00Z"}]},
    )  # fmt: skip
    assert await contents_of(clinic) == before
    assert await trail_of(clinic.database) == trail


async def trail_of(database: Database) -> list[Any]:
    async with database.reads() as session:
        return list((await session.scalars(select(AuditEvent.id))).all())


async def test_a_dry_run_of_what_would_be_refused_lists_whom_it_would_hit(ask: Ask, clinic: Clinic) -> None:
    doctor, patient = await clinic.doctor(hours=False), await clinic.patient()
    hours = await clinic.hours(doctor.profile_id, 0, 540, 1020)
    visit = await clinic.visit(patient, doctor, TEN)
    before = await contents_of(clinic)
    for method, body in (("DELETE", None), ("PATCH", {"start_time": "11:00"})):
        answer = await ask(method, f"/availability/{hours}", body, params={"dry_run": True})
        assert [each["id"] for each in answer.json()["affected"]] == [str(visit.id)]
    assert await contents_of(clinic) == before
    assert (await ask("DELETE", f"/availability/{hours}")).json()["code"] == "visits_affected"


@pytest.mark.parametrize(("path", "body", "code"), TAKING)
async def test_what_was_taken_is_free_for_nobody(
    path: str, body: dict[str, Any], code: str, ask: Ask, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    await ask("POST", path, body | {"doctor_id": str(doctor.id)})
    wanted = {"doctor_id": str(doctor.id), "starts_at": TEN.isoformat()}
    refused = await ask("POST", "/appointments", wanted, headers=patient.headers)
    expected = code if code == "on_leave" else "outside_hours"
    assert (refused.status_code, refused.json()["code"]) == (422, expected)


async def test_a_visit_with_two_reasons_keeps_its_mark_until_both_are_gone(
    ask: Ask, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, TEN)
    made = [(await ask("POST", "/availability/time-off", body | {"doctor_id": str(doctor.id)})).json()
            for body in (LEAVE, MEETING)]  # fmt: skip
    assert [len(each["affected"]) for each in made] == [1, 0]
    for each, is_marked in zip(made, (True, False), strict=True):
        await ask("DELETE", f"/availability/time-off/{each['id']}")
        assert (await state_of(ask, visit.id))[1] == is_marked


async def test_leave_that_is_moved_marks_what_it_meets_now_and_frees_what_it_left(
    ask: Ask, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    monday, tuesday = [await clinic.visit(patient, doctor, TEN + timedelta(days=days)) for days in (0, 1)]
    leave = (await ask("POST", "/availability/time-off", LEAVE | {"doctor_id": str(doctor.id)})).json()
    path = f"/availability/time-off/{leave['id']}"
    moved = await ask("PATCH", path, {"starts_on": "2031-03-04", "ends_on": "2031-03-05"})
    assert [each["id"] for each in moved.json()["affected"]] == [str(tuesday.id)]
    assert (moved.json()["starts_at"], moved.json()["ends_at"]) == ("2031-03-04T00:00:00Z", "2031-03-06T00:00:00Z")
    assert [(await state_of(ask, visit.id))[1] for visit in (monday, tuesday)] == [False, True]


async def test_why_a_doctor_is_away_is_told_to_them_and_to_the_desk(
    ask: Ask, clinic: Clinic, sqlite_database: Database
) -> None:
    doctor, other, nurse = await clinic.doctor(), await clinic.doctor(), await clinic.staff(Role.NURSE)
    sick = LEAVE | {"reason_code": "sick", "note": "A broken leg", "doctor_id": str(doctor.id)}
    await ask("POST", "/availability/time-off", sick)
    query = {"doctor_id": str(doctor.id)}
    for who, expected in ((doctor, "A broken leg"), (other, None), (nurse, None)):
        (told,) = (await ask("GET", "/availability/time-off", params=query, headers=who.headers)).json()["items"]
        assert told["note"] == expected
        assert told["reason_code"] == (expected and "sick")
    public = await ask("GET", "/availability", params=query, headers={})
    assert "sick" not in public.text


async def test_a_visit_that_was_dealt_with_needs_attention_no_more(ask: Ask, clinic: Clinic, desk: Person) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, TEN)
    await ask("POST", "/availability/time-off", LEAVE | {"doctor_id": str(doctor.id)})
    seventh = {**desk.headers, "If-Match": 'W/"7"'}
    stale = await ask("POST", f"/appointments/{visit.id}/keep", {"note": "Seen by a colleague"}, headers=seventh)
    assert stale.status_code == 412
    for _ in range(2):
        kept = await ask("POST", f"/appointments/{visit.id}/keep", {"note": "Seen by a colleague"})
        assert (kept.status_code, kept.json()["needs_attention"], kept.json()["version"]) == (200, False, 2)
    # Later changes find it as it is.
    again = await ask("POST", "/availability/time-off", MEETING | {"doctor_id": str(doctor.id)})
    assert again.json()["affected"] == []
