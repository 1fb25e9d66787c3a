"""What an app reaches, asked of every route with each scope by somebody who holds every role."""

from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest

from appointed.accounts.actor import Permission, Role
from appointed.accounts.scopes import IN_WORDS, PERMISSIONS, Scope, granted, permitted_by

from ..support.factories import Clinic
from .matrix import ACCESS, Who, rows_of
from .requests import PARAMETER

ROUTES = list(dict.fromkeys(row.route for row in rows_of(ACCESS)))
# What needs a login, by the table; of routes that take both, the row that does.
CLOSED = [row.route for row in rows_of(ACCESS) if row.cells[Who.ANONYMOUS] == "401" and " for " not in row.label]
VISITS = [
    "GET /appointments", "GET /appointments/{appointment_id}", "GET /appointments/{appointment_id}/history",
    "GET /appointments/series/{series_id}",
]  # fmt: skip
PATIENTS = ["GET /patients", "GET /patients/me", "GET /patients/{patient_id}"]
RECORDS = ["GET /medical-records/{patient_id}", "GET /medical-records/record/{record_id}"]
A, V = "POST /appointments", "{appointment_id}"
REACHED: Mapping[Scope, list[str]] = {
    Scope.PROFILE: ["GET /auth/me"],
    Scope.APPOINTMENTS_READ: [*VISITS, "GET /availability/time-off"],
    Scope.APPOINTMENTS_WRITE: [
        *VISITS, "GET /availability/time-off", A, f"{A}/any-doctor", f"{A}/holds", f"{A}/series", f"{A}/family",
        f"{A}/series/{{series_id}}/cancel", f"{A}/series/{{series_id}}/reschedule", f"DELETE /appointments/{V}",
        *(f"{A}/{V}/{deed}" for deed in ("extend", "confirm", "reschedule", "undo", "cancel", "arrive", "check-in",
                                         "room", "start", "complete", "no-show", "excuse", "correct", "keep")),
        "POST /sessions", "POST /sessions/{session_id}/places", "POST /sessions/{session_id}/cancel",
        "PUT /doctors/{doctor_id}/running-late",
    ],
    Scope.PATIENTS_READ: PATIENTS,
    Scope.PATIENTS_WRITE: [*PATIENTS, "PATCH /patients/me", "PATCH /patients/{patient_id}"],
    Scope.RECORDS_READ: RECORDS,
    Scope.RECORDS_WRITE: [
        *RECORDS, "POST /medical-records/new-medical-report/{patient_id}",
        *(f"POST /medical-records/record/{{record_id}}/{deed}" for deed in ("sign", "amend", "retract")),
    ],
    Scope.SCHEDULE_WRITE: [
        "POST /availability", "PATCH /availability/{schedule_id}", "DELETE /availability/{schedule_id}",
        "POST /availability/exceptions", "POST /availability/copy-week", "PUT /availability/vavailability",
        "POST /availability/time-off", "GET /availability/time-off", "PATCH /availability/time-off/{absence_id}",
        "DELETE /availability/time-off/{absence_id}", "PUT /visit-types/{visit_type_id}/offers/{doctor_id}",
        "DELETE /visit-types/{visit_type_id}/offers/{doctor_id}",
    ],
    Scope.CLINIC_READ: ["GET /rooms", "GET /rooms/{room_id}"],
    Scope.AUDIT_READ: ["GET /audit-events", "GET /audit-events/export"],
}  # fmt: skip


async def asked(client: httpx.AsyncClient, route: str, headers: Mapping[str, str]) -> httpx.Response:
    """About things that do not exist: who may not is told so before they are looked for."""
    method, path = route.split()
    path = path.format(**{name: uuid4() for name in PARAMETER.findall(path)})
    return await client.request(method, path, headers=dict(headers), json={} if method != "GET" else None)


@pytest.mark.parametrize("scope", Scope)
async def test_a_scope_reaches_what_it_names_and_nothing_else(
    scope: Scope, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    somebody = await clinic.staff(*Role)
    headers = await clinic.by_app(somebody, scope)
    reached = []
    for route in CLOSED:
        answer = await asked(client, route, headers)
        if answer.status_code != 403:
            assert answer.status_code in (200, 404, 422), route
            reached.append(route)
        else:
            assert answer.json()["code"] == "forbidden"
    assert sorted(set(reached)) == sorted(REACHED[scope])


async def test_whoever_holds_every_role_reaches_all_of_it_themselves(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    somebody = await clinic.staff(*Role)
    for route in [each for each in CLOSED if each != "POST /auth/logout"]:
        assert (await asked(client, route, somebody.headers)).status_code != 403, route


async def test_a_scope_gives_nobody_what_their_roles_do_not(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    auditor = await clinic.staff(Role.AUDITOR)
    headers = await clinic.by_app(auditor, *Scope)
    reached = {route for route in CLOSED if (await asked(client, route, headers)).status_code != 403}
    assert reached == {"GET /auth/me", *REACHED[Scope.AUDIT_READ]}


def test_the_routes_that_are_reached_are_those_of_the_table() -> None:
    assert {route for routes in REACHED.values() for route in routes} <= set(ROUTES)
    assert REACHED.keys() == set(Scope) == PERMISSIONS.keys() == IN_WORDS.keys()
    assert len(CLOSED) > 100


def test_no_scope_names_what_is_for_people_alone() -> None:
    named = permitted_by(Scope)
    assert frozenset(Permission) - named == {
        Permission.USERS_MANAGE, Permission.CLINIC_MANAGE, Permission.DOCTORS_MANAGE, Permission.DOCTORS_CHANGE_OWN,
        Permission.PATIENTS_EXPORT, Permission.PATIENTS_ERASE, Permission.RECORDS_EMERGENCY,
    }  # fmt: skip
    assert permitted_by(["profile", "unknown", "APPOINTMENTS:READ"]) == frozenset()


@pytest.mark.parametrize(
    ("asked_for", "may", "given"),
    [("", ["b", "a"], "a b"), ("a", ["b", "a"], "a"), ("b  a a", ["b", "a"], "a b"), ("c", ["a"], None),
     ("a c", ["a"], None), ("", [], None), ("A", ["a"], None)],
)  # fmt: skip
def test_what_is_given_is_what_is_asked_for_if_it_may_be(asked_for: str, may: list[str], given: str | None) -> None:
    assert granted(asked_for, may) == given
