"""What an answer may hold, by route: these fields and no others."""

from collections.abc import Mapping
from typing import Any

from .matrix import Who

DESK = {Who.RECEPTIONIST, Who.ADMIN}
CLINICIANS = {Who.DOCTOR, Who.OTHER_DOCTOR, Who.NURSE}

PATIENT = frozenset({
    "id", "user_id", "first_name", "last_name", "preferred_name", "preferred_language", "birth_date", "sex",
    "contact_email", "phone", "address", "emergency_contact", "insurance_provider", "insurance_number", "is_active",
    "created_at",
})  # fmt: skip
DOCTOR = frozenset({"id", "title", "first_name", "last_name", "specialization", "bio", "languages", "is_active"})
HOURS = frozenset({
    "id", "doctor_id", "location_id", "weekday", "start_time", "end_time", "ends_next_day", "visit_type_ids",
    "valid_from", "valid_until", "kind", "release_minutes",
})  # fmt: skip
TIME_OFF = frozenset({"id", "doctor_id", "kind", "starts_at", "ends_at", "reason_code", "note"})
VISIT = frozenset({
    "id", "doctor_id", "patient_id", "visit_type_id", "location_id", "starts_at", "ends_at", "status", "version",
    "is_extra", "channel", "booked_by", "notified", "needs_attention", "attention_code", "reason", "created_at",
    "cancelled_at", "cancel_code", "cancel_note", "arrived_at", "checked_in_at", "roomed_at", "started_at",
    "finished_at", "excused_at", "expected_at", "is_cancelled_late", "hold_expires_at",
    "series_id", "series_number", "family_id", "session_id",
})  # fmt: skip
SESSION = frozenset({
    "id", "doctor_id", "visit_type_id", "location_id", "room_id", "title", "starts_at", "ends_at", "capacity",
    "free_places", "version", "cancelled_at",
})  # fmt: skip
SERIES = frozenset({"id", "patient_id", "rrule", "booked_by", "created_at", "appointments"})
LOCATION = frozenset({"id", "name", "timezone", "address", "country", "region", "is_default", "is_active"})
ROOM = frozenset({"id", "location_id", "name", "kind", "is_device", "is_active"})
VISIT_TYPE = frozenset({
    "id", "name", "length_minutes", "allowed_lengths", "buffer_before_minutes", "buffer_after_minutes", "grid_minutes",
    "grid_offset_minutes", "notice_minutes", "window_days", "daily_limit", "weekly_limit", "patient_limit",
    "revisit_days", "is_virtual", "audience", "instructions", "colour", "room_kind", "device_kinds",
    "practitioner_roles", "cancel_notice_minutes", "no_show_limit", "no_show_months", "is_default", "is_active",
})  # fmt: skip
OFFER = frozenset({
    "id", "doctor_id", "visit_type_id", "location_id", "length_minutes", "buffer_before_minutes",
    "buffer_after_minutes", "notice_minutes", "window_days", "daily_limit", "weekly_limit",
})  # fmt: skip
DAY = frozenset({"date", "name", "is_public", "is_open"})
TRAVEL = frozenset({"location_id", "minutes"})
RECORD = frozenset({
    "id", "patient_id", "author_id", "appointment_id", "status", "version", "title", "notes", "diagnoses", "amends_id",
    "amended_by_id", "created_at", "signed_at", "retracted_at", "retract_reason",
    "released_to_guardians_at",
})  # fmt: skip
ACCOUNT = frozenset({"id", "email", "display_name", "roles"})
ME = ACCOUNT | {"is_email_verified"}
USER = ACCOUNT | {"is_active", "created_at"}
RELATED = frozenset({
    "id", "patient_id", "user_id", "name", "email", "relationship", "may_book", "may_read", "valid_from", "valid_until",
    "created_at", "verified_at", "ended_at",
})  # fmt: skip
LOOKED_AFTER = frozenset({
    "id", "patient_id", "first_name", "last_name", "preferred_name", "birth_date", "relationship", "may_book",
    "may_read", "valid_until",
})  # fmt: skip
AUDIT_EVENT = frozenset({
    "id", "recorded_at", "actor_id", "action", "outcome", "entity", "entity_id", "patient_id", "request_id", "detail",
})  # fmt: skip
ACCESS = frozenset({"recorded_at", "action", "actor_name", "actor_roles", "is_own"})
COVER = frozenset({"id", "doctor_id", "by_doctor_id", "valid_from", "valid_until", "created_at", "ended_at"})
EMERGENCY = frozenset({"id", "user_id", "patient_id", "opened_at", "closes_at"})
REVIEWED = EMERGENCY | {"reason", "reviewed_at", "reviewed_by", "note"}
SESSIONS_OF_ONE = frozenset({"id", "device", "created_at", "last_used_at", "expires_at", "is_current"})
TOKENS = frozenset({"access_token", "token_type", "expires_in", "refresh_token"})
CLIENT = frozenset({
    "id", "kind", "name", "scopes", "redirect_uris", "jwks", "user_id", "is_active", "created_at",
})  # fmt: skip
METADATA = frozenset({
    "issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "scopes_supported",
    "response_types_supported", "response_modes_supported", "grant_types_supported",
    "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported", "authorization_response_iss_parameter_supported",
})  # fmt: skip
PASSKEY = frozenset({"id", "name", "created_at", "last_used_at"})
CODES, OPTIONS = frozenset({"recovery_codes"}), frozenset({"public_key"})
AFFECTED = frozenset({"affected"})

