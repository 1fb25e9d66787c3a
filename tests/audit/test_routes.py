"""What each route leaves in the trail, of what it did, showed and refused; and nothing leaves without."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, select

from appointed.accounts.actor import Role
from appointed.audit.models import AuditEvent
from appointed.audit.trail import SIGNED, signature
from appointed.core.db import Database
from appointed.core.errors import Unavailable

from ..access.matrix import ACCESS, Row, Who, rows_of
from ..access.requests import Ask, ask_of
from ..access.world import World, contents_of, world_of
from ..support.factories import PASSWORD, Clinic

# Behind each request the actions that it leaves, in order; a star: the row says which patient it is about.
TRAIL = """
GET    /health/live                                      -
GET    /health/ready                                     -
GET    /openapi.json                                     -
GET    /docs                                             -
GET    /docs/oauth2-redirect                             -
GET    /redoc                                            -
GET    /api-docs-assets/{path}                           -
GET    /static/{path}                                    -
GET    /join                                             -
GET    /reset-password                                   -
GET    /confirm-email                                    -

POST   /auth/login                                       session.open
POST   /auth/refresh                                     session.refresh
POST   /auth/logout                                      session.end
GET    /auth/me                                          -
POST   /auth/password                                    user.password
POST   /auth/password-reset                              user.password-reset-asked
POST   /auth/password-reset/confirm                      user.password

POST   /auth/email-confirmation                          user.email-confirmation-asked
POST   /auth/email-confirmation/confirm                  user.email-confirmed
GET    /auth/sessions                                    -
DELETE /auth/sessions/{login_id}                         session.end
POST   /auth/authorize                                   client.authorize
POST   /auth/token                                       session.open
POST   /auth/revoke                                      session.end
GET    /.well-known/oauth-authorization-server           -
POST   /auth/login/second-factor                         session.open
POST   /auth/login/second-factor/options                 -
POST   /auth/login/passkey                               session.open
POST   /auth/login/passkey/options                       session.challenge
GET    /auth/factors                                     -
POST   /auth/totp                                        factor.begin
POST   /auth/totp/confirm                                factor.add
DELETE /auth/totp                                        factor.remove
POST   /auth/recovery-codes                              factor.renew-codes
POST   /auth/passkeys/options                            factor.begin
POST   /auth/passkeys                                    factor.add
PATCH  /auth/passkeys/{passkey_id}                       passkey.rename
DELETE /auth/passkeys/{passkey_id}                       factor.remove

POST   /users                                            user.create
GET    /users                                            user.find
GET    /users/{user_id}                                  user.read
PATCH  /users/{user_id}                                  user.change
DELETE /users/{user_id}                                  user.change
PUT    /users/{user_id}/locations                        user.assign
DELETE /users/{user_id}/sessions                         session.end-all
DELETE /users/{user_id}/factors                          factor.reset

POST   /clients                                          client.create
GET    /clients                                          -
GET    /clients/{client_id}                              -
PATCH  /clients/{client_id}                              client.change
DELETE /clients/{client_id}                              client.change

GET    /audit-events                                     audit.find
GET    /audit-events/export                              audit.export

POST   /patients/new-patient                             user.create patient.register*
POST   /patients/new-patient without a login             patient.register*
GET    /patients                                         patient.find
GET    /patients/me                                      patient.read*
PATCH  /patients/me                                      patient.change*
GET    /patients/{patient_id}                            patient.read*
GET    /patients/{patient_id} without a visit            patient.read*
GET    /patients/{patient_id}/export                     patient.export*
PATCH  /patients/{patient_id}                            patient.change*
DELETE /patients/{patient_id}                            user.change patient.deactivate* appointment.needs-attention*
POST   /patients/{patient_id}/invite                     patient.invite*
POST   /patients/join                                    user.create patient.join*
POST   /patients/{patient_id}/related-people             relation.add*
GET    /patients/{patient_id}/related-people             relation.find*
PATCH  /patients/{patient_id}/related-people/{relation_id} relation.change*
DELETE /patients/{patient_id}/related-people/{relation_id} relation.end*
POST   /patients/{patient_id}/related-people/{relation_id}/confirm relation.confirm*
GET    /patients/me/looks-after                          relation.find
POST   /patients/{patient_id}/erase                      patient.erase*
POST   /patients/me/erasure-request                      patient.ask-erasure*
DELETE /patients/me/erasure-request                      patient.keep*
GET    /erasure-requests                                 patient.find
GET    /patients/{patient_id}/accesses                   access.find*

