"""What is one value and is given twice is refused: of several, one program takes the first and another the last."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from pydantic import BaseModel
from starlette.requests import Request

from appointed.core.errors import Field, Invalid

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Single:
    """The parameters that a route takes one value of, and the form fields of which it takes more, if it takes forms."""

    parameters: frozenset[str]
    lists: frozenset[str]
    takes_forms: bool

    @classmethod
    def of(cls, dependants: Sequence[Dependant], *, takes_forms: bool) -> "Single":
        query = {name: is_list for each in dependants for name, is_list in _named(each.query_params)}
        body = {name: is_list for each in dependants for name, is_list in _named(each.body_params)}
        return cls(
            frozenset(name for name, is_list in query.items() if not is_list),
            frozenset(name for name, is_list in body.items() if is_list),
            takes_forms or any(isinstance(each.field_info, Form) for one in dependants for each in one.body_params),
        )

    async def check(self, request: Request) -> None:
        """`Invalid`, naming what is given twice."""
        sent = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        _check(name for name, _ in sent if name in self.parameters)
        if self.takes_forms and request.headers.get("content-type", "").lower().startswith(FORMS):
            _check(name for name, _ in (await request.form()).multi_items() if name not in self.lists)


def _check(names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Invalid(fields=[Field(name[:200], REPEATED, "must not be given more than once") for name in twice[:20]])


def _named(fields: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    """The names by which they are sent, or those of the fields of their model, and whether each is a list."""
    for field in fields:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = annotation.model_fields.items()
            yield from ((each.alias or name, _is_list(each.annotation)) for name, each in inner)
        else:
            yield field.alias, _is_list(annotation)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, set, frozenset, tuple) or any(map(_is_list, get_args(annotation)))
