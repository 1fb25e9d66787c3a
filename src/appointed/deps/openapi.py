"""How the API describes itself: refusals as problem documents, and an example of every body."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from appointed.accounts.errors import InvalidToken
from appointed.accounts.factors.errors import SecondFactorNeeded
from appointed.core.errors import AppError, Invalid, Kind, TooManyRequests, Unavailable, VersionMismatch
from appointed.core.idempotency import KeyReused
from appointed.core.problems import MEDIA_TYPE, problem_of

from .auth import OWN_LOGIN
from .idempotency import MalformedKey
from .retry import BodyTooLarge

REF = "#/components/schemas/{model}"
# Beside the scheme that FastAPI finds: nothing is good enough too.
LOGIN_IS_OPTIONAL: dict[str, Any] = {"security": [{}]}
BY_HEADER: dict[str, tuple[type[AppError], ...]] = {
    "idempotency-key": (MalformedKey, KeyReused),
    "if-match": (VersionMismatch,),
}


class Malformed(AppError):
    """What the framework says of a body that it cannot read."""

    code = "malformed"
    kind = Kind.MALFORMED
    detail = "There was an error parsing the body"


class ProblemField(BaseModel):
    name: str = Field(examples=["starts_at"])
    code: str = Field(examples=["timezone_aware"])
    detail: str = Field(examples=["Input should have timezone info"])


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` is for people."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: int
    detail: str
    code: str
    fields: list[ProblemField] = []


def refusals(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may be refused with these, and like every route with 429 and 503.

    What follows from a route's body, parameters and need of a login is added by itself.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    every: tuple[type[AppError], ...] = (*errors, TooManyRequests, Unavailable)
    for error in every:
        _add(responses, error.kind.value, error)
    return responses


class DocumentedApp(FastAPI):
    """An application whose operations are named like its routes.

    `edge` wraps all of it: what is added as middleware would not see the answers to failures.
    """

    def __init__(self, edge: Callable[[ASGIApp], ASGIApp], **more: Any) -> None:
        super().__init__(generate_unique_id_function=lambda route: route.name, **more)
        self._edge = edge

    def build_middleware_stack(self) -> ASGIApp:
        return self._edge(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        if Problem.__name__ not in document["components"]["schemas"]:
            _complete(document)
        return document


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    own = Problem.model_json_schema(ref_template=REF)
    schemas |= own.pop("$defs") | {Problem.__name__: own}
    for path, operation in _operations(document):
        for error in _implied(operation, is_own_login=path.startswith(OWN_LOGIN)):
            _add(operation["responses"], str(error.kind.value), error)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["example"] = _example(content["schema"], schemas)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


def _implied(operation: dict[str, Any], *, is_own_login: bool) -> Iterator[type[AppError]]:
    """What can be wrong with any request that has such parts."""
    parameters = operation.get("parameters", [])
    if "requestBody" in operation:
        yield from (Malformed, BodyTooLarge)
    if "requestBody" in operation or parameters:
        yield Invalid
    if operation.get("security"):
        yield InvalidToken
        if not is_own_login:
            yield SecondFactorNeeded
    for parameter in parameters:
        yield from BY_HEADER.get(parameter["name"], ())


def _add(responses: dict[Any, dict[str, Any]], status: int | str, error: type[AppError]) -> None:
    known = responses.get(status)
    if known is None or MEDIA_TYPE not in known.get("content", {}):
        schema = {"$ref": REF.format(model=Problem.__name__)}
        known = {"description": "", "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}
        responses[status] = known
    examples = known["content"][MEDIA_TYPE]["examples"]
    examples[error.code] = {"value": problem_of(error())}
    known["description"] = " ".join(f"`{code}`" for code in examples)


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The schema's own example, or one put together from those of its properties."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    return {name: part["examples"][0] for name, part in schema.get("properties", {}).items() if "examples" in part}
