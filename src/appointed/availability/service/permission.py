"""Who may set and take a doctor's time: that doctor, administrators, and the desk of the place."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors
from appointed.accounts.actor import Actor, Permission, Role
from appointed.availability.models import Schedule
from appointed.core.errors import Forbidden, Invalid, NotFound
from appointed.doctors.models import Doctor
from appointed.locations.queries import locations_of


async def check_may_change(session: AsyncSession, actor: Actor, doctor: Doctor, places: Collection[UUID]) -> None:
    """`Forbidden` but for that doctor, administrators, and receptionists of every one of the locations."""
    if doctor.user_id == actor.user_id and actor.may(Permission.HOURS_CHANGE_OWN):
        return
    if not actor.may(Permission.HOURS_CHANGE_ALL):
        raise Forbidden
    theirs = await assigned_to(session, actor)
    if theirs and not set(places) <= theirs:
        raise Forbidden("You do not work at this location.")


async def check_may_change_absences(session: AsyncSession, actor: Actor, doctor: Doctor) -> None:
    """Time off is nobody's place: receptionists of any location where the doctor has hours may set it."""
    theirs = await assigned_to(session, actor)
    places = set(await session.scalars(select(Schedule.location_id).where(Schedule.doctor_id == doctor.id).distinct()))
    await check_may_change(session, actor, doctor, (places & theirs) or places)


async def owner_of(session: AsyncSession, actor: Actor, doctor_id: UUID | None) -> Doctor:
    """The doctor that a new thing is for; without an id, the doctor who asks."""
    if doctor_id is None:
        own = await doctors.find_own(session, actor.user_id)
        if own is None:
            raise Invalid.field("doctor_id", "Say which doctor this is about.", "missing")
        return own
    try:
        return await doctors.get(session, doctor_id)
    except NotFound:
        raise Invalid.field("doctor_id", "There is no such doctor.", "unknown") from None


async def assigned_to(session: AsyncSession, actor: Actor) -> set[UUID]:
    """The locations that staff are assigned to; none of them is all of them, and administrators work everywhere."""
    if Role.ADMIN in actor.roles:
        return set()
    return set((await locations_of(session, [actor.user_id]))[actor.user_id])


async def may_know_why(session: AsyncSession, actor: Actor, doctor_id: UUID) -> bool:
    """Whether they are told why a doctor is away: that doctor, and the desk."""
    if actor.may(Permission.HOURS_CHANGE_ALL):
        return True
    own = await doctors.find_own(session, actor.user_id)
    return own is not None and own.id == doctor_id
