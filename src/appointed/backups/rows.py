"""Rows as lists that JSON can hold, and back, alike on every engine."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Date, Table, null

from appointed.core.types import Digest, Guid, Instant, SealedBytes

Codec = Callable[[Any], Any]


def encoders(table: Table) -> list[Codec]:
    return [_maybe(_codec_of(column)[0]) for column in table.c]


def decoder(table: Table, names: Sequence[str]) -> Callable[[Sequence[Any]], Mapping[str, Any]]:
    """What makes a row's values of a list that has the columns `names`."""
    decoders = [(name, _decoder_of(table.c[name])) for name in names]
    return lambda values: {name: decode(value) for (name, decode), value in zip(decoders, values, strict=True)}


def _codec_of(column: Column[Any]) -> tuple[Codec, Codec]:
    kind = column.type
    if isinstance(kind, Guid):
        return lambda value: value.hex, UUID
    if isinstance(kind, Instant):
        return datetime.isoformat, datetime.fromisoformat
    if isinstance(kind, Date):
        return date.isoformat, date.fromisoformat
    if isinstance(kind, Digest | SealedBytes):
        return lambda value: base64.b64encode(value).decode(), base64.b64decode
    return (lambda value: value), (lambda value: value)


def _decoder_of(column: Column[Any]) -> Codec:
    decode = _codec_of(column)[1]
    if isinstance(column.type, JSON) and column.nullable:
        # None would become JSON's null, which is something else.
        return lambda value: null() if value is None else value
    return _maybe(decode)


def _maybe(codec: Codec) -> Codec:
    return lambda value: None if value is None else codec(value)
