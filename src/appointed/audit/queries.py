"""Searching the trail, the newest rows first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.names import prefix_pattern
from appointed.core.paging import Page, page_of

from .models import AuditEvent

_EQUAL = ("actor_id", "patient_id", "entity", "entity_id", "outcome", "request_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list: rows recorded in [`from_`, `to`). `action` is one, or with a dot at its end all that begin so. None
    is everything."""

    from_: datetime | None = None
    to: datetime | None = None
    actor_id: UUID | None = None
    patient_id: UUID | None = None
    action: str | None = None
    entity: str | None = None
    entity_id: UUID | None = None
    outcome: str | None = None
    request_id: str | None = None


async def page(session: AsyncSession, filters: Filter, *, limit: int, cursor: str | None) -> Page[AuditEvent]:
    given = {name: getattr(filters, name) for name in _EQUAL if getattr(filters, name) is not None}
    query = select(AuditEvent).filter_by(**given)
    if filters.from_ is not None:
        query = query.where(AuditEvent.recorded_at >= filters.from_)
    if filters.to is not None:
        query = query.where(AuditEvent.recorded_at < filters.to)
    if filters.action is not None and filters.action.endswith("."):
        query = query.where(AuditEvent.action.like(prefix_pattern(filters.action), escape="\\"))
    elif filters.action is not None:
        query = query.where(AuditEvent.action == filters.action)
    keys = [AuditEvent.recorded_at, AuditEvent.id]
    return await page_of(session, query, keys, limit=limit, cursor=cursor, is_descending=True)
