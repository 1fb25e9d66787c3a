"""Bad requests: what is wrong with each, and the field that is named for it."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from .access.matrix import Who

UNKNOWN = str(uuid4())
REGISTER, STAFF, DOCTOR = "POST /patients/new-patient", "POST /users", "POST /doctors/new-doctor"
HOURS, JOIN = "POST /availability", "POST /patients/join"
BOOK, DESK_BOOK = "POST /appointments", "POST /appointments for the patient"
LIST, SLOTS, WRITE = "GET /appointments", "GET /slots", "POST /medical-records/new-medical-report/{patient_id}"
CANCEL = "POST /appointments/{appointment_id}/cancel"
Values = tuple[Any, ...]
NAN, INFINITY, HUGE = float("nan"), float("inf"), 10**400


@dataclass(frozen=True, slots=True)
class Bad:
    """What is laid over the good request of a row, and the field that is named for it."""

    label: str
    who: Who
    changes: Mapping[str, Any]
    field: str | None = None
    status: int = 422
    code: str = "invalid"
    headers: Mapping[str, bytes] | None = None

    @property
    def name(self) -> str:
        return f"{self.label} {json.dumps(dict(self.changes))[:80]} {self.headers or ''}"


def fields(label: str, who: Who, name: str, *values: Any, code: str = "invalid") -> list[Bad]:
    return [Bad(label, who, {name: value}, name, code=code) for value in values]


LISTS = {LIST: Who.RECEPTIONIST, "GET /patients": Who.RECEPTIONIST, "GET /doctors": Who.RECEPTIONIST,
         "GET /users": Who.ADMIN, "GET /medical-records/{patient_id}": Who.DOCTOR}  # fmt: skip
N, P, D, R, A = Who.ANONYMOUS, Who.PATIENT, Who.DOCTOR, Who.RECEPTIONIST, Who.ADMIN
BAD_INSTANTS: Values = (
    "2031-03-03T10:00:00", "2031-03-03", "2031-02-30T10:00:00Z", "2031-03-03T25:00:00Z", "2031-03-03T10:00:00+24:00",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1899-12-31T10:00:00Z", "tomorrow", "", "1930000000",
    "２０３１-03-03T10:00:00Z", 1930000000, -1, 0.5, True, None, [], {}, NAN, INFINITY, HUGE,
)  # fmt: skip
BAD_DAYS: Values = ("2031-02-30", "2031-3-3", "0000-01-01", "0001-01-01", "9999-12-31", "2031-03-03T00:00:00Z", "",
                    "soon", 0, 86400, 1e9, NAN, HUGE, True, [], "٢٠٣١-٠٣-٠٣")  # fmt: skip
BAD_TIMES: Values = ("24:00", "9:00", "09:60", "09:00:00", "09:00Z", "09-00", "", " 09:00", "٠٩:٠٠", 900, None, NAN, [])
BAD_IDS: Values = ("", "1", "x", 7, None, [], {}, NAN, "019b2f4e-7c1a-7000-8000-00000000000g", "0" * 400)
BAD_EMAILS: Values = ("", "x", "a@b", "@example.org", "a b@example.org", "a@example.org\n", "a\u0000@example.org",
              "a" * 250 + "@example.org", "a@" + "b" * 300 + ".org", "a@exa mple.org", "a@[127.0.0.1]", 7, {},
              ["a@b.org"])  # fmt: skip
BAD_NAMES: Values = ("", "   ", "x" * 101, None, 7, [], {}, True, NAN)
BAD_PASSWORDS: Values = ("", "1234567", "🙂" * 7, "x" * 1_025, "🙂" * 257, 12345678, ["longenough"], True)

IN_BODIES = [
    *fields(BOOK, P, "starts_at", *BAD_INSTANTS),
    *fields(BOOK, P, "ends_at", *[bad for bad in BAD_INSTANTS if bad is not None]),
    *fields(BOOK, P, "starts_at", "2031-03-03T10:00:00.000001Z", "2031-03-03T10:00:01Z", code="off_grid"),
    *fields(BOOK, P, "starts_at", "2031-03-03T10:07:00Z", "2031-03-03T10:05:00Z", code="off_grid"),
    *fields(BOOK, P, "starts_at", "2031-03-03T07:59:59.999999Z", "1900-01-02T10:00:00Z", code="in_the_past"),
    *fields(BOOK, P, "starts_at", "2032-03-04T10:00:00Z", "2200-12-31T23:30:00Z", code="too_far_ahead"),
    *fields(BOOK, P, "starts_at", "2031-03-03T20:00:00Z", "2031-03-04T10:00:00Z", code="outside_hours"),
    *fields(BOOK, P, "ends_at", "2031-03-03T10:45:00Z", "2200-12-31T23:30:00Z", code="length_not_allowed"),
    *fields(BOOK, P, "ends_at", "2031-03-03T10:00:00Z", "2031-03-03T09:00:00Z", "2031-03-03T10:30:00+23:59"),
    *fields(BOOK, P, "doctor_id", UNKNOWN, *BAD_IDS),
    *fields(BOOK, P, "visit_type_id", UNKNOWN, "x", 7),
    *fields(BOOK, P, "reason", "", " ", "x" * 5_001, 7, ["x"], {}),
    *fields(BOOK, P, "patient_id", UNKNOWN, "x"),
    *fields(DESK_BOOK, R, "patient_id", UNKNOWN, "x", None),
    *fields(DESK_BOOK, R, "channel", "fax", "", "PHONE", 7),
    *fields(DESK_BOOK, R, "notify", "perhaps", 7, [], {}),
    *fields(DESK_BOOK, R, "extra", "because", 7, [], True),
    Bad(DESK_BOOK, R, {"extra": {"reason": ""}}, "extra.reason"),
    Bad(DESK_BOOK, R, {"extra": {"reason": "Pain", "more": 1}}, "extra.more"),
    *fields(CANCEL, P, "reason_code", "", "Two Words", "x" * 41, "1st", 7),
    Bad(CANCEL, P, {"reason": "Well", "note": "again"}, "note"),
    *fields(HOURS, D, "start_time", *BAD_TIMES),
    *fields(HOURS, D, "start_time", "09:01", "11:59", code="off_grid"),
    *fields(HOURS, D, "end_time", "09:00", "08:00", *BAD_TIMES),
    Bad(HOURS, D, {"end_time": "09:05", "ends_next_day": True}, "end_time"),
    *fields(HOURS, D, "weekday", "Monday", "mon", "", 1, None),
    *fields(HOURS, D, "valid_from", *BAD_DAYS),
    Bad(HOURS, D, {"valid_from": "2031-03-04", "valid_until": "2031-03-03"}, "valid_until"),
    *fields(HOURS, D, "location_id", UNKNOWN, "x"),
    *fields(HOURS, D, "visit_type_ids", [UNKNOWN], "x", ["x"], {}, [str(uuid4()) for _ in range(101)]),
    *fields(HOURS, R, "doctor_id", UNKNOWN, None, "x"),
    Bad("PATCH /availability/{schedule_id}", D, {"end_time": "08:00"}, "end_time"),
    Bad("PATCH /availability/{schedule_id}", D, {"start_time": None}, "start_time"),
    Bad("PATCH /availability/{schedule_id}", D, {"visits": "cancel"}, "reason"),
    *fields(REGISTER, N, "email", *BAD_EMAILS),
    *fields(REGISTER, N, "password", None, *BAD_PASSWORDS),
    Bad(REGISTER, N, {"email": None, "password": None}, "email"),
    Bad(REGISTER, R, {"email": None, "password": None}, "birth_date"),
    *fields(REGISTER, N, "first_name", *BAD_NAMES),
    *fields(REGISTER, N, "last_name", *BAD_NAMES),
    *fields(REGISTER, N, "birth_date", "2031-03-05", "2200-01-01", "1879-12-31", *BAD_DAYS),
    *fields(REGISTER, N, "phone", "", "call me", "1", "0" * 40, "030-555\n0", 305550),
    *fields(REGISTER, N, "preferred_language", "", "english", "e", "en_GB", "en-", 7),
    *fields(REGISTER, N, "sex", "", "F", 7, True),
    *fields(REGISTER, N, "contact_email", *BAD_EMAILS),
    *fields("PATCH /patients/me", P, "birth_date", "2031-03-05", *BAD_DAYS),
    *fields("PATCH /patients/me", P, "first_name", *BAD_NAMES),
    *fields(STAFF, A, "roles", [], ["patient"], ["doctor", "nurse"], ["king"], "nurse", None, [["nurse"]], [7], {}),
    *fields(STAFF, A, "password", None, *BAD_PASSWORDS),
    *fields(DOCTOR, A, "languages", "en", ["english"], [7], ["en"] * 21, {}),
    *fields(DOCTOR, A, "title", "", "x" * 51, 7),
    *fields("PATCH /users/{user_id}", A, "is_active", None, "perhaps", 2, []),
    *fields(WRITE, D, "notes", "", "x" * 200_001, None, 7, []),
    *fields(WRITE, D, "status", "amended", "", None, 7),
    *fields(WRITE, D, "appointment_id", UNKNOWN, "x"),
    *fields(WRITE, D, "diagnoses", "J06.9", ["J06.9"], {}, [{}] * 51, None),
    Bad(WRITE, D, {"diagnoses": [{"system": "x", "code": "y"}, {"system": "x"}]}, "diagnoses.1.code"),
    Bad("POST /auth/refresh", N, {"refresh_token": ""}, "refresh_token"),
    Bad("POST /auth/refresh", N, {"refresh_token": "guessed"}, None, 401, "invalid_token"),
    Bad(JOIN, N, {"code": "gue\u00dfed"}, None, 410, "invitation_spent"),
    Bad(JOIN, N, {"password": "short"}, "password"),
]  # fmt: skip


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


BAD_CURSORS = (
    "", "x", "=", "%", "ü", "\u0000", "0", cursor(), cursor(1), cursor(None, None), cursor({}, []), cursor("x", "y"),
    cursor("a\u0000", str(uuid4())), cursor("\ud800", str(uuid4())),
    cursor(str(uuid4()), str(uuid4()), str(uuid4())),
    base64.urlsafe_b64encode(b"[" * 1_400).decode(), base64.urlsafe_b64encode(b"\xff\xfe").decode(), "A" * 2_001,
)  # fmt: skip
# A name may look like anything, an instant may not.
BAD_INSTANT_CURSORS = tuple(
    cursor(text, str(uuid4()))
    for text in ("2031-03-03T10:00:00", "0001-01-01T00:00:00+23:59", "2031-02-30T10:00:00Z", "x")
)
BAD_LIMITS: Values = (10**9, 201, 0, -1, "x", "1.5", "1e2", "", HUGE, "٥x")
BAD_BOUNDS: Values = (
    "2031-02-30", "2031-03-03T10:00:00", "0001-01-01", "9999-12-31", "10000-01-01", "1e9", "-1", "x", "",
    "2031-03-03T10:00:00+24:00", "9999-12-31T23:59:59-23:59", "2031-03-03T10:00:00Z\u0000",
)  # fmt: skip
IN_QUERIES = [
    *[bad for label, who in LISTS.items() for bad in fields(label, who, "limit", *BAD_LIMITS)],
    *[bad for label, who in LISTS.items() for bad in fields(label, who, "cursor", *BAD_CURSORS)],
    *fields(LIST, R, "cursor", *BAD_INSTANT_CURSORS),
    *[bad for label in (LIST, SLOTS) for name in ("from", "to") for bad in fields(label, R, name, *BAD_BOUNDS)],
    Bad(SLOTS, P, {"from": "2031-03-05", "to": "2031-03-04"}, "to"),
    Bad(SLOTS, P, {"to": "2031-05-05"}, "to"),
    *fields(SLOTS, P, "doctor_id", UNKNOWN, "", "x", "\u0000"),
    *fields(SLOTS, P, "visit_type_id", UNKNOWN, "x"),
    *fields(SLOTS, R, "patient_id", "x", "\u0000"),
    *fields(SLOTS, P, "specialization", "x" * 201, "a\u0000b"),
    *fields(SLOTS, P, "language", "", "english", "d", "de_CH", "%", "\u0000"),
    *fields(SLOTS, P, "part_of_day", "", "night", "MORNING"),
    *fields(SLOTS, P, "weekday", "", "mon", "1"),
    *fields(SLOTS, P, "members", 0, 1, 9, -2, "x", "", HUGE),
    *fields(SLOTS, P, "per_doctor", 0, -1, 21, "x", HUGE),
    *fields(SLOTS, P, "limit", *BAD_LIMITS),
    *fields(LIST, R, "status", "Booked", "", "\u0000"),
    *fields(LIST, R, "needs_attention", "perhaps", ""),
    *fields("GET /users", A, "role", "king", "", "\u0000"),
    *fields("GET /patients", R, "q", "x" * 201, "a\u0000b"),
    *fields("GET /doctors", P, "specialization", "x" * 201, "a\u0000b"),
    *fields("DELETE /availability/{schedule_id}", D, "visits", "burn", ""),
]  # fmt: skip
BAD_KEYS = (
    b"bare", b'""', b'"open', b'"a"b"', b"'a'", b'"' + b"x" * 256 + b'"', b'"tab\t"', b'"back\\slash"', b'"\xff"',
    b'"a", "b"', b'"a\x00"', b'"a" ;b',
)  # fmt: skip
BAD_TAGS = (
    b'W/"7"',
    b'"0"',
    b"1",
    b'""',
    b"garbage",
    b'"1',
    b'"-1"',
    b'"' + b"9" * 400 + b'"',
    b'"\xd9\xa1"',
    b'"1\x00"',
)
IN_HEADERS = [
    *[Bad(BOOK, P, {}, None, 400, "idempotency_key_malformed", {"Idempotency-Key": key}) for key in BAD_KEYS],
    *[Bad(CANCEL, P, {}, None, 412, "version_mismatch", {"If-Match": tag}) for tag in BAD_TAGS],
]
