"""What can be refused: each error states its fact with a stable code and a kind; how it is shown is somebody else's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID


class Kind(Enum):
    """What sort of refusal it is. The value is the HTTP status that says so."""

    MALFORMED = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    MISSING = 404
    CONFLICT = 409
    GONE = 410
    STALE = 412
    TOO_LARGE = 413
    INVALID = 422
    TOO_MANY = 429
    UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the request that cannot be accepted. `name` is dotted: `diagnoses.0.code`."""

    name: str
    code: str
    detail: str


class AppError(Exception):
    """A refusal. `extra` joins the problem document; `patient_id` is whom the refused request was about.

    `at` is the field that an INVALID one is about, unless `fields` says it better.
    """

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = Kind.CONFLICT
    at: ClassVar[str | None] = None
    detail: str = "The request was refused."

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: Sequence[Field] = (),
        extra: Mapping[str, Any] | None = None,
        patient_id: UUID | None = None,
    ) -> None:
        self.detail = detail or self.detail
        own = [Field(self.at, self.code, self.detail)] if self.at and self.kind is Kind.INVALID else []
        self.fields = tuple(fields or own)
        self.extra = dict(extra or {})
        self.patient_id = patient_id
        super().__init__(self.detail)


class NotFound(AppError):
    """Missing, or hidden from whoever asks: the two look the same."""

    code = "not_found"
    kind = Kind.MISSING
    detail = "There is no such thing here."


class Forbidden(AppError):
    code = "forbidden"
    kind = Kind.FORBIDDEN
    detail = "Your role does not allow this."


class Unauthenticated(AppError):
    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED
    detail = "Log in first: send a valid access token as Authorization: Bearer …"


class Invalid(AppError):
    code = "invalid"
    kind = Kind.INVALID
    detail = "The request has fields that cannot be accepted."

    @classmethod
    def field(cls, name: str, detail: str, code: str | None = None) -> "Invalid":
        return cls(detail, fields=[Field(name, code or cls.code, detail)])


class VersionMismatch(AppError):
    code = "version_mismatch"
    kind = Kind.STALE
    detail = "It was changed since you read it. Read it again and repeat your change."


class Unavailable(AppError):
    code = "unavailable"
    kind = Kind.UNAVAILABLE
    detail = "The service is busy. Try again in a moment."


class TooManyRequests(AppError):
    """`seconds` is how long to wait."""

    code = "too_many_requests"
    kind = Kind.TOO_MANY
    detail = "You have asked too often. Wait a little, and ask again."

    def __init__(self, seconds: int = 1) -> None:
        super().__init__()
        self.seconds = seconds


class StartAgain(Exception):
    """What was read before the lock no longer holds: the whole request runs again."""
