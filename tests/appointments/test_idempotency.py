"""A request with an `Idempotency-Key` is carried out once, however often and however many at once it is sent."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.core.db import Database
from appointed.core.idempotency import StoredAnswer
from appointed.core.settings import Settings
from appointed.patients.models import Patient
from tests.support.app import client_of
from tests.support.clock import FixedClock
from tests.support.databases import Backend
from tests.support.factories import PASSWORD, Clinic, Person
from tests.support.interference import widened
from tests.support.racing import HALF_HOUR, at_once, booking, connected, day_after_tomorrow, enrol, tally
from tests.support.server import environment_of, serving
from tests.support.soundness import flaws, remains

from .conftest import Servers

KEY = {"Idempotency-Key": '"8e03978e"'}
SENT = 50


def keyed(person: Person, key: str = KEY["Idempotency-Key"]) -> dict[str, str]:
    return {**person.headers, "Idempotency-Key": key}


def wish(doctor: Person, starts_at: datetime, **more: Any) -> dict[str, Any]:
    return {"doctor_id": str(doctor.id), "starts_at": starts_at.isoformat()} | more


async def stored(database: Database) -> int:
    async with database.reads() as session:
        return await session.scalar(select(func.count()).select_from(StoredAnswer)) or 0


# --- at once ---------------------------------------------------------------------------------------------------------


async def test_one_key_sent_many_times_at_once_books_one_visit_and_is_answered_alike(
    backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    doctor = await todays_clinic.doctor()
    (patient,) = await enrol(todays_clinic, 1)
    async with connected([patient] * SENT, await servers.on(backend)) as clients:
        for client in clients:
            client.headers.update(KEY)
        answers = await at_once([booking(each, doctor.profile_id, day_after_tomorrow()) for each in clients])
    assert tally(answers) == {"201": SENT}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == SENT - 1
    assert len((await remains(backend.database)).visits) == 1
    assert await flaws(backend.database) == []


OTHER_WRITES = {
    "the loser is refused for what the winner did": (
        "/users",
        {"email": "twice@example.org", "password": PASSWORD, "display_name": "Robin Desk", "roles": ["nurse"]},
    ),
    "the loser is stopped by the key alone": (
        "/patients/new-patient",
        {"first_name": "Sam", "last_name": "Sample", "birth_date": "1950-01-01"},
    ),
}


@pytest.mark.parametrize(("path", "body"), OTHER_WRITES.values(), ids=OTHER_WRITES)
async def test_one_key_sent_many_times_at_once_writes_one_row_and_is_answered_alike(
    path: str, body: dict[str, Any], backend: Backend, servers: Servers, todays_clinic: Clinic
) -> None:
    admin = await todays_clinic.staff(Role.ADMIN)
    async with connected([admin] * SENT, await servers.on(backend)) as clients:
        answers = await at_once([partial(each.post, path, json=body, headers=KEY) for each in clients])
    assert tally(answers) == {"201": SENT}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert await stored(backend.database) == 1
    async with backend.database.reads() as session:
        people = [await session.scalar(select(func.count()).select_from(model)) for model in (User, Patient)]
    assert people in ([2, 0], [1, 1])


async def test_of_two_requests_that_share_nothing_but_a_key_one_is_carried_out(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    """Other doctor, other patient: no lock makes one wait for the other, so the key's own row must."""
    desk = await clinic.staff(Role.RECEPTIONIST)
    client.headers.update(keyed(desk))
    at = clock.now() + 4 * HALF_HOUR
    posts = [
        booking(client, (await clinic.doctor()).profile_id, at, patient_id=str((await clinic.patient()).id))
        for _ in range(2)
    ]
    with widened(database):
        answers = await at_once(posts)
    assert tally(answers) == {"201": 1, "422 idempotency_key_reused": 1}
    assert len((await remains(database)).visits) == 1
    assert await flaws(database) == []


# --- again and again -------------------------------------------------------------------------------------------------


