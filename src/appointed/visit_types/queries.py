"""Reading visit types, which everybody may."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of

from .models import VisitType


async def get(session: AsyncSession, visit_type_id: UUID, *, for_update: bool = False) -> VisitType:
    """With `for_update`, as it is now and behind a lock that lets visits refer to it."""
    query = select(VisitType).where(VisitType.id == visit_type_id)
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    visit_type = await session.scalar(query)
    if visit_type is None:
        raise NotFound
    return visit_type


async def page(session: AsyncSession, *, is_active: bool, limit: int, cursor: str | None) -> Page[VisitType]:
    """By name."""
    query = select(VisitType).where(VisitType.is_active == is_active)
    return await page_of(session, query, [VisitType.name, VisitType.id], limit=limit, cursor=cursor)
