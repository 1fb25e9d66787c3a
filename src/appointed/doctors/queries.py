"""Finding doctors."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.names import prefix_pattern, search_key
from appointed.core.paging import Page, page_of

from .models import Doctor


async def find(session: AsyncSession, doctor_id: UUID) -> Doctor | None:
    found: Doctor | None = await session.scalar(select(Doctor).where(Doctor.id == doctor_id))
    return found


async def find_own(session: AsyncSession, user_id: UUID) -> Doctor | None:
    """The doctor that the user is."""
    found: Doctor | None = await session.scalar(select(Doctor).where(Doctor.user_id == user_id))
    return found


async def page(
    session: AsyncSession, *, q: str = "", specialization: str = "", is_active: bool, limit: int, cursor: str | None
) -> Page[Doctor]:
    """By last name; `q` is how the last name begins."""
    query = select(Doctor).where(Doctor.is_active == is_active)
    if q:
        query = query.where(Doctor.last_name_key.like(prefix_pattern(q), escape="\\"))
    if specialization:
        query = query.where(Doctor.specialization_key == search_key(specialization))
    return await page_of(session, query, [Doctor.last_name_key, Doctor.id], limit=limit, cursor=cursor)
