"""Whether the trail is as it was recorded: every row by its signature, what is sealed by the chain, and the end of the
chain by the heads outside the database."""

import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.crypto import Vault
from appointed.core.db import vault_of
from appointed.core.ids import made_at

from .chain import START, Head, Link, hangs
from .keys import retired
from .models import AuditEvent, AuditSeal
from .sealer import IS_SEALED
from .trail import is_as_signed

PAGE = 5_000
_EVENT = tuple(AuditEvent.__table__.columns)
_SEALED = (
    select(AuditSeal.seq, AuditSeal.event_id, AuditSeal.hash, *_EVENT)
    .join(AuditEvent, AuditEvent.id == AuditSeal.event_id, isouter=True)
    .order_by(AuditSeal.seq)
    .limit(PAGE)
)
_UNSEALED = select(*_EVENT).where(~IS_SEALED).order_by(AuditEvent.id).limit(PAGE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded. `seq` is the place in the trail, where there is one."""

    what: str
    seq: int | None = None
    event_id: UUID | None = None

    def __str__(self) -> str:
        where = [f"place {self.seq}" if self.seq is not None else "", f"row {self.event_id}" if self.event_id else ""]
        return f"{self.what} ({', '.join(filter(None, where))})" if any(where) else self.what


@dataclass(slots=True)
class Report:
    """What was looked at and found. Rows that are not sealed yet are nothing bad by themselves."""

    sealed: int = 0
    unsealed: int = 0
    oldest_unsealed_at: datetime | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.findings


async def verify(
    session: AsyncSession, heads: Path, *, on_progress: Callable[[int], None] = lambda _rows: None
) -> Report:
    """Look at all of the trail; `on_progress` is told how many rows were looked at, now and then."""
    report = Report()
    trail_keys, unreadable = await retired(session)
    report.findings += [
        Finding(f"the key {key_id}, which signed until it was retired, was altered") for key_id in unreadable
    ]
    vault = vault_of(session).trusting(trail_keys)
    known = _heads(heads, vault, report)
    seq = 0
    before: bytes | None = START
    async for row in _pages(session, _SEALED, AuditSeal.seq, "seq"):
        if row.seq != seq + 1:
            report.findings.append(Finding(f"the seals {seq + 1} to {row.seq - 1} are missing"))
            before = None
        seq, before = row.seq, _check_sealed(row, before, vault, report)
        if head := known.pop(seq, None):
            _check_head(head, row.hash, report)
        report.sealed += 1
        if report.sealed % PAGE == 0:
            on_progress(report.sealed)
    for beyond in sorted(known):
        report.findings.append(Finding("the trail was cut: a head outside the database knows of this", beyond))
    await _check_unsealed(session, vault, report)
    on_progress(report.sealed + report.unsealed)
    return report


def _heads(file: Path, vault: Vault, report: Report) -> dict[int, Head]:
    """By their place in the trail, those that are genuine."""
    found: dict[int, Head] = {}
    if not file.exists():
        report.findings.append(Finding(f"there is no {file.name}: whether the trail was cut at its end is not known"))
        return found
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        try:
            head = Head.read(line)
        except ValueError:
            report.findings.append(Finding(f"line {number} of {file.name} is no head"))
            continue
        if head.is_genuine(vault):
            found[head.seq] = head
        else:
            report.findings.append(Finding(f"line {number} of {file.name} was altered"))
    return found


def _check_sealed(row: Row[Any], before: bytes | None, vault: Vault, report: Report) -> bytes:
    """The hash on which the next seal has to hang."""
    if row.id is None:
        report.findings.append(Finding("a row that was sealed is missing", row.seq, row.event_id))
    elif not _is_as_signed(row, vault):
        report.findings.append(Finding("a row was altered", row.seq, row.event_id))
    elif before is not None and not hangs(vault, Link(row.seq, row.event_id, row.hash), before, row.signature):
        report.findings.append(Finding("a seal does not hang on the one before it", row.seq, row.event_id))
    hash_: bytes = row.hash
    return hash_


def _check_head(head: Head, hash_: bytes, report: Report) -> None:
    if not hmac.compare_digest(head.hash, hash_):
        report.findings.append(Finding("a head outside the database knows another seal here", head.seq))


async def _check_unsealed(session: AsyncSession, vault: Vault, report: Report) -> None:
    async for row in _pages(session, _UNSEALED, AuditEvent.id, "id"):
        if not _is_as_signed(row, vault):
            report.findings.append(Finding("a row was altered, or not recorded by us", None, row.id))
        report.oldest_unsealed_at = report.oldest_unsealed_at or made_at(row.id)
        report.unsealed += 1


def _is_as_signed(row: Row[Any], vault: Vault) -> bool:
    try:
        return is_as_signed(vault, row._asdict())
    except (TypeError, AttributeError):
        return False


async def _pages(session: AsyncSession, query: Any, column: Any, name: str) -> AsyncIterator[Row[Any]]:
    """A page at a time: the trail is longer than what fits into memory."""
    after: Any = None
    while True:
        rows = (await session.execute(query if after is None else query.where(column > after))).all()
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        after = getattr(rows[-1], name)
