"""Who is asking, and what they may do."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    PATIENT = "patient"
    DOCTOR = "doctor"
    NURSE = "nurse"
    RECEPTIONIST = "receptionist"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """`…_own` and `…_treated` reach what a relation reaches, `…_all` reaches everything of the clinic."""

    USERS_MANAGE = "users:manage"
    CLINIC_READ = "clinic:read"
    CLINIC_MANAGE = "clinic:manage"

    PATIENTS_REGISTER = "patients:register"
    PATIENTS_OWN = "patients:own"
    PATIENTS_TREATED = "patients:treated"
    PATIENTS_VISITING = "patients:visiting"
    PATIENTS_ALL = "patients:all"
    PATIENTS_FIND = "patients:find"
    PATIENTS_CHANGE = "patients:change"
    PATIENTS_EXPORT = "patients:export"
    PATIENTS_ERASE = "patients:erase"

    DOCTORS_MANAGE = "doctors:manage"
    DOCTORS_CHANGE_OWN = "doctors:change-own"
    DOCTORS_DELAY_OWN = "doctors:delay-own"
    DOCTORS_DELAY_ALL = "doctors:delay-all"

    HOURS_CHANGE_OWN = "hours:change-own"
    HOURS_CHANGE_ALL = "hours:change-all"

    APPOINTMENTS_BOOK_OWN = "appointments:book-own"
    APPOINTMENTS_BOOK_ALL = "appointments:book-all"
    APPOINTMENTS_FIT_IN = "appointments:fit-in"
    APPOINTMENTS_OVERRIDE = "appointments:override"
    APPOINTMENTS_OWN = "appointments:own"
    APPOINTMENTS_TREATED = "appointments:treated"
    APPOINTMENTS_ALL = "appointments:all"
    APPOINTMENTS_CANCEL = "appointments:cancel"
    APPOINTMENTS_RECEIVE = "appointments:receive"
    APPOINTMENTS_ATTEND_OWN = "appointments:attend-own"
    APPOINTMENTS_ATTEND_ALL = "appointments:attend-all"
    APPOINTMENTS_CLOSE_ALL = "appointments:close-all"
    APPOINTMENTS_CORRECT = "appointments:correct"

    RECORDS_OWN = "records:own"
    RECORDS_TREATED = "records:treated"
    RECORDS_LOCATION = "records:location"
    RECORDS_WRITE = "records:write"
    RECORDS_EMERGENCY = "records:emergency"

    AUDIT_READ = "audit:read"


@dataclass(frozen=True, slots=True)
class Today:
    """The day by the clinic's calendar, and the last days of birth that make one of age on it, and old enough for
    records that guardians do not read; None where the clinic knows no such age."""

    day: date
    of_age_born: date
    private_born: date | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """A user whose token was good; `permissions` is what their roles add up to.

    `today` is when they ask, for what they may do for others ends with days; without it they may do nothing for others.
    With a `client_id` an app or a machine asks in their name, and may no more than its `scopes` name.
    """

    user_id: UUID
    session_id: UUID
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    today: Today | None = None
    client_id: UUID | None = None
    scopes: frozenset[str] = frozenset()

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