POST   /doctors/new-doctor                               user.create doctor.register
GET    /doctors                                          -
GET    /doctors/{doctor_id}                              -
GET    /doctors/me                                       -
PATCH  /doctors/me                                       doctor.change
PATCH  /doctors/{doctor_id}                              doctor.change
DELETE /doctors/{doctor_id}                              user.change doctor.deactivate appointment.needs-attention*

POST   /doctors/{doctor_id}/covers                       cover.add
GET    /doctors/{doctor_id}/covers                       -
DELETE /doctors/{doctor_id}/covers/{cover_id}            cover.end

POST   /emergency-accesses without a visit               emergency-access.open*
GET    /emergency-accesses                               emergency-access.find
POST   /emergency-accesses/{access_id}/review            emergency-access.review*

POST   /locations                                        location.create
GET    /locations                                        -
GET    /locations/{location_id}                          -
PATCH  /locations/{location_id}                          location.change
DELETE /locations/{location_id}                          location.deactivate
PUT    /locations/{location_id}/days/{on_date}           location.day
DELETE /locations/{location_id}/days/{on_date}           location.day-as-usual
GET    /locations/{location_id}/holidays                 -
GET    /locations/{location_id}/travel                   -
PUT    /locations/{location_id}/travel/{other_id}        travel.set
DELETE /locations/{location_id}/travel/{other_id}        travel.remove

POST   /rooms                                            room.add
GET    /rooms                                            -
GET    /rooms/{room_id}                                  -
PATCH  /rooms/{room_id}                                  room.change
DELETE /rooms/{room_id}                                  room.deactivate

POST   /visit-types                                      visit-type.create
GET    /visit-types                                      -
GET    /visit-types/{visit_type_id}                      -
PATCH  /visit-types/{visit_type_id}                      visit-type.change
DELETE /visit-types/{visit_type_id}                      visit-type.deactivate
GET    /visit-types/{visit_type_id}/offers               -
PUT    /visit-types/{visit_type_id}/offers/{doctor_id}   offer.set
DELETE /visit-types/{visit_type_id}/offers/{doctor_id}   offer.remove

POST   /availability                                     hours.add
GET    /availability                                     -
PATCH  /availability/{schedule_id}                       hours.change
DELETE /availability/{schedule_id}                       hours.remove appointment.needs-attention*
POST   /availability/exceptions                          hours.add
POST   /availability/copy-week                           hours.add
GET    /availability/vavailability                       -
PUT    /availability/vavailability                       hours.remove hours.add
POST   /availability/time-off                            time-off.add
GET    /availability/time-off                            -
PATCH  /availability/time-off/{absence_id}               time-off.change
DELETE /availability/time-off/{absence_id}               time-off.remove

