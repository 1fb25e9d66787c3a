"""Rows of several tables that are written together: one statement on PostgreSQL, one a table elsewhere."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Dialect, Table, insert
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

Row = Mapping[str, Any]
_DIALECT: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def put(session: AsyncSession, table: Any, rows: Iterable[Row]) -> None:
    """Have `rows` inserted by the next `flush`, at the latest before the commit; one table's have the same keys."""
    if new := list(rows):
        session.info.setdefault("batch", {}).setdefault(table, []).extend(new)


async def flush(session: AsyncSession) -> None:
    """Insert what was put, tables in the order of their first row.

    Raises `IntegrityError` when a key refuses a row; `core.db.constraint_of` tells which.
    """
    pending: dict[Table, list[Row]] = session.info.pop("batch", {})
    if not pending:
        return
    await session.flush()
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        for table, rows in pending.items():
            await connection.execute(insert(table), [dict(row) for row in rows])
        return
    plan = _plan(tuple((table, tuple(rows[0]), len(rows) > 1) for table, rows in pending.items()))
    values = [value_of(rows) for rows, of in zip(pending.values(), plan.values, strict=True) for value_of in of]
    await connection.exec_driver_sql(plan.statement, tuple(values))


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement, and for each table what makes its parameters of the rows."""

    statement: str
    values: Sequence[Sequence[Callable[[list[Row]], Any]]]


@lru_cache(maxsize=256)
def _plan(shape: tuple[tuple[Table, tuple[str, ...], bool], ...]) -> _Plan:
    """One INSERT a table, fed by its columns' values, or by arrays of them where there are many rows; all but the last
    are data-modifying common table expressions (PostgreSQL manual, section 7.8.4)."""
    inserts: list[str] = []
    position = 0
    for table, names, are_many in shape:
        numbered = enumerate((_type_name(table.c[name]) for name in names), position + 1)
        position += len(names)
        given = [f"${number}::{kind}{'[]' if are_many else ''}" for number, kind in numbered]
        source = ("SELECT * FROM unnest({})" if are_many else "VALUES ({})").format(", ".join(given))
        # Names of tables and columns are the models' own, never a request's.
        inserts.append(f"INSERT INTO {table.name} ({', '.join(names)}) {source}")
    parts = [f"part_{number} AS ({part})" for number, part in enumerate(inserts[:-1])]
    values = [[_value_of(table.c[name], name, are_many=are_many) for name in names] for table, names, are_many in shape]
    return _Plan((f"WITH {', '.join(parts)} " if parts else "") + inserts[-1], values)


def _type_name(column: Any) -> str:
    """The column's type without its collation, which a cast to an array cannot carry."""
    return str(column.type.compile(dialect=_DIALECT)).partition(" COLLATE")[0]


def _value_of(column: Column[Any], name: str, *, are_many: bool) -> Callable[[list[Row]], Any]:
    """What makes the parameter of one row or of many, as the column's type binds it: nobody else would ask it here."""
    bind = column.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    if bind is None:
        return (lambda rows: [row[name] for row in rows]) if are_many else (lambda rows: rows[0][name])
    return (lambda rows: [bind(row[name]) for row in rows]) if are_many else (lambda rows: bind(rows[0][name]))
