"""Routes that speak RFC 6749: a form in, each parameter once, and refusals in the shape that its clients read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from appointed.core.errors import Invalid, TooManyRequests, Unavailable
from appointed.core.problems import problem_of
from appointed.deps import RetryingRoute, refusals

from .errors import OAuthError


class OAuthRoute(RetryingRoute):
    """Says `invalid_request` where other routes say 422, and all that RFC 6749 names as `application/json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_form(request: Request) -> Response:
            try:
                return await handle(request)
            except OAuthError as error:
                return answer_of(error)
            except (RequestValidationError, Invalid):
                return answer_of(OAuthError())
            except HTTPException as error:
                if error.status_code != 400:
                    raise
                return answer_of(OAuthError())

        return handle_form


def answer_of(error: OAuthError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.kind.value == 401 else None
    return JSONResponse(problem_of(error), error.kind.value, headers)


def oauth_refusals(*errors: type[OAuthError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may be refused with these; `invalid_request` is one of all."""
    responses = refusals(TooManyRequests, Unavailable)
    every: tuple[type[OAuthError], ...] = (OAuthError, *errors)
    for status in sorted({error.kind.value for error in every}):
        codes = [error for error in every if error.kind.value == status]
        responses[status] = {
            "description": " ".join(f"`{error.code}`" for error in codes),
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {error.code: {"value": problem_of(error())} for error in codes},
            }},
        }  # fmt: skip
    return responses
