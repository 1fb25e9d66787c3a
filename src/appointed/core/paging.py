"""Keyset pages: stable under inserts, bounded in size."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from .errors import Invalid
from .text import check_text

MOST = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items and the cursor of the next page, None on the last."""

    items: Sequence[T]
    next_cursor: str | None


async def page_of(
    session: AsyncSession,
    query: Select[Any],
    keys: Sequence[Any],
    *,
    limit: int,
    cursor: str | None,
    is_descending: bool = False,
) -> Page[Any]:
    """Up to `limit` entities of `query` after `cursor`, ascending by `keys`, whose last is unique and none is null."""
    if cursor is not None:
        # Each value is bound as its column's type: bare, a tuple's are bound as what Python calls them.
        values = [literal(value, key.type) for key, value in zip(keys, _values(keys, cursor), strict=True)]
        # The first condition says nothing new, but MySQL finds no range in a comparison of tuples.
        known, last = tuple_(*keys), tuple_(*values)
        after = (keys[0] <= values[0], known < last) if is_descending else (keys[0] >= values[0], known > last)
        query = query.where(*after)
    order = [key.desc() for key in keys] if is_descending else keys
    rows = (await session.scalars(query.order_by(*order).limit(limit + 1))).all()
    items = rows[:limit]
    more = len(rows) > limit
    return Page(items, _cursor_of([getattr(items[-1], key.key) for key in keys]) if more else None)


def _cursor_of(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, date | datetime) else str(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _values(keys: Sequence[Any], cursor: str) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [_value(key.type.python_type, text) for key, text in zip(keys, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Invalid.field("cursor", "Use the next_cursor of the page before, or leave it out.") from None


def _value(kind: type, text: Any) -> Any:
    if not isinstance(text, str):
        raise TypeError("a cursor holds texts")
    if kind is datetime:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            raise ValueError("naive")
        return parsed.astimezone(UTC)
    if kind is date:
        return date.fromisoformat(text)
    return kind(check_text(text))
