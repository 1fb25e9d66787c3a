"""Pages of a list."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from appointed.core.paging import MOST

T = TypeVar("T", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items at the most.", examples=[50])]
Cursor = Annotated[str | None, Query(max_length=2_000, description="The `next_cursor` of the page before.")]


class PageOf(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = Field(examples=[None])
