"""Who may do what: one row a route (more where it matters whose thing it is), one column an identity.

The patient is whom a request is about, and the doctor treats them because of a visit; `other` is somebody else of that
kind. Behind a bar stands the code of the row's refusals that do not have the usual one of their status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    OTHER_PATIENT = "other patient"
    DOCTOR = "doctor"
    OTHER_DOCTOR = "other doctor"
    NURSE = "nurse"
    RECEPTIONIST = "receptionist"
    ADMIN = "admin"
    AUDITOR = "auditor"


CODES = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 422: "invalid"}

ACCESS = """
#                                                      anony-      other       other       recep-      audi-
#                                                       mous  pat.  pat.  doc.  doc. nurse tion. admin   tor
GET    /health/live                                      200   200   200   200   200   200   200   200   200
GET    /health/ready                                     200   200   200   200   200   200   200   200   200
GET    /openapi.json                                     200   200   200   200   200   200   200   200   200
GET    /docs                                             200   200   200   200   200   200   200   200   200
GET    /docs/oauth2-redirect                             200   200   200   200   200   200   200   200   200
GET    /redoc                                            200   200   200   200   200   200   200   200   200
GET    /api-docs-assets/{path}                           200   200   200   200   200   200   200   200   200
GET    /static/{path}                                    200   200   200   200   200   200   200   200   200
GET    /join                                             200   200   200   200   200   200   200   200   200
GET    /reset-password                                   200   200   200   200   200   200   200   200   200
GET    /confirm-email                                    200   200   200   200   200   200   200   200   200

POST   /auth/login                                       200   200   200   200   200   200   200   200   200
POST   /auth/refresh                                     200   200   200   200   200   200   200   200   200
POST   /auth/logout                                      401   204   204   204   204   204   204   204   204
GET    /auth/me                                          401   200   200   200   200   200   200   200   200
POST   /auth/password                                    401   204   204   204   204   204   204   204   204
POST   /auth/password-reset                              202   202   202   202   202   202   202   202   202
POST   /auth/password-reset/confirm                      204   204   204   204   204   204   204   204   204
POST   /auth/email-confirmation                          401   202   202   202   202   202   202   202   202
POST   /auth/email-confirmation/confirm                  204   204   204   204   204   204   204   204   204
GET    /auth/sessions                                    401   200   200   200   200   200   200   200   200
DELETE /auth/sessions/{login_id}                         401   204   404   404   404   404   404   404   404
POST   /auth/authorize                                   401   200   200   200   200   200   200   200   200
POST   /auth/token                                       200   200   200   200   200   200   200   200   200
POST   /auth/revoke                                      200   200   200   200   200   200   200   200   200
GET    /.well-known/oauth-authorization-server           200   200   200   200   200   200   200   200   200
POST   /auth/login/second-factor                         200   200   200   200   200   200   200   200   200
POST   /auth/login/second-factor/options                 200   200   200   200   200   200   200   200   200
POST   /auth/login/passkey                               200   200   200   200   200   200   200   200   200
POST   /auth/login/passkey/options                       200   200   200   200   200   200   200   200   200
GET    /auth/factors                                     401   200   200   200   200   200   200   200   200
POST   /auth/totp                                        401   200   200   200   200   200   200   200   200
POST   /auth/totp/confirm                                401   200   200   200   200   200   200   200   200
DELETE /auth/totp                                        401   204   204   204   204   204   204   204   204
POST   /auth/recovery-codes                              401   200   200   200   200   200   200   200   200
POST   /auth/passkeys/options                            401   200   200   200   200   200   200   200   200
POST   /auth/passkeys                                    401   201   201   201   201   201   201   201   201
PATCH  /auth/passkeys/{passkey_id}                       401   200   404   404   404   404   404   404   404
DELETE /auth/passkeys/{passkey_id}                       401   204   404   404   404   404   404   404   404

POST   /users                                            401   403   403   403   403   403   403   201   403
GET    /users                                            401   403   403   403   403   403   403   200   403
GET    /users/{user_id}                                  401   403   403   403   403   403   403   200   403
PATCH  /users/{user_id}                                  401   403   403   403   403   403   403   200   403
DELETE /users/{user_id}                                  401   403   403   403   403   403   403   204   403
PUT    /users/{user_id}/locations                        401   403   403   403   403   403   403   200   403
DELETE /users/{user_id}/sessions                         401   403   403   403   403   403   403   204   403
DELETE /users/{user_id}/factors                          401   403   403   403   403   403   403   204   403

