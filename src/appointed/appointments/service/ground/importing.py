"""Taking a doctor's hours over from a calendar, and giving them out as one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import doctors
from appointed.accounts.actor import Actor
from appointed.availability import queries
from appointed.availability.models import Schedule
from appointed.availability.service import check_may_change, hours_in, owner_of, replace_all
from appointed.availability.vavailability import Place, Written, placed, read, write
from appointed.core.clock import Clock
from appointed.locations.models import Location

from .dealing import Affected, Cause, Dealing
from .taking import taking_ground


@dataclass(frozen=True, slots=True)
class Imported:
    """All hours of the doctor afterwards, how many of them are new and how many are gone, and whom that hits."""

    hours: Sequence[Schedule]
    added: int
    removed: int
    affected: Sequence[Affected]


async def export_hours(session: AsyncSession, doctor_id: UUID, now: datetime) -> bytes:
    """The doctor's hours, breaks and exceptions as an iCalendar document."""
    doctor = await doctors.get(session, doctor_id)
    rows = await queries.of_doctors(session, [doctor.id])
    places = {place.id: place for place in await _places(session)}
    return write(doctor.id, [Written(row.id, hours_in(row), places[row.location_id]) for row in rows], now)


async def import_hours(
    session: AsyncSession, actor: Actor, doctor_id: UUID | None, content: bytes, dealing: Dealing, *, clock: Clock
) -> Imported:
    """Have the doctor's hours be those of the calendar and no others; without `doctor_id`, of the doctor who asks.

    What is there just so stays. All of it is done or nothing, and whoever may not change hours at a location may not
    have any changed there.
    """
    # Before the first statement: a long calendar takes a while, and others are served meanwhile.
    said = await asyncio.to_thread(read, content)
    doctor = await owner_of(session, actor, doctor_id)
    async with taking_ground(session, actor, [doctor.id], dealing, Cause.HOURS_CHANGED, clock=clock) as taking:
        wanted = Counter(placed(said, await _places(session)))
        gone: list[Schedule] = []
        kept: list[Schedule] = []
        for row in await queries.of_doctors(session, [doctor.id]):
            (kept if wanted[hours_in(row)] > 0 else gone).append(row)
            wanted[hours_in(row)] -= 1
        come = list((+wanted).elements())
        changed = {row.location_id for row in gone} | {hours.location_id for hours in come if hours.location_id}
        await check_may_change(session, actor, doctor, changed)
        made = await replace_all(session, doctor.id, gone, come, by=actor.user_id, now=taking.now)
    hours = sorted([*kept, *made], key=lambda row: (row.weekday, row.start_minute, row.id))
    return Imported(hours, len(made), len(gone), taking.affected)


async def _places(session: AsyncSession) -> list[Place]:
    rows = await session.execute(select(Location.id, Location.name, Location.timezone, Location.is_default))
    return [Place(row.id, row.name, row.timezone, bool(row.is_default)) for row in rows.all()]
