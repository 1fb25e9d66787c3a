"""Standing in: a doctor sees for some days whom another treats."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor
from appointed.core.errors import Invalid, NotFound
from appointed.core.ids import new_id
from appointed.core.paging import Page, page_of
from appointed.patients.models import Cover

from . import queries


async def add(
    session: AsyncSession, actor: Actor, doctor_id: UUID, by_doctor_id: UUID, first: date, last: date, *, now: datetime
) -> Cover:
    """The one doctor stands in for the other on these days, both included."""
    if last < first:
        raise Invalid.field("valid_until", "The last day must not be before the first.")
    if by_doctor_id == doctor_id:
        raise Invalid.field("by_doctor_id", "Nobody stands in for themselves.")
    doctor, other = await queries.find(session, doctor_id), await queries.find(session, by_doctor_id)
    if doctor is None:
        raise NotFound
    if other is None:
        raise Invalid.field("by_doctor_id", "There is no such doctor.", "unknown")
    cover = Cover(id=new_id(), doctor_id=doctor.id, by_doctor_id=other.id, user_id=doctor.user_id,
                  by_user_id=other.user_id, valid_from=first, valid_until=last, created_by=actor.user_id,
                  created_at=now)  # fmt: skip
    session.add(cover)
    _record(session, actor, "cover.add", cover, now)
    return cover


async def end(session: AsyncSession, actor: Actor, doctor_id: UUID, cover_id: UUID, *, now: datetime) -> Cover:
    """From now on it counts no more; ending it again changes nothing."""
    cover = await session.get(Cover, cover_id, with_for_update=True, populate_existing=True)
    if cover is None or cover.doctor_id != doctor_id:
        raise NotFound
    if cover.ended_at is None:
        cover.ended_at = now
        _record(session, actor, "cover.end", cover, now)
    return cover


async def page(session: AsyncSession, doctor_id: UUID, *, limit: int, cursor: str | None) -> Page[Cover]:
    """Who stood, stands and will stand in for the doctor, in the order in which it was entered."""
    if await queries.find(session, doctor_id) is None:
        raise NotFound
    return await page_of(session, select(Cover).where(Cover.doctor_id == doctor_id), [Cover.id], limit=limit,
                         cursor=cursor)  # fmt: skip


def _record(session: AsyncSession, actor: Actor, action: str, cover: Cover, now: datetime) -> None:
    audit.record(session, now, actor.user_id, action, "cover", cover.id, doctor_id=str(cover.doctor_id),
                 by_doctor_id=str(cover.by_doctor_id))  # fmt: skip