POST   /clients                                          401   403   403   403   403   403   403   201   403
GET    /clients                                          401   403   403   403   403   403   403   200   403
GET    /clients/{client_id}                              401   403   403   403   403   403   403   200   403
PATCH  /clients/{client_id}                              401   403   403   403   403   403   403   200   403
DELETE /clients/{client_id}                              401   403   403   403   403   403   403   204   403

GET    /audit-events                                     401   403   403   403   403   403   403   403   200
GET    /audit-events/export                              401   403   403   403   403   403   403   403   200

POST   /patients/new-patient                             201   201   201   201   201   201   201   201   201
POST   /patients/new-patient without a login             422   422   422   422   422   422   201   201   422
GET    /patients                                         401   403   403   200   200   200   200   200   403
GET    /patients/me                                      401   200   200   403   403   403   403   403   403
PATCH  /patients/me                                      401   200   200   403   403   403   403   403   403
GET    /patients/{patient_id}                            401   200   404   200   404   200   200   200   403
GET    /patients/{patient_id} without a visit            401   200   404   404   404   404   200   200   403
GET    /patients/{patient_id}/export                     401   200   404   403   403   403   403   200   403
PATCH  /patients/{patient_id}                            401   200   404   403   403   403   200   200   403
DELETE /patients/{patient_id}                            401   200   404   403   403   403   200   200   403
POST   /patients/{patient_id}/invite                     401   403   403   403   403   403   201   201   403
POST   /patients/join                                    201   201   201   201   201   201   201   201   201
POST   /patients/{patient_id}/related-people             401   201   404   403   403   403   201   201   403
GET    /patients/{patient_id}/related-people             401   200   404   403   403   403   200   200   403
PATCH  /patients/{patient_id}/related-people/{relation_id} 401 403   403   403   403   403   200   200   403
DELETE /patients/{patient_id}/related-people/{relation_id} 401 204   404   403   403   403   204   204   403
POST   /patients/{patient_id}/related-people/{relation_id}/confirm 401 403 403 403 403 403 200 200 403
GET    /patients/me/looks-after                          401   200   200   403   403   403   403   403   403
POST   /patients/{patient_id}/erase                      401   403   403   403   403   403   403   200   403
POST   /patients/me/erasure-request                      401   200   200   403   403   403   403   403   403
DELETE /patients/me/erasure-request                      401   204   204   403   403   403   403   403   403
GET    /erasure-requests                                 401   403   403   403   403   403   403   200   403
GET    /patients/{patient_id}/accesses                   401   200   404   403   403   403   403   403   403

POST   /doctors/new-doctor                               401   403   403   403   403   403   403   201   403
GET    /doctors                                          200   200   200   200   200   200   200   200   200
GET    /doctors/{doctor_id}                              200   200   200   200   200   200   200   200   200
GET    /doctors/me                                       401   403   403   200   200   403   403   403   403
PATCH  /doctors/me                                       401   403   403   200   200   403   403   403   403
PATCH  /doctors/{doctor_id}                              401   403   403   200   403   403   403   200   403
DELETE /doctors/{doctor_id}                              401   403   403   403   403   403   403   200   403

POST   /doctors/{doctor_id}/covers                       401   403   403   403   403   403   403   201   403
GET    /doctors/{doctor_id}/covers                       401   403   403   403   403   403   403   200   403
DELETE /doctors/{doctor_id}/covers/{cover_id}            401   403   403   403   403   403   403   200   403

POST   /emergency-accesses without a visit               401   403   403   201   201   403   403   403   403
GET    /emergency-accesses                               401   403   403   403   403   403   403   403   200
POST   /emergency-accesses/{access_id}/review            401   403   403   403   403   403   403   403   200

POST   /locations                                        401   403   403   403   403   403   403   201   403
GET    /locations                                        200   200   200   200   200   200   200   200   200
GET    /locations/{location_id}                          200   200   200   200   200   200   200   200   200
PATCH  /locations/{location_id}                          401   403   403   403   403   403   403   200   403
DELETE /locations/{location_id}                          401   403   403   403   403   403   403   200   403
GET    /locations/{location_id}/holidays                 200   200   200   200   200   200   200   200   200
PUT    /locations/{location_id}/days/{on_date}           401   403   403   403   403   403   403   200   403
DELETE /locations/{location_id}/days/{on_date}           401   403   403   403   403   403   403   200   403
GET    /locations/{location_id}/travel                   200   200   200   200   200   200   200   200   200
PUT    /locations/{location_id}/travel/{other_id}        401   403   403   403   403   403   403   200   403
DELETE /locations/{location_id}/travel/{other_id}        401   403   403   403   403   403   403   204   403

