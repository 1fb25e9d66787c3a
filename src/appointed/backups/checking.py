"""Whether a database is whole: rows, foreign keys, sealed values and their indexes, and the audit trail."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import ForeignKeyConstraint, Row, and_, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.crypto import Vault
from appointed.core.db import vault_of
from appointed.core.sealing import SealedColumn, sealed_columns
from appointed.migrations import target_metadata

ROWS_AT_ONCE = 1_000
MOST_FINDINGS = 1_000


@dataclass(slots=True)
class Checked:
    """What was looked at, and what is not as it should be."""

    rows: int = 0
    foreign_keys: int = 0
    sealed: int = 0
    trail: int = 0
    findings: list[str] = field(default_factory=list)


async def check(
    session: AsyncSession,
    heads: Path,
    *,
    expected: Mapping[str, int] | None = None,
    on_progress: Callable[[str], None] = lambda _what: None,
) -> Checked:
    """Look at all of it. `expected` says how many rows each table should have, where that is known."""
    checked = Checked()
    on_progress("Counting rows")
    await _count(session, expected, checked)
    on_progress("Looking at foreign keys")
    for table in target_metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            await _check_foreign_key(session, constraint, checked)
    for name, columns in groupby(sealed_columns(), key=lambda each: each.table.name):
        on_progress(f"Opening what is sealed in {name}")
        await _check_sealed(session, list(columns), checked)
    on_progress("Looking at the audit trail")
    report = await audit.verify(session, heads)
    checked.trail = report.sealed + report.unsealed
    checked.findings += [f"audit trail: {finding}" for finding in report.findings]
    return checked


async def _count(session: AsyncSession, expected: Mapping[str, int] | None, checked: Checked) -> None:
    for table in target_metadata.sorted_tables:
        count = await session.scalar(select(func.count()).select_from(table)) or 0
        checked.rows += count
        if expected is not None and count != expected.get(table.name, 0):
            checked.findings.append(f"{table.name} has {count:,} rows instead of {expected.get(table.name, 0):,}")


async def _check_foreign_key(session: AsyncSession, constraint: ForeignKeyConstraint, checked: Checked) -> None:
    """That every row's parent is there."""
    parent = constraint.referred_table.alias("parent")
    pairs = [(element.parent, parent.c[element.column.name]) for element in constraint.elements]
    orphans = (
        select(func.count())
        .select_from(constraint.table.outerjoin(parent, and_(*(child == there for child, there in pairs))))
        .where(*(child.is_not(None) for child, _ in pairs), pairs[0][1].is_(None))
    )
    checked.foreign_keys += 1
    if count := await session.scalar(orphans):
        named = ", ".join(child.name for child, _ in pairs)
        checked.findings.append(f"{constraint.table.name}.{named} of {count:,} rows names what is not there")


async def _check_sealed(session: AsyncSession, columns: Sequence[SealedColumn], checked: Checked) -> None:
    vault = vault_of(session)
    async for row in _rows(session, columns):
        for each in columns:
            sealed = getattr(row, each.column.name)
            checked.sealed += sealed is not None
            if (fault := _fault_of(row, each, sealed, vault)) and len(checked.findings) < MOST_FINDINGS:
                checked.findings.append(f"{each.path} of {row.id} {fault}")


def _fault_of(row: Row[Any], each: SealedColumn, sealed: bytes | None, vault: Vault) -> str | None:
    try:
        text = vault.open_maybe(each.table.name, each.name, row.id, sealed)
    except InvalidTag:
        return "cannot be opened"
    key = vault.key_of(sealed) if sealed is not None else vault.current
    are_right = all(getattr(row, name) == hash_ for name, hash_ in each.index_values(key, text).items())
    return None if are_right else "is not found by its index"


async def _rows(session: AsyncSession, columns: Sequence[SealedColumn]) -> AsyncIterator[Row[Any]]:
    """A page at a time, in the order of the primary key."""
    table = columns[0].table
    keys = list(table.primary_key)
    wanted = dict.fromkeys([*keys, table.c.id, *(each.column for each in columns),
                            *(index for each in columns for index in each.indexes)])  # fmt: skip
    query = select(*wanted).order_by(*keys).limit(ROWS_AT_ONCE)
    rows = (await session.execute(query)).all()
    while rows:
        for row in rows:
            yield row
        after = [literal(getattr(rows[-1], key.name), key.type) for key in keys]
        rows = (await session.execute(query.where(keys[0] >= after[0], tuple_(*keys) > tuple_(*after)))).all()
