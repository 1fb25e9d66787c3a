"""What concerns a visit type concerns every doctor who can be booked for it."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Actor
from appointed.appointments.models import Appointment
from appointed.core.clock import Clock
from appointed.core.errors import StartAgain
from appointed.doctors.models import Doctor
from appointed.locations.models import Location
from appointed.visit_types import queries, service
from appointed.visit_types.models import VisitType

from .dealing import Affected, Cause, Dealing, Fate
from .taking import Taking, taking_ground


@asynccontextmanager
async def taking_ground_of_type(
    session: AsyncSession,
    actor: Actor,
    visit_type_id: UUID,
    dealing: Dealing,
    cause: Cause,
    *,
    whose: Collection[UUID] | None = None,
    clock: Clock,
) -> AsyncIterator[Taking]:
    """`taking_ground` of these doctors' visits of one type, or of everybody's; the type is locked too.

    Whoever books reads the type and its offers behind the lock of the doctor alone. So that nobody is booked by what
    held before, everybody is locked, and nobody new gets hours meanwhile: setting hours takes a lock of the location.
    """
    whom = await _everybody(session) if whose is None else set(whose)
    only = Appointment.visit_type_id == visit_type_id
    async with taking_ground(session, actor, whom, dealing, cause, only=only, clock=clock) as taking:
        if whose is None:
            await session.execute(select(Location.id).order_by(Location.id).with_for_update(key_share=True))
            if await _everybody(session) - whom:
                raise StartAgain
        await queries.get(session, visit_type_id, for_update=True)
        yield taking


async def change_visit_type(
    session: AsyncSession, actor: Actor, visit_type_id: UUID, changes: Mapping[str, Any], *, clock: Clock
) -> VisitType:
    """Change what is given; visits that were marked because the type was retired lose their mark when it is back."""
    if not changes.get("is_active"):
        return await service.change(session, actor.user_id, visit_type_id, changes, now=clock.now())
    keep, cause = Dealing(Fate.KEEP), Cause.VISIT_TYPE_DEACTIVATED
    async with taking_ground_of_type(session, actor, visit_type_id, keep, cause, clock=clock) as taking:
        return await service.change(session, actor.user_id, visit_type_id, changes, now=taking.now)


async def deactivate_visit_type(
    session: AsyncSession, actor: Actor, visit_type_id: UUID, dealing: Dealing, *, clock: Clock
) -> list[Affected]:
    """Have the type booked no more; the visits that were."""
    cause = Cause.VISIT_TYPE_DEACTIVATED
    async with taking_ground_of_type(session, actor, visit_type_id, dealing, cause, clock=clock) as taking:
        await service.deactivate(session, actor.user_id, visit_type_id, now=taking.now)
    return taking.affected


async def _everybody(session: AsyncSession) -> set[UUID]:
    return set(await session.scalars(select(Doctor.id)))