POST   /rooms                                            401   403   403   403   403   403   403   201   403
GET    /rooms                                            401   403   403   200   200   200   200   200   403
GET    /rooms/{room_id}                                  401   403   403   200   200   200   200   200   403
PATCH  /rooms/{room_id}                                  401   403   403   403   403   403   403   200   403
DELETE /rooms/{room_id}                                  401   403   403   403   403   403   403   200   403

POST   /visit-types                                      401   403   403   403   403   403   403   201   403
GET    /visit-types                                      200   200   200   200   200   200   200   200   200
GET    /visit-types/{visit_type_id}                      200   200   200   200   200   200   200   200   200
PATCH  /visit-types/{visit_type_id}                      401   403   403   403   403   403   403   200   403
DELETE /visit-types/{visit_type_id}                      401   403   403   403   403   403   403   200   403
GET    /visit-types/{visit_type_id}/offers               200   200   200   200   200   200   200   200   200
PUT    /visit-types/{visit_type_id}/offers/{doctor_id}   401   403   403   403   403   403   200   200   403
DELETE /visit-types/{visit_type_id}/offers/{doctor_id}   401   403   403   403   403   403   200   200   403

POST   /availability                                     401   403   403   201   403   403   201   201   403
GET    /availability                                     200   200   200   200   200   200   200   200   200
PATCH  /availability/{schedule_id}                       401   403   403   200   403   403   200   200   403
DELETE /availability/{schedule_id}                       401   403   403   200   403   403   200   200   403
POST   /availability/exceptions                          401   403   403   201   403   403   201   201   403
POST   /availability/copy-week                           401   403   403   201   403   403   201   201   403
GET    /availability/vavailability                       200   200   200   200   200   200   200   200   200
PUT    /availability/vavailability                       401   403   403   200   403   403   200   200   403
POST   /availability/time-off                            401   403   403   201   403   403   201   201   403
GET    /availability/time-off                            401   403   403   200   200   200   200   200   403
PATCH  /availability/time-off/{absence_id}               401   403   403   200   403   403   200   200   403
DELETE /availability/time-off/{absence_id}               401   403   403   204   403   403   204   204   403

