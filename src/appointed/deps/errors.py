"""Refusals on their way out: recorded where they must be, then shown as problem documents."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.accounts.errors import FailedLogin, LockedOut
from appointed.core.db import transaction
from appointed.core.errors import AppError, Invalid, Kind, TooManyRequests, Unavailable
from appointed.core.idempotency import Replayed
from appointed.core.problems import MEDIA_TYPE, fields_of, problem, problem_of

from .idempotency import answered_meanwhile
from .state import state_of

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2
CODES = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
# What serves a folder's files is not found again by its path.
FILES = ("GET", "HEAD")
REFUSED = frozenset({Kind.FORBIDDEN, Kind.MISSING})


async def show_app_error(request: Request, error: Exception) -> Response:
    """A refusal of ours. Of an actor, one that kept something from them is recorded first; so is every failed login."""
    assert isinstance(error, AppError)  # noqa: S101 - what it is registered for
    known = await answered_meanwhile(request, error)
    if isinstance(known, Replayed):
        return await show_replayed(request, known)
    error = known
    if not await is_recorded(request, error):
        error = Unavailable("The refusal could not be recorded.")
    return answer_of(error)


def answer_of(error: AppError) -> Response:
    """The refusal as a problem document."""
    return _answer(problem_of(error), headers_of(error))


async def show_invalid(request: Request, error: Exception) -> Response:
    """Pydantic's complaints, as problem document with the fields that are at fault."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    invalid = Invalid(fields=fields_of(error.errors()))
    state_of(request).measures.refused(invalid)
    return answer_of(invalid)


async def show_http_error(request: Request, error: Exception) -> Response:
    """What the framework refused: no such path, a method that the path does not have, a body that is no JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    document = problem(error.status_code, CODES.get(error.status_code, "http_error"), str(error.detail))
    return _answer(document, {"Allow": _methods_of(request)} if error.status_code == 405 else error.headers)


async def show_replayed(request: Request, error: Exception) -> Response:
    """The answer that an equal request got before."""
    assert isinstance(error, Replayed)  # noqa: S101 - what it is registered for
    return Response(error.body, error.status, {"Idempotency-Replayed": "true"}, media_type="application/json")


async def show_failure(request: Request, error: Exception) -> Response:
    """A defect: its trace goes to the log, and nothing of it leaves."""
    log.error("request_failed", route=_route_of(request), error=type(error).__name__, exc_info=error)
    return _answer(problem(500, "internal_error", "Something went wrong on our side. It has been noted."))


async def is_recorded(request: Request, error: AppError) -> bool:
    """Whether the refusal is in the trail, if it belongs there. It is counted, too."""
    state_of(request).measures.refused(error)
    actor: Actor | None = getattr(request.state, "actor", None)
    login = error if isinstance(error, FailedLogin) else None
    if login is None and (actor is None or (error.kind not in REFUSED and error.patient_id is None)):
        return True
    state, ids = state_of(request), _ids_in(request)
    named = ids.pop("patient_id", None)
    patient_id = error.patient_id or named
    entity_id = login.user_id if login else None
    try:
        async with transaction(state.database.writes) as session:
            audit.record(
                session, state.clock.now(), actor.user_id if actor else None,
                login.action if login else f"{request.method} {_route_of(request)}"[:100],
                "user" if login else "route", entity_id, patient_id=patient_id, outcome=error.code,
                **{name: str(value) for name, value in ids.items()},
            )  # fmt: skip
    except Exception:
        log.exception("refusal_not_recorded", code=error.code)
        return False
    return True


def _ids_in(request: Request) -> dict[str, UUID]:
    """The ids in the path, by name. What is no id may be anything that somebody typed, and stays out of the trail."""
    ids = {}
    for name, text in request.path_params.items():
        with suppress(ValueError):
            ids[name] = UUID(text)
    return ids


def _methods_of(request: Request) -> str:
    """Every method of the path. Its routes may lie in several routers, and the framework names those of the first."""
    contexts = iter_route_contexts(request.app.routes)
    matching = [each for each in contexts if each.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for each in matching for method in each.methods or ()} or FILES))


def _route_of(request: Request) -> str:
    """The route's template, which unlike the path names nobody."""
    route: Any = request.scope.get("route")
    return str(getattr(route, "path", "unrouted"))


def headers_of(error: AppError) -> dict[str, str]:
    if error.kind is Kind.UNAUTHENTICATED:
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, LockedOut | TooManyRequests):
        return {"Retry-After": str(error.seconds)}
    if error.kind is Kind.UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def _answer(document: dict[str, Any], headers: Any = None) -> Response:
    return JSONResponse(document, document["status"], dict(headers or {}), media_type=MEDIA_TYPE)