GET    /slots                                            -
GET    /slots for the patient                            -
GET    /slots/days                                       -
GET    /slots/days for the patient                       -
POST   /appointments                                     appointment.book*
POST   /appointments for the patient                     appointment.book*
POST   /appointments fitted in                           appointment.fit-in*
POST   /appointments against the rules                   appointment.book*
POST   /appointments/holds                               appointment.hold*
POST   /appointments/holds for the patient               appointment.hold*
POST   /appointments/{appointment_id}/extend             appointment.extend*
POST   /appointments/{appointment_id}/confirm            appointment.confirm*
POST   /appointments/{appointment_id}/reschedule         appointment.reschedule*
POST   /appointments/{appointment_id}/undo               appointment.undo-room*
POST   /appointments/any-doctor                          appointment.book*
POST   /appointments/any-doctor for the patient          appointment.book*
POST   /appointments/series                              appointment.book* appointment.book*
POST   /appointments/series for the patient              appointment.book* appointment.book*
GET    /appointments/series/{series_id}                  series.read*
POST   /appointments/series/{series_id}/cancel           appointment.cancel* appointment.cancel*
POST   /appointments/series/{series_id}/reschedule       appointment.reschedule* appointment.reschedule*
POST   /appointments/family                              appointment.book* appointment.book*
POST   /sessions                                         session.plan
GET    /sessions                                         -
GET    /sessions/{session_id}                            -
POST   /sessions/{session_id}/places                     appointment.book*
POST   /sessions/{session_id}/places for the patient     appointment.book*
POST   /sessions/{session_id}/cancel                     session.cancel
GET    /appointments                                     appointment.find
GET    /appointments/{appointment_id}                    appointment.read*
DELETE /appointments/{appointment_id}                    appointment.cancel*
POST   /appointments/{appointment_id}/cancel             appointment.cancel*
POST   /appointments/{appointment_id}/arrive             appointment.arrive*
POST   /appointments/{appointment_id}/check-in           appointment.check-in*
POST   /appointments/{appointment_id}/room               appointment.room*
POST   /appointments/{appointment_id}/start              appointment.start*
POST   /appointments/{appointment_id}/complete           appointment.complete*
POST   /appointments/{appointment_id}/no-show            appointment.no-show*
POST   /appointments/{appointment_id}/excuse             appointment.excuse*
POST   /appointments/{appointment_id}/correct            appointment.correct*
POST   /appointments/{appointment_id}/keep               appointment.keep*
GET    /appointments/{appointment_id}/history            appointment.history*
PUT    /doctors/{doctor_id}/running-late                 doctor.running-late

POST   /medical-records/new-medical-report/{patient_id}  record.write*
GET    /medical-records/{patient_id}                     record.find*
GET    /medical-records/record/{record_id}               record.read*
GET    /medical-records/record/{record_id} unsigned      record.read*
POST   /medical-records/record/{record_id}/sign          record.sign*
POST   /medical-records/record/{record_id}/amend         record.amend*
POST   /medical-records/record/{record_id}/retract       record.retract*
PUT    /medical-records/record/{record_id}/release       record.release*
DELETE /medical-records/record/{record_id}/release       record.withhold*
"""
ACTION = re.compile(r"-|[a-z-]+\.[a-z-]+\*?")
ROWS = {row.label: row for row in rows_of(ACCESS)}


def left_of(line: str) -> tuple[str, list[str]]:
    """A request's label, and the actions behind it; a route may be longer than its column."""
    words = line.split()
    label = [word for word in words if not ACTION.fullmatch(word)]
    return " ".join(label), [word for word in words[len(label) :] if word != "-"]


LEFT = dict(left_of(line) for line in TRAIL.splitlines() if line)
# Codes, ids, numbers, and the names of fields and roles: nothing that anybody typed.
HARMLESS = re.compile(r"[a-z0-9_,:\-]*|True|False")
# What shows data of patients.
SHOWING = [label for label, actions in LEFT.items() if label.startswith("GET") and actions]


async def left_by(answer: httpx.Response, database: Database) -> list[AuditEvent]:
    """The rows that the answered request left."""
    query = select(AuditEvent).where(AuditEvent.request_id == answer.headers["x-request-id"]).order_by(AuditEvent.id)
    async with database.reads() as session:
        return list((await session.scalars(query)).all())


async def prepared(row: Row, who: Who, clinic: Clinic, before: World | None = None) -> tuple[World, Ask]:
    """The row's request as that identity. What was refused `before` has left everybody as they were."""
    others = before.others if before else None
    world = await world_of(clinic, has_visit="without a visit" not in row.label, others=others)
    await world.enter(who)
    return world, await ask_of(world, row)


# Who asks for these is not looked at.
OF_NOBODY = {"POST /auth/login/passkey/options", "POST /patients/join", "POST /auth/password-reset",
             "POST /auth/password-reset/confirm", "POST /auth/email-confirmation/confirm",
             "POST /auth/token", "POST /auth/revoke"}  # fmt: skip