FIELDS: Mapping[str, frozenset[str]] = {
    "GET /health/live": frozenset({"status"}),
    "GET /health/ready": frozenset(
        {"status", "database", "outbox_waiting", "outbox_dead", "audit_waiting_seconds", "rate_limits", "warnings"}
    ),
    "POST /auth/login": TOKENS,
    "POST /auth/refresh": TOKENS,
    "POST /auth/authorize": frozenset({"redirect_to"}),
    "POST /auth/token": TOKENS | {"scope"},
    "POST /auth/revoke": frozenset(),
    "GET /.well-known/oauth-authorization-server": METADATA,
    "POST /clients": CLIENT,
    "GET /clients": CLIENT,
    "GET /clients/{client_id}": CLIENT,
    "PATCH /clients/{client_id}": CLIENT,
    "GET /auth/sessions": SESSIONS_OF_ONE,
    "POST /auth/login/second-factor": TOKENS,
    "POST /auth/login/second-factor/options": OPTIONS,
    "POST /auth/login/passkey": TOKENS,
    "POST /auth/login/passkey/options": OPTIONS,
    "GET /auth/factors": frozenset({"totp_added_at", "passkeys", "recovery_codes_left", "is_required"}),
    "POST /auth/totp": frozenset({"otpauth_uri", "key", "qr_svg"}),
    "POST /auth/totp/confirm": CODES,
    "POST /auth/recovery-codes": CODES,
    "POST /auth/passkeys/options": OPTIONS,
    "POST /auth/passkeys": PASSKEY | CODES,
    "PATCH /auth/passkeys/{passkey_id}": PASSKEY,
    "POST /auth/password-reset": frozenset({"detail"}),
    "POST /auth/email-confirmation": frozenset({"detail"}),
    "GET /auth/me": ME,
    "POST /users": USER,
    "GET /users": USER,
    "GET /users/{user_id}": USER | {"location_ids"},
    "PUT /users/{user_id}/locations": USER | {"location_ids"},
    "PATCH /users/{user_id}": USER,
    "POST /patients/new-patient": PATIENT,
    "GET /patients": PATIENT,
    "GET /patients/me": PATIENT,
    "PATCH /patients/me": PATIENT,
    "GET /patients/{patient_id}": PATIENT,
    "PATCH /patients/{patient_id}": PATIENT,
    "DELETE /patients/{patient_id}": AFFECTED,
    "POST /patients/{patient_id}/invite": frozenset({"id", "patient_id", "email", "expires_at"}),
    "POST /patients/join": PATIENT,
    "POST /patients/me/erasure-request": frozenset({"id", "erasure_asked_at"}),
    "GET /erasure-requests": frozenset({"id", "erasure_asked_at"}),
    "POST /patients/{patient_id}/erase": frozenset({"id", "record_number", "erased_at"}),
    "POST /patients/{patient_id}/related-people": RELATED,
    "GET /patients/{patient_id}/related-people": RELATED,
    "PATCH /patients/{patient_id}/related-people/{relation_id}": RELATED,
    "POST /patients/{patient_id}/related-people/{relation_id}/confirm": RELATED,
    "GET /patients/me/looks-after": LOOKED_AFTER,
    "GET /patients/{patient_id}/accesses": ACCESS,
    "GET /audit-events": AUDIT_EVENT,
    "GET /audit-events/export": AUDIT_EVENT,
    "POST /doctors/new-doctor": DOCTOR,
    "GET /doctors": DOCTOR | {"hours"},
    "GET /doctors/{doctor_id}": DOCTOR | {"hours"},
    "GET /doctors/me": DOCTOR | {"hours"},
    "PATCH /doctors/me": DOCTOR,
    "PATCH /doctors/{doctor_id}": DOCTOR,
    "DELETE /doctors/{doctor_id}": AFFECTED,
    "POST /doctors/{doctor_id}/covers": COVER,
    "GET /doctors/{doctor_id}/covers": COVER,
    "DELETE /doctors/{doctor_id}/covers/{cover_id}": COVER,
    "POST /emergency-accesses": EMERGENCY,
    "GET /emergency-accesses": REVIEWED,
    "POST /emergency-accesses/{access_id}/review": REVIEWED,
    "POST /locations": LOCATION,
    "GET /locations": LOCATION,
    "GET /locations/{location_id}": LOCATION,
    "PATCH /locations/{location_id}": LOCATION | AFFECTED,
    "DELETE /locations/{location_id}": AFFECTED,
    "GET /locations/{location_id}/holidays": DAY,
    "PUT /locations/{location_id}/days/{on_date}": DAY | AFFECTED,
    "DELETE /locations/{location_id}/days/{on_date}": AFFECTED,
    "GET /locations/{location_id}/travel": TRAVEL,
    "PUT /locations/{location_id}/travel/{other_id}": TRAVEL | AFFECTED,
    "POST /rooms": ROOM,
    "GET /rooms": ROOM,
    "GET /rooms/{room_id}": ROOM,
    "PATCH /rooms/{room_id}": ROOM,
    "DELETE /rooms/{room_id}": AFFECTED,
    "POST /visit-types": VISIT_TYPE,
    "GET /visit-types": VISIT_TYPE,
    "GET /visit-types/{visit_type_id}": VISIT_TYPE,
    "PATCH /visit-types/{visit_type_id}": VISIT_TYPE,
    "DELETE /visit-types/{visit_type_id}": AFFECTED,
    "GET /visit-types/{visit_type_id}/offers": OFFER,
    "PUT /visit-types/{visit_type_id}/offers/{doctor_id}": OFFER | AFFECTED,
    "DELETE /visit-types/{visit_type_id}/offers/{doctor_id}": AFFECTED,
    "POST /availability": HOURS | AFFECTED,
    "POST /availability/exceptions": HOURS | AFFECTED,
    "POST /availability/copy-week": frozenset({"hours", "time_off"}) | AFFECTED,
    "PUT /availability/vavailability": frozenset({"hours", "added", "removed"}) | AFFECTED,
    "POST /availability/time-off": TIME_OFF | AFFECTED,
    "GET /availability/time-off": TIME_OFF,
    "PATCH /availability/time-off/{absence_id}": TIME_OFF | AFFECTED,
    "GET /availability": HOURS,
    "PATCH /availability/{schedule_id}": HOURS | AFFECTED,
    "DELETE /availability/{schedule_id}": AFFECTED,
    "GET /slots": frozenset({"doctor_id", "location_id", "visit_type_id", "starts_at", "ends_at", "room_kind"}),
    "GET /slots/days": frozenset({"date", "free"}),
    "POST /appointments": VISIT,
    "POST /appointments/holds": VISIT,
    "POST /appointments/any-doctor": VISIT,
    "POST /appointments/{appointment_id}/extend": VISIT,
    "POST /appointments/{appointment_id}/confirm": VISIT,
    "POST /appointments/{appointment_id}/reschedule": VISIT,
    "POST /appointments/{appointment_id}/undo": VISIT,
    "POST /appointments/series": SERIES,
    "GET /appointments/series/{series_id}": SERIES,
    "POST /appointments/series/{series_id}/cancel": SERIES,
    "POST /appointments/series/{series_id}/reschedule": SERIES,
    "POST /appointments/family": frozenset({"family_id", "appointments"}),
    "POST /sessions": SESSION,
    "GET /sessions": SESSION,
    "GET /sessions/{session_id}": SESSION,
    "POST /sessions/{session_id}/places": VISIT,
    "POST /sessions/{session_id}/cancel": SESSION,
    "GET /appointments": VISIT,
    "GET /appointments/{appointment_id}": VISIT,
    "DELETE /appointments/{appointment_id}": VISIT,
    "POST /appointments/{appointment_id}/cancel": VISIT,
    "POST /appointments/{appointment_id}/arrive": VISIT,
    "POST /appointments/{appointment_id}/check-in": VISIT,
    "POST /appointments/{appointment_id}/room": VISIT,
    "POST /appointments/{appointment_id}/start": VISIT,
    "POST /appointments/{appointment_id}/complete": VISIT,
    "POST /appointments/{appointment_id}/no-show": VISIT,
    "POST /appointments/{appointment_id}/excuse": VISIT,
    "POST /appointments/{appointment_id}/correct": VISIT,
    "POST /appointments/{appointment_id}/keep": VISIT,
    "GET /appointments/{appointment_id}/history": frozenset(
        {
            "version",
            "action",
            "changed_at",
            "by",
            "changed_by",
            "before",
            "after",
            "code",
            "note",
        }
    ),
    "PUT /doctors/{doctor_id}/running-late": frozenset({"doctor_id", "minutes", "since", "until"}),
    "POST /medical-records/new-medical-report/{patient_id}": RECORD,
    "GET /medical-records/{patient_id}": RECORD,
    "GET /medical-records/record/{record_id}": RECORD,
    "POST /medical-records/record/{record_id}/sign": RECORD,
    "POST /medical-records/record/{record_id}/amend": RECORD,
    "POST /medical-records/record/{record_id}/retract": RECORD,
    "PUT /medical-records/record/{record_id}/release": RECORD,
    "DELETE /medical-records/record/{record_id}/release": RECORD,
}
# What the desk sees beside what everybody does.
BY_DESK = {PATIENT: frozenset({"record_number"})}
# What doctors and nurses do not see, for care does not need it.
NOT_BY_CLINICIANS = {PATIENT: frozenset({"insurance_provider", "insurance_number"})}
# Its answer is about whoever it is that asks.
ABOUT_ONESELF = {"POST /patients/join"}
# Its answer is what was signed up for: nobody is told a record number before they are known.
NOT_BY_DESK = {"POST /patients/join"}


def allowed(route: str, who: Who) -> frozenset[str]:
    fields = FIELDS[route]
    if who in CLINICIANS and route not in ABOUT_ONESELF:
        return fields - NOT_BY_CLINICIANS.get(fields, frozenset())
    return fields | BY_DESK.get(fields, frozenset()) if who in DESK and route not in NOT_BY_DESK else fields


def things_in(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The things that an answer is about: one, or those of a list."""
    for name in ("items", "slots", "days"):
        if name in document:
            assert document.keys() <= {"items", "slots", "days", "next_cursor"}
            things: list[dict[str, Any]] = document[name]
            return things
    return [document]
