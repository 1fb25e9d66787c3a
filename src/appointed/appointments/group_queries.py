"""Reading group sessions, which are for everybody to see; who takes part is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of

from .models import Appointment, GroupSession
from .rules import UPCOMING


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list; sessions that start in [`from_`, `to`). None is everything."""

    from_: datetime | None = None
    to: datetime | None = None
    doctor_id: UUID | None = None


async def get(session: AsyncSession, session_id: UUID) -> GroupSession:
    """As it is in the database now, whatever was read before."""
    query = select(GroupSession).where(GroupSession.id == session_id).execution_options(populate_existing=True)
    group: GroupSession | None = await session.scalar(query)
    if group is None:
        raise NotFound
    return group


async def page(session: AsyncSession, filters: Filter, *, limit: int, cursor: str | None) -> Page[GroupSession]:
    """Those that take place, by their start."""
    query = select(GroupSession).where(GroupSession.cancelled_at.is_(None))
    if filters.from_ is not None:
        query = query.where(GroupSession.starts_at >= filters.from_)
    if filters.to is not None:
        query = query.where(GroupSession.starts_at < filters.to)
    if filters.doctor_id is not None:
        query = query.where(GroupSession.doctor_id == filters.doctor_id)
    return await page_of(session, query, [GroupSession.starts_at, GroupSession.id], limit=limit, cursor=cursor)


async def taken_seats(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, int]:
    """How many seats are taken, by session; of none where nobody takes part."""
    query = (
        select(Appointment.session_id, func.count(Appointment.id))
        .where(Appointment.session_id.in_(ids), Appointment.seat.is_not(None))
        .group_by(Appointment.session_id)
    )
    rows = (await session.execute(query)).all() if ids else []
    return {session_id: taken for session_id, taken in rows if session_id}


async def free_seat(session: AsyncSession, group: GroupSession) -> int | None:
    """The lowest seat, from 0 up to the capacity; None if all are taken. Call it with the session locked."""
    held = select(Appointment.seat).where(Appointment.session_id == group.id, Appointment.seat.is_not(None))
    taken = set((await session.scalars(held)).all())
    return next((seat for seat in range(group.capacity) if seat not in taken), None)


async def places_of(session: AsyncSession, session_id: UUID) -> Sequence[Appointment]:
    """Places that can be given up, by id."""
    query = select(Appointment).where(Appointment.session_id == session_id, Appointment.status.in_(UPCOMING))
    return (await session.scalars(query.order_by(Appointment.id).execution_options(populate_existing=True))).all()