async def test_a_repeated_booking_is_answered_like_the_first_and_changes_nothing(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = wish(doctor, clock.now() + 4 * HALF_HOUR)
    first = await client.post("/appointments", json=body, headers=keyed(patient))
    before = await remains(database)
    clock.advance(timedelta(minutes=5))
    again = await client.post("/appointments", json=body, headers=keyed(patient))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert ("Idempotency-Replayed" in first.headers, "Idempotency-Replayed" in again.headers) == (False, True)
    after = await remains(database)
    assert (after.ticks, after.events, after.trail) == (before.ticks, before.events, before.trail)


async def test_a_key_with_another_body_is_refused(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    at = clock.now() + 4 * HALF_HOUR
    await client.post("/appointments", json=wish(doctor, at), headers=keyed(patient))
    answer = await client.post("/appointments", json=wish(doctor, at + HALF_HOUR), headers=keyed(patient))
    assert tally([answer]) == {"422 idempotency_key_reused": 1}
    assert [field["name"] for field in answer.json()["fields"]] == ["Idempotency-Key"]


async def test_a_key_belongs_to_whoever_sent_it_and_to_where_it_was_sent(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    doctor, patient, other = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    at = clock.now() + 4 * HALF_HOUR
    booked = await client.post("/appointments", json=wish(doctor, at), headers=keyed(patient))
    somebody_else = await client.post("/appointments", json=wish(doctor, at), headers=keyed(other))
    assert tally([booked, somebody_else]) == {"201": 1, "409 slot_taken": 1}
    path = f"/appointments/{booked.json()['id']}"
    by_post = await client.post(f"{path}/cancel", json={"reason": "I am well"}, headers=keyed(patient))
    by_delete = await client.request("DELETE", path, json={"reason": "Quite well"}, headers=keyed(patient))
    assert tally([by_post, by_delete]) == {"200": 2}
    assert not {"Idempotency-Replayed"} & {*by_post.headers, *by_delete.headers}
    again = await client.post(f"{path}/cancel", json={"reason": "I am well"}, headers=keyed(patient))
    assert again.content == by_post.content
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_path_with_and_without_its_slash_is_one_place(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = wish(doctor, clock.now() + 4 * HALF_HOUR)
    answers = [
        await client.post(path, json=body, headers=keyed(patient)) for path in ("/appointments", "/appointments/")
    ]
    assert tally(answers) == {"201": 2}
    assert answers[0].content == answers[1].content


async def test_a_refusal_is_not_kept(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> None:
    doctor, patient, other = await clinic.doctor(), await clinic.patient(), await clinic.patient()
    at = clock.now() + 4 * HALF_HOUR
    first = await clinic.visit(other, doctor, at)
    refused = await client.post("/appointments", json=wish(doctor, at), headers=keyed(patient))
    assert tally([refused]) == {"409 slot_taken": 1}
    assert await stored(clinic.database) == 0
    await client.delete(f"/appointments/{first.id}", headers=other.headers)
    had = await client.post("/appointments", json=wish(doctor, at), headers=keyed(patient))
    assert tally([had]) == {"201": 1}
    assert "Idempotency-Replayed" not in had.headers


async def test_after_a_day_a_key_is_free_again(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, settings: Settings
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    at = clock.now() + timedelta(days=2, hours=2)
    bodies = [wish(doctor, at), wish(doctor, at + HALF_HOUR)]

    async def send(body: dict[str, Any]) -> httpx.Response:
        token = clinic.tokens.issue(patient.user_id, patient.actor.session_id, clock.now())
        return await client.post("/appointments", json=body, headers={"Authorization": f"Bearer {token}"} | KEY)

    first = await send(bodies[0])
    clock.advance(timedelta(hours=24, microseconds=-1))
    assert (await send(bodies[0])).content == first.content
    assert tally([await send(bodies[1])]) == {"422 idempotency_key_reused": 1}
    clock.advance(timedelta(microseconds=1))
    fresh = await send(bodies[1])
    assert tally([fresh]) == {"201": 1}
    assert fresh.json()["id"] != first.json()["id"]
    assert (await send(bodies[1])).content == fresh.content
    assert await stored(clinic.database) == 1


@pytest.mark.backends("sqlite")
async def test_a_key_outlives_the_server(
    backend: Backend, todays_clinic: Clinic, settings: Settings, tmp_path: Path
) -> None:
    doctor, patient = await todays_clinic.doctor(), await todays_clinic.patient()
    answers = []
    for _ in range(2):
        async with (
            serving(environment_of(settings), tmp_path) as server,
            httpx.AsyncClient(base_url=server.url) as client,
        ):
            body = wish(doctor, day_after_tomorrow())
            answers.append(await client.post("/appointments", json=body, headers=keyed(patient)))
    assert tally(answers) == {"201": 2}
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"


# --- what a key is, and where it counts ------------------------------------------------------------------------------


MALFORMED = [
    "8e03978e",
    '"',
    '""',
    '"8e03978e',
    '8e03978e"',
    '"a"b"',
    '"a\\b"',
    '"a"; x',
    "'a'",
    '"\x7f"',
    '"' + "k" * 256 + '"',
]


@pytest.mark.parametrize("key", MALFORMED)
async def test_a_key_that_is_no_quoted_string_is_refused(
    key: str, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = wish(doctor, clock.now() + 4 * HALF_HOUR)
    answer = await client.post("/appointments", json=body, headers=keyed(patient, key))
    assert tally([answer]) == {"400 idempotency_key_malformed": 1}
    assert (await remains(sqlite_database)).visits == []


@pytest.mark.parametrize("key", ['"k"', '"' + "k" * 255 + '"', r'"with \"quotes\" and \\"', '" ~!#[]{}"'])
async def test_a_key_is_any_quoted_string(
    key: str, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = wish(doctor, clock.now() + 4 * HALF_HOUR)
    answers = [await client.post("/appointments", json=body, headers=keyed(patient, key)) for _ in range(2)]
    assert tally(answers) == {"201": 2}


def takers_of(app: FastAPI) -> dict[str, Any]:
    """The operations that document the header, by their name."""
    operations = [operation for path in app.openapi()["paths"].values() for operation in path.values()]
    return {
        each["operationId"]: each for each in operations
        if any(parameter["name"] == "idempotency-key" for parameter in each.get("parameters", []))
    }  # fmt: skip


async def test_whatever_somebody_who_is_logged_in_writes_takes_a_key_and_nothing_else(
    app: FastAPI, sqlite_database: Database
) -> None:
    operations = [
        (operation, method, path)
        for path, each in app.openapi()["paths"].items()
        for method, operation in each.items()
    ]  # fmt: skip
    written = {
        operation["operationId"]
        for operation, method, path in operations
        if method != "get" and operation.get("security") and not path.startswith("/auth/")
    }
    assert {"book_appointment", "cancel_appointment", "create_user", "register_patient", "add_hours"} <= written
    assert set(takers_of(app)) == written


async def test_logging_in_and_registering_pay_no_heed_to_a_key(
    app: FastAPI, clinic: Clinic, sqlite_database: Database
) -> None:
    patient = await clinic.patient()
    async with client_of(app) as client:
        login = {"username": patient.email, "password": PASSWORD}
        tokens = [(await client.post("/auth/login", data=login, headers=KEY)).json()["refresh_token"] for _ in range(2)]
        assert tokens[0] != tokens[1]
        body = {"email": "new@example.org", "password": PASSWORD, "first_name": "Pat", "last_name": "Sample"}
        answers = [await client.post("/patients/new-patient", json=body, headers=KEY) for _ in range(2)]
    assert tally(answers) == {"201": 1, "409 email_taken": 1}
    assert await stored(sqlite_database) == 0
