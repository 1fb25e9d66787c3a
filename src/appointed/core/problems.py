"""Errors as RFC 9457 problem documents."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from .errors import AppError, Field

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:appointed:problem:"
PARAMETERS = frozenset({"query", "path", "header", "cookie"})
LONGEST_NAME = 200


def problem(status: int, code: str, detail: str, fields: Sequence[Field] = (), **extra: Any) -> dict[str, Any]:
    """The document of RFC 9457 section 3.1, with `code` and, where fields are at fault, `fields`."""
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if fields:
        document["fields"] = [{"name": f.name, "code": f.code, "detail": f.detail} for f in fields]
    return document | extra


def problem_of(error: AppError) -> dict[str, Any]:
    return problem(error.kind.value, error.code, error.detail, error.fields, **error.extra)


def fields_of(errors: Sequence[Any]) -> list[Field]:
    """Pydantic's complaints as fields; what was sent is never repeated."""
    return [Field(_name_of(e["loc"]), str(e["type"]), str(e["msg"])) for e in errors]


def _name_of(location: Sequence[int | str]) -> str:
    """`("body", "diagnoses", 0, "code")` as `diagnoses.0.code`; the whole body is `body`, a parameter just its name.

    What is wrong with several parameters together is told of `query`.
    """
    parts = [str(part) for part in location]
    if parts[0] in PARAMETERS and len(parts) > 1:
        return parts[1]
    name = ".".join(parts[1:]) if len(parts) > 1 and not parts[1].isdigit() else parts[0]
    return name[:LONGEST_NAME]