def allowed(row: Row) -> Who:
    """The first who may, and preferably somebody."""
    may = [who for who in Who if int(row.cells[who]) < 400]
    return may[1] if may[0] is Who.ANONYMOUS and row.route not in OF_NOBODY else may[0]


def test_every_route_says_what_it_leaves() -> None:
    assert LEFT.keys() == ROWS.keys()
    assert LEFT["GET /health/live"] == []
    assert LEFT["GET /patients/me"] == ["patient.read*"]


async def test_what_a_route_does_and_shows_is_in_the_trail(client: httpx.AsyncClient, clinic: Clinic) -> None:
    for label, row in ROWS.items():
        world, ask = await prepared(row, allowed(row), clinic)
        answer = await ask.send(client, world.headers)
        assert answer.is_success, label
        left = await left_by(answer, clinic.database)
        assert [f"{each.action}{'*' if each.patient_id else ''}" for each in left] == LEFT[label], label
        for each in left:
            check_row(each, clinic)
            assert each.outcome == "done"
            if world.actor:
                assert each.actor_id == world.actor.user_id, label
        if "{patient_id}" in label:
            assert {str(each.patient_id) for each in left if each.patient_id} == {ask.ids["patient_id"]}, label


def check_row(row: AuditEvent, clinic: Clinic) -> None:
    """It is signed, and it names nobody but by id."""
    vault = clinic.database.reads.kw["info"]["vault"]
    assert row.signature == signature(vault, {name: getattr(row, name) for name in SIGNED})
    assert all(HARMLESS.fullmatch(text) for text in row.detail.values()), row.detail


