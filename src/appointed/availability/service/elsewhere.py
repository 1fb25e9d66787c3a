"""Whether a doctor's hours at two locations overlap."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.availability import queries
from appointed.availability.errors import HoursOverlap
from appointed.availability.models import Schedule
from appointed.availability.overlaps import OPENING, open_rows, overlaps
from appointed.availability.walltime import Hours, instant_of

MOST_LOOKED_AT = 200


async def check_elsewhere_at(session: AsyncSession, location_id: UUID, now: datetime) -> None:
    """`check_elsewhere` of everybody who has hours there, when the clock on its wall has changed. All are locked."""
    rows = await session.execute(select(Schedule.doctor_id, Schedule.id).where(Schedule.location_id == location_id))
    theirs: dict[UUID, list[UUID]] = {}
    for doctor_id, schedule_id in rows.all():
        theirs.setdefault(doctor_id, []).append(schedule_id)
    for doctor_id, changed in theirs.items():
        await check_elsewhere(session, doctor_id, changed, now)


async def check_elsewhere(session: AsyncSession, doctor_id: UUID, changed: Collection[UUID], now: datetime) -> None:
    """`HoursOverlap`, with the rows in the way, if the changed rows, or what they leave open at their locations,
    overlap with hours at another location: those of the season in which they first do. The doctor is locked, and what
    changed is flushed."""
    rows = await queries.hours_by_id(session, doctor_id)
    if len({row.location_id for row in rows.values()}) < 2:
        return
    # What no longer takes time away leaves open whatever lies at its location.
    freed = {rows[id_].location_id for id_ in changed if rows[id_].kind not in OPENING}
    asked = {id_ for id_, row in rows.items() if id_ in changed or row.location_id in freed}
    for season in overlaps(rows.values(), now.date()):
        if found := _in_the_way(rows, asked, season):
            first_at = instant_of(min(found.values()))
            raise HoursOverlap(extra={"hours": sorted(map(str, found)), "first_at": first_at.isoformat()})


def _in_the_way(rows: Mapping[UUID, Hours], asked: Collection[UUID], season: Sequence[int]) -> dict[UUID, int]:
    """The rows that are open elsewhere when one that is asked about is, and the tick at which they first are."""
    found: dict[UUID, int] = {}
    for number, tick in enumerate(season):
        if found and number >= MOST_LOOKED_AT:
            break
        there = {id_: rows[id_].location_id for id_ in open_rows(rows, tick)}
        places = {place for id_, place in there.items() if id_ in asked}
        for id_, place in there.items():
            if places - {place}:
                found.setdefault(id_, tick)
    return found
