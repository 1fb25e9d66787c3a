"""Scopes (RFC 6749 section 3.3): what an app or a machine may be given of what its user may; pure.

A scope is a bundle of permissions. What no scope names, such as managing accounts, no app and no machine does.
"""

from collections.abc import Iterable
from enum import StrEnum

from .actor import Permission

P = Permission


class Scope(StrEnum):
    PROFILE = "profile"
    APPOINTMENTS_READ = "appointments:read"
    APPOINTMENTS_WRITE = "appointments:write"
    PATIENTS_READ = "patients:read"
    PATIENTS_WRITE = "patients:write"
    RECORDS_READ = "records:read"
    RECORDS_WRITE = "records:write"
    SCHEDULE_WRITE = "schedule:write"
    CLINIC_READ = "clinic:read"
    AUDIT_READ = "audit:read"


_SEE_VISITS = frozenset({P.APPOINTMENTS_OWN, P.APPOINTMENTS_TREATED, P.APPOINTMENTS_ALL})
_SEE_PATIENTS = frozenset({
    P.PATIENTS_OWN, P.PATIENTS_TREATED, P.PATIENTS_VISITING, P.PATIENTS_ALL, P.PATIENTS_FIND,
})  # fmt: skip
_READ_RECORDS = frozenset({P.RECORDS_OWN, P.RECORDS_TREATED, P.RECORDS_LOCATION})
PERMISSIONS: dict[Scope, frozenset[Permission]] = {
    Scope.PROFILE: frozenset(),
    Scope.APPOINTMENTS_READ: _SEE_VISITS,
    Scope.APPOINTMENTS_WRITE: _SEE_VISITS | {
        P.APPOINTMENTS_BOOK_OWN, P.APPOINTMENTS_BOOK_ALL, P.APPOINTMENTS_FIT_IN, P.APPOINTMENTS_OVERRIDE,
        P.APPOINTMENTS_CANCEL, P.APPOINTMENTS_RECEIVE, P.APPOINTMENTS_ATTEND_OWN, P.APPOINTMENTS_ATTEND_ALL,
        P.APPOINTMENTS_CLOSE_ALL, P.APPOINTMENTS_CORRECT, P.DOCTORS_DELAY_OWN, P.DOCTORS_DELAY_ALL,
    },
    Scope.PATIENTS_READ: _SEE_PATIENTS,
    Scope.PATIENTS_WRITE: _SEE_PATIENTS | {P.PATIENTS_CHANGE, P.PATIENTS_REGISTER},
    Scope.RECORDS_READ: _READ_RECORDS,
    Scope.RECORDS_WRITE: _READ_RECORDS | {P.RECORDS_WRITE},
    Scope.SCHEDULE_WRITE: frozenset({P.HOURS_CHANGE_OWN, P.HOURS_CHANGE_ALL}),
    Scope.CLINIC_READ: frozenset({P.CLINIC_READ}),
    Scope.AUDIT_READ: frozenset({P.AUDIT_READ}),
}  # fmt: skip
# What whoever is asked for them reads.
IN_WORDS: dict[Scope, str] = {
    Scope.PROFILE: "See your name and your e-mail address",
    Scope.APPOINTMENTS_READ: "See visits",
    Scope.APPOINTMENTS_WRITE: "See, book, move and cancel visits",
    Scope.PATIENTS_READ: "See personal details of patients whom you may see, yours if you are one",
    Scope.PATIENTS_WRITE: "See and change such personal details",
    Scope.RECORDS_READ: "Read medical records that you may read",
    Scope.RECORDS_WRITE: "Read and write medical records that you may read and write",
    Scope.SCHEDULE_WRITE: "Change opening hours and time off",
    Scope.CLINIC_READ: "See the clinic's rooms",
    Scope.AUDIT_READ: "Read the audit trail",
}


def in_words(scope: str) -> list[str]:
    """What the scopes in it let somebody do, as people are told."""
    names = scope.split()
    return [words for name, words in IN_WORDS.items() if name in names]


def permitted_by(scopes: Iterable[str]) -> frozenset[Permission]:
    """All that the scopes name. A word that is no scope of ours names nothing."""
    return frozenset[Permission]().union(*(PERMISSIONS[Scope(name)] for name in scopes if name in PERMISSIONS))


def granted(asked: str, allowed: Iterable[str]) -> str | None:
    """The scopes to be given to a client that may be `allowed` these: those asked for, or all of them if none were.
    None if one of them is not allowed."""
    wanted, may = set(asked.split()), set(allowed)
    return " ".join(sorted(wanted or may)) if wanted <= may and (wanted or may) else None