async def test_what_is_kept_from_somebody_is_in_the_trail(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world: World | None = None
    for label, row in ROWS.items():
        world, ask = await prepared(row, Who.PATIENT, clinic, world)
        for who in Who:
            status, code = row.expected(who)
            if status not in (401, 403, 404):
                continue
            await world.enter(who)
            answer = await ask.send(client, world.headers)
            left = await left_by(answer, clinic.database)
            if who is Who.ANONYMOUS:
                assert left == [], label
                continue
            (refused,) = left
            check_row(refused, clinic)
            assert (refused.action, refused.outcome) == (row.route, code), label
            assert world.actor
            assert refused.actor_id == world.actor.user_id
            patient_id = UUID(ask.ids["patient_id"]) if "patient_id" in ask.ids else None
            # Of whoever sees the visit and may not do this to it, the service knows whom it is for.
            known = {world.patient.profile_id} if "appointment_id" in ask.ids else set()
            assert refused.patient_id in {patient_id, *known}
            assert refused.detail == {name: text for name, text in ask.ids.items()
                                      if name.endswith("_id") and name != "patient_id"}  # fmt: skip


async def test_what_is_no_id_stays_out_of_the_trail(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    auditor = await clinic.staff(Role.AUDITOR)
    answer = await client.get("/patients/pat.sample@example.org", headers=auditor.headers)
    assert answer.status_code == 403
    (refused,) = await left_by(answer, clinic.database)
    assert (refused.patient_id, refused.detail) == (None, {})


async def test_a_refusal_about_a_patient_outlives_its_rollback(client: httpx.AsyncClient, clinic: Clinic) -> None:
    taken, late = ROWS["POST /appointments for the patient"], ROWS["DELETE /appointments/{appointment_id}"]
    world, ask = await prepared(taken, Who.RECEPTIONIST, clinic)
    body = {**(ask.json or {}), "starts_at": "2031-03-03T09:00:00Z"}
    before = await contents_of(clinic)
    answer = await client.post("/appointments", json=body, headers=world.headers)
    assert answer.json()["code"] == "patient_busy"
    (refused,) = await left_by(answer, clinic.database)
    assert (refused.outcome, refused.patient_id) == ("patient_busy", world.patient.id)
    ask = await ask_of(world, late)
    answer = await client.delete(ask.path.format(**ask.ids), headers=world.headers | {"If-Match": 'W/"7"'})
    (refused,) = await left_by(answer, clinic.database)
    assert (refused.outcome, refused.patient_id) == ("version_mismatch", world.patient.id)
    assert before == await contents_of(clinic)


async def test_failed_logins_are_in_the_trail(client: httpx.AsyncClient, clinic: Clinic) -> None:
    pat, gone, admin = await clinic.patient(), await clinic.staff(Role.NURSE), await clinic.staff(Role.ADMIN)
    await client.delete(f"/users/{gone.user_id}", headers=admin.headers)
    tries = [(pat.email, "wrong password", pat.user_id), (pat.email.upper(), "", pat.user_id),
             ("nobody@example.org", PASSWORD, None), (gone.email, PASSWORD, gone.user_id)]  # fmt: skip
    before = await contents_of(clinic)
    for email, password, user_id in tries:
        answer = await client.post("/auth/login", data={"username": email, "password": password or "x"})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        (failed,) = await left_by(answer, clinic.database)
        check_row(failed, clinic)
        assert (failed.action, failed.outcome) == ("session.open", "invalid_credentials")
        assert (failed.entity_id, failed.actor_id, failed.detail) == (user_id, None, {})
    # They are counted, and that is all.
    after = await contents_of(clinic)
    assert sorted(row.count for row in after.pop("login_failures")) == [1, 1, 2]
    assert before == after | {"login_failures": []}


async def test_who_is_nobody_leaves_no_trail(
    client: httpx.AsyncClient, database: Database, sqlite_database: object
) -> None:
    for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Basic YTpi"}):
        for path in ("/auth/me", "/patients", f"/patients/{uuid4()}", "/nowhere"):
            assert (await client.get(path, headers=headers)).status_code in (401, 404)
    async with database.reads() as session:
        assert (await session.scalars(select(AuditEvent))).all() == []


@contextmanager
def full(database: Database) -> Iterator[None]:
    """While it lasts nothing can be written into the trail, as on a full disk."""

    def refuse(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "audit_events" in statement and "INSERT" in statement:
            raise OSError("No space left on device")

    engine = database.engines[-1].sync_engine
    event.listen(engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", refuse)


@pytest.mark.parametrize("label", SHOWING)
async def test_nothing_is_shown_that_cannot_be_recorded(label: str, client: httpx.AsyncClient, clinic: Clinic) -> None:
    row = ROWS[label]
    world, ask = await prepared(row, allowed(row), clinic)
    with full(clinic.database):
        answer = await ask.send(client, world.headers)
    check_unavailable(answer)
    assert await left_by(answer, clinic.database) == []
    assert (await ask.send(client, world.headers)).is_success


async def test_nothing_is_done_that_cannot_be_recorded(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    asks: dict[str, tuple[World, Ask]] = {}
    for label in [each for each in LEFT if each not in SHOWING]:
        before = next(reversed(asks.values()))[0] if asks else None
        asks[label] = await prepared(ROWS[label], allowed(ROWS[label]), clinic, before)
    everything = await contents_of(clinic)
    for label, (world, ask) in asks.items():
        with full(clinic.database):
            answer = await ask.send(client, world.headers)
        assert answer.is_success == (not LEFT[label]), label
        if LEFT[label]:
            assert answer.json().keys() == {"type", "title", "status", "detail", "code"}, label
    assert everything == await contents_of(clinic)


async def test_a_refusal_that_cannot_be_recorded_says_that_it_could_not(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world: World | None = None
    for label, row in ROWS.items():
        world, ask = await prepared(row, Who.PATIENT, clinic, world)
        for who in [each for each in Who if row.expected(each)[0] in (401, 403, 404)]:
            await world.enter(who)
            with full(clinic.database):
                answer = await ask.send(client, world.headers)
            if who is Who.ANONYMOUS:
                assert answer.status_code == 401, label
            else:
                check_unavailable(answer)
    with full(clinic.database):
        check_unavailable(await client.post("/auth/login", data={"username": "nobody@example.org", "password": "x"}))


def check_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, Unavailable.code)
    assert answer.json().keys() == {"type", "title", "status", "detail", "code"}
    assert int(answer.headers["retry-after"]) > 0