GET    /slots                                            200   200   200   200   200   200   200   200   200
GET    /slots for the patient                            401   200   403   403   403   403   200   200   403
GET    /slots/days                                       200   200   200   200   200   200   200   200   200
GET    /slots/days for the patient                       401   200   403   403   403   403   200   200   403
POST   /appointments                                     401   201   201   403   403   403   422   422   403
POST   /appointments for the patient                     401   201   422   403   403   403   201   201   403
POST   /appointments fitted in                           401   403   403   403   403   403   201   201   403
POST   /appointments against the rules                   401   403   403   403   403   403   201   201   403
POST   /appointments/holds                               401   201   201   403   403   403   422   422   403
POST   /appointments/holds for the patient               401   201   422   403   403   403   201   201   403
POST   /appointments/{appointment_id}/extend             401   200   404   403   403   403   200   200   403
POST   /appointments/{appointment_id}/confirm            401   200   404   403   403   403   200   200   403
POST   /appointments/{appointment_id}/reschedule         401   200   404   200   404   403   200   200   403
POST   /appointments/{appointment_id}/undo               401   403   404   200   404   200   200   200   403
POST   /appointments/any-doctor                          401   201   201   403   403   403   422   422   403
POST   /appointments/any-doctor for the patient          401   201   422   403   403   403   201   201   403
POST   /appointments/series                              401   201   201   403   403   403   422   422   403
POST   /appointments/series for the patient              401   201   422   403   403   403   201   201   403
GET    /appointments/series/{series_id}                  401   200   404   200   404   200   200   200   403
POST   /appointments/series/{series_id}/cancel          401   200   404   200   404   403   200   200   403
POST   /appointments/series/{series_id}/reschedule      401   200   404   200   404   403   200   200   403
POST   /appointments/family                              401   422   422   403   403   403   201   201   403
POST   /sessions                                         401   403   403   403   403   403   201   201   403
GET    /sessions                                         200   200   200   200   200   200   200   200   200
GET    /sessions/{session_id}                            200   200   200   200   200   200   200   200   200
POST   /sessions/{session_id}/places                     401   201   201   403   403   403   422   422   403
POST   /sessions/{session_id}/places for the patient     401   201   422   403   403   403   201   201   403
POST   /sessions/{session_id}/cancel                     401   403   403   403   403   403   200   200   403
GET    /appointments                                     401   200   200   200   200   200   200   200   403
GET    /appointments/{appointment_id}                    401   200   404   200   404   200   200   200   403
DELETE /appointments/{appointment_id}                    401   200   404   200   404   403   200   200   403
POST   /appointments/{appointment_id}/cancel             401   200   404   200   404   403   200   200   403
POST   /appointments/{appointment_id}/arrive             401   403   403   403   403   200   200   200   403
POST   /appointments/{appointment_id}/check-in           401   403   403   403   403   200   200   200   403
POST   /appointments/{appointment_id}/room               401   403   403   200   404   200   200   200   403
POST   /appointments/{appointment_id}/start              401   403   403   200   404   200   200   200   403
POST   /appointments/{appointment_id}/complete           401   403   403   200   404   200   200   200   403
POST   /appointments/{appointment_id}/no-show            401   403   403   200   404   403   200   200   403
POST   /appointments/{appointment_id}/excuse             401   403   403   403   403   403   200   200   403
POST   /appointments/{appointment_id}/correct            401   403   403   403   403   403   200   200   403
POST   /appointments/{appointment_id}/keep               401   403   403   403   403   403   200   200   403
GET    /appointments/{appointment_id}/history            401   200   404   200   404   200   200   200   403
PUT    /doctors/{doctor_id}/running-late                 401   403   403   200   403   200   200   200   403

POST   /medical-records/new-medical-report/{patient_id}  401   403   403   201   404   403   403   403   403
GET    /medical-records/{patient_id}                     401   200   404   200   404   403   403   403   403
GET    /medical-records/record/{record_id}               401   200   404   200   404   403   403   403   403
GET    /medical-records/record/{record_id} unsigned      401   404   404   200   404   403   403   403   403
POST   /medical-records/record/{record_id}/sign          401   403   403   200   404   403   403   403   403
POST   /medical-records/record/{record_id}/amend         401   403   403   201   404   403   403   403   403
POST   /medical-records/record/{record_id}/retract       401   403   403   200   404   403   403   403   403
PUT    /medical-records/record/{record_id}/release       401   403   403   200   404   403   403   403   403
DELETE /medical-records/record/{record_id}/release       401   403   403   200   404   403   403   403   403
"""

# What a list that is answered shows of the patient: their profile, their visit, their records.
SIGHT = """
#                                                      anony-      other       other       recep-      audi-
#                                                       mous  pat.  pat.  doc.  doc. nurse tion. admin   tor
GET    /patients                                           -     -     -   yes    no   yes   yes   yes     -
GET    /patients without a visit                           -     -     -    no    no    no   yes   yes     -
GET    /appointments                                       -   yes    no   yes    no   yes   yes   yes     -
GET    /medical-records/{patient_id}                       -   yes     -   yes     -     -     -     -     -
GET    /medical-records/{patient_id} unsigned              -    no     -   yes     -     -     -     -     -
"""


@dataclass(frozen=True, slots=True)
class Row:
    """`label` is the route and whatever stands behind it."""

    label: str
    cells: Mapping[Who, str]
    code: str | None = None

    @property
    def route(self) -> str:
        return " ".join(self.label.split()[:2])

    def expected(self, who: Who) -> tuple[int, str | None]:
        """The status, and the code of a refusal."""
        status = int(self.cells[who])
        return status, None if status < 400 else self.code or CODES[status]


def rows_of(table: str) -> list[Row]:
    return [_row(line) for line in table.splitlines() if line and not line.startswith("#")]


def _row(line: str) -> Row:
    columns, _, code = line.partition("|")
    *label, cells = columns.split()[: -len(Who)], columns.split()[-len(Who) :]
    return Row(" ".join(label[0]), dict(zip(Who, cells, strict=True)), code.strip() or None)
