"""What nobody may set by sending it along."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from ..support.factories import Clinic
from .matrix import ACCESS, Row, Who, rows_of
from .requests import ask_of
from .routes import routes_of
from .world import raw_contents_of, world_of

ROWS = {row.label: row for row in rows_of(ACCESS)}
ID, INSTANT = str(uuid4()), "2031-03-03T09:00:00Z"
LOGIN: dict[str, Any] = {"role": "admin", "email": "else@example.org", "password": "another password",
                            "password_hash": "1:x", "user_id": ID}  # fmt: skip
ROW: dict[str, Any] = {"id": ID, "created_at": INSTANT}
PATIENT: dict[str, Any] = ROW | {"record_number": "P-00000000", "user_id": ID, "role": "admin", "roles": ["admin"],
                                    "password_hash": "1:x"}  # fmt: skip
VISIT: dict[str, Any] = ROW | {"status": "fulfilled", "version": 7, "is_extra": True, "booked_by": ID,
                                  "notified": "sent", "cancelled_at": INSTANT}  # fmt: skip
RECORD: dict[str, Any] = ROW | {"author_id": ID, "patient_id": ID, "signed_at": INSTANT, "version": 7,
                                   "amends_id": ID, "retracted_at": None}  # fmt: skip

# Who may send the request as such, and what they may not send with it.
READ_ONLY: Mapping[tuple[str, Who], dict[str, Any]] = {
    ("POST /users", Who.ADMIN): ROW | {"role": "admin", "is_active": True, "password_hash": "1:x"},
    ("PATCH /users/{user_id}", Who.ADMIN): ROW | LOGIN,
    ("POST /clients", Who.ADMIN): ROW | {"user_id": ID, "is_active": False, "client_secret": "x"},
    ("PATCH /clients/{client_id}", Who.ADMIN): ROW | {"kind": "machine", "user_id": ID, "roles": ["nurse"]},
    ("POST /auth/passkeys", Who.PATIENT): ROW | {"user_id": ID, "sign_count": 7, "public_key": "pQECAyYg"},
    ("PATCH /auth/passkeys/{passkey_id}", Who.PATIENT): ROW | {"user_id": ID, "sign_count": 0, "last_used_at": INSTANT},
    ("POST /patients/new-patient", Who.ANONYMOUS): PATIENT | {"is_active": True},
    ("POST /patients/new-patient", Who.RECEPTIONIST): PATIENT,
    ("PATCH /patients/me", Who.PATIENT): PATIENT | LOGIN | {"is_active": True},
    ("PATCH /patients/{patient_id}", Who.PATIENT): PATIENT | LOGIN | {"is_active": False},
    ("PATCH /patients/{patient_id}", Who.RECEPTIONIST): PATIENT | LOGIN,
    ("POST /patients/join", Who.ANONYMOUS): PATIENT | {"email": "else@example.org"},
    ("POST /patients/{patient_id}/erase", Who.ADMIN): PATIENT | {"erased_at": INSTANT, "purged_at": INSTANT},
    ("PATCH /patients/{patient_id}/related-people/{relation_id}", Who.RECEPTIONIST): ROW
    | {
        "patient_id": ID,
        "user_id": ID,
        "email": "else@example.org",
        "relationship": "parent",
        "verified_at": INSTANT,
        "ended_at": INSTANT,
    },
    ("POST /doctors/new-doctor", Who.ADMIN): ROW | {"user_id": ID, "role": "admin", "hours": []},
    ("PATCH /doctors/me", Who.DOCTOR): ROW | LOGIN | {"is_active": True},
    ("PATCH /doctors/{doctor_id}", Who.DOCTOR): ROW | LOGIN | {"is_active": False},
    ("PATCH /doctors/{doctor_id}", Who.ADMIN): ROW | LOGIN,
    ("POST /doctors/{doctor_id}/covers", Who.ADMIN): ROW | {"doctor_id": ID, "created_by": ID, "ended_at": INSTANT},
    ("POST /emergency-accesses without a visit", Who.OTHER_DOCTOR): ROW
    | {"user_id": ID, "closes_at": "2099-01-01T00:00:00Z"},
    ("POST /emergency-accesses/{access_id}/review", Who.AUDITOR): ROW | {"reviewed_by": ID, "reason": "Another"},
    ("POST /locations", Who.ADMIN): ROW | {"is_default": True, "is_active": True},
    ("PATCH /locations/{location_id}", Who.ADMIN): ROW | {"is_default": True, "is_active": False},
    ("POST /rooms", Who.ADMIN): ROW | {"is_active": True},
    ("PATCH /rooms/{room_id}", Who.ADMIN): ROW | {"location_id": ID, "is_device": True, "is_active": False},
    ("POST /visit-types", Who.ADMIN): ROW | {"is_default": True, "is_active": True},
    ("PATCH /visit-types/{visit_type_id}", Who.ADMIN): ROW | {"is_default": True, "is_active": False},
    ("PUT /visit-types/{visit_type_id}/offers/{doctor_id}", Who.RECEPTIONIST): ROW
    | {"location_id": ID, "grid_minutes": 5},
    ("POST /availability", Who.DOCTOR): ROW | {"start_minute": 0},
    ("PATCH /availability/{schedule_id}", Who.DOCTOR): ROW | {"doctor_id": ID},
    ("PATCH /availability/{schedule_id}", Who.RECEPTIONIST): ROW | {"doctor_id": ID},
    ("POST /availability/exceptions", Who.DOCTOR): ROW | {"weekday": "monday", "valid_from": "2031-03-08"},
    ("POST /availability/copy-week", Who.DOCTOR): ROW | {"hours": [], "time_off": []},
    ("POST /availability/time-off", Who.DOCTOR): ROW | {"created_by": ID},
    ("PATCH /availability/time-off/{absence_id}", Who.DOCTOR): ROW | {"doctor_id": ID, "kind": "leave"},
    ("POST /appointments", Who.PATIENT): VISIT | {"channel": "desk", "notify": False, "extra": {"reason": "Pain"}},
    ("POST /appointments for the patient", Who.RECEPTIONIST): VISIT,
    ("POST /appointments/holds", Who.PATIENT): VISIT | {"channel": "desk", "hold_expires_at": INSTANT},
    ("POST /appointments/any-doctor", Who.PATIENT): VISIT | {"channel": "desk", "doctor_id": ID},
    ("POST /appointments/{appointment_id}/reschedule", Who.PATIENT): VISIT
    | {"patient_id": ID, "notify": False, "extra": {"reason": "Pain"}, "override": {"reason": "Now"}},
    ("POST /appointments/{appointment_id}/cancel", Who.PATIENT): VISIT,
    ("POST /medical-records/new-medical-report/{patient_id}", Who.DOCTOR): RECORD,
    ("POST /medical-records/record/{record_id}/amend", Who.DOCTOR): RECORD | {"status": "preliminary"},
    ("POST /medical-records/record/{record_id}/retract", Who.DOCTOR): RECORD | {"notes": "Never said"},
}


def test_every_route_that_changes_something_by_its_body_is_tried(app: FastAPI) -> None:
    changing = {route for route in routes_of(app) if route.startswith("PATCH")}
    assert changing <= {label for label, _ in READ_ONLY}


@pytest.mark.parametrize(("label", "who"), READ_ONLY, ids=lambda value: str(value))
async def test_what_is_read_only_is_refused_and_changes_nothing(
    label: str, who: Who, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world = await world_of(clinic)
    await world.enter(who)
    ask = await ask_of(world, ROWS[label])
    before = raw_contents_of(clinic)
    for name, value in READ_ONLY[label, who].items():
        answer = await client.request(ask.method, ask.path.format(**ask.ids), headers=world.headers,
                                      json=dict(ask.json or {}) | {name: value})  # fmt: skip
        assert answer.status_code in (403, 422), f"{name}: {answer.text}"
        if answer.status_code == 422:
            assert name in [field["name"].split(".")[0] for field in answer.json()["fields"]]
        assert before == raw_contents_of(clinic), name


def test_the_rows_that_are_tried_are_rows_of_the_table() -> None:
    assert all(isinstance(ROWS[label], Row) for label, _ in READ_ONLY)
