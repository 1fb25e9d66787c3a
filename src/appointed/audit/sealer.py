"""Sealing what was recorded: committed rows are chained, and how far the chain goes is written down outside the
database."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import ColumnElement, exists, insert, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core import leases
from appointed.core.db import Database, transaction, vault_of
from appointed.core.ids import first_id_at, made_at, new_id

from .chain import Head, Link, links
from .models import AuditEvent, AuditSeal

MOST = 2_000
EVERY = timedelta(seconds=4)
LOOK_BACK = timedelta(minutes=10)
"""A row has its id before its transaction commits, and by the clock of its machine."""
IS_SEALED = exists(select(AuditSeal.seq).where(AuditSeal.event_id == AuditEvent.id))
_TAIL_BYTES = 4_096


def heads_in(var_dir: Path) -> Path:
    """The file of signed heads: a line each, the last one last."""
    return var_dir / "audit-heads.jsonl"


async def seal_if_due(database: Database, heads: Path, now: datetime) -> int:
    """Seal, if there is something new and nobody did so within four seconds; how many rows."""
    async with database.reads() as session:
        last = await last_link(session)
        is_due = bool(await _unsealed(session, last, 1)) or (last is not None and not _is_written(heads, last.seq))
    if is_due and await leases.take(database.writes, "audit-sealer", new_id(), EVERY, now):
        return await seal(database, heads, now)
    return 0


async def seal(database: Database, heads: Path, now: datetime, *, is_thorough: bool = False) -> int:
    """Seal what is committed, and write down how far the chain goes; how many rows. `is_thorough` looks at every row,
    however long ago it was made."""
    sealed, count = 0, MOST
    while count == MOST:
        count = await _seal_some(database, is_thorough=is_thorough)
        sealed += count
    # After the commit: a head that the database has not reached would look like a trail that was cut.
    async with database.reads() as session:
        last = await last_link(session)
        if last and not _is_written(heads, last.seq):
            _append(heads, Head.of(vault_of(session), last.seq, last.hash, now))
    return sealed


async def oldest_unsealed(session: AsyncSession) -> datetime | None:
    """When the oldest row was made that no seal is about."""
    rows = await _unsealed(session, await last_link(session), 1)
    return made_at(rows[0][0]) if rows else None


async def sealed_up_to(session: AsyncSession) -> int:
    """The number of the last seal; 0 before the first."""
    last = await last_link(session)
    return last.seq if last else 0


async def last_link(session: AsyncSession) -> Link | None:
    query = select(AuditSeal.seq, AuditSeal.event_id, AuditSeal.hash).order_by(AuditSeal.seq.desc()).limit(1)
    row = (await session.execute(query)).one_or_none()
    return Link(*row) if row else None


async def _seal_some(database: Database, *, is_thorough: bool) -> int:
    async with transaction(database.writes) as session:
        last = await last_link(session)
        rows = await _unsealed(session, None if is_thorough else last, MOST)
        new = [each._asdict() for each in links(vault_of(session), last, rows)]
        if new:
            await session.execute(insert(AuditSeal), new)
    return len(new)


async def _unsealed(session: AsyncSession, last: Link | None, limit: int) -> Sequence[tuple[UUID, bytes]]:
    """Rows with their signatures, in the order in which they were made; not those long before the last that is
    sealed."""
    recent: ColumnElement[bool] = true()
    if last:
        recent = AuditEvent.id >= first_id_at(made_at(last.event_id) - LOOK_BACK)
    query = select(AuditEvent.id, AuditEvent.signature).where(recent, ~IS_SEALED).order_by(AuditEvent.id).limit(limit)
    return [(row.id, row.signature) for row in (await session.execute(query)).all()]


def _is_written(heads: Path, seq: int) -> bool:
    """Whether the last line says so."""
    if not heads.exists():
        return False
    with heads.open("rb") as file:
        file.seek(max(0, heads.stat().st_size - _TAIL_BYTES))
        lines = file.read().splitlines()
    try:
        return Head.read(lines[-1].decode()).seq == seq
    except (ValueError, IndexError):
        return False


def _append(heads: Path, head: Head) -> None:
    """In one write, and on the disk before anybody goes on."""
    heads.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(heads, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, head.line().encode())
        os.fsync(file)
    finally:
        os.close(file)
