"""Lock resources; take, free and read their time. Every path that changes who is busy comes through here."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core import batch
from appointed.core.errors import NotFound
from appointed.core.types import ids_of

from .models import BusyTick, Resource


@dataclass(frozen=True, slots=True)
class Claim:
    """Ticks `first` up to but not including `last` of one resource; those before `visit_first` and from `visit_last`
    on are buffer."""

    resource_id: UUID
    first: int
    last: int
    visit_first: int
    visit_last: int


@dataclass(frozen=True, slots=True)
class Busy:
    """A run of busy ticks of one resource, `first` up to but not including `last`."""

    resource_id: UUID
    first: int
    last: int
    is_buffer: bool


# Statements are put together once: that costs more than sending them.
_IDS = ids_of("ids")
_LOCK = (
    select(Resource.id)
    .where(Resource.id.in_(_IDS))
    .order_by(Resource.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_RELEASE = delete(BusyTick).where(BusyTick.owner_id == bindparam("owner"))
_LAST_TICKS = (
    select(BusyTick.resource_id, func.max(BusyTick.tick))
    .where(BusyTick.owner_id == bindparam("owner"))
    .group_by(BusyTick.resource_id)
    .order_by(BusyTick.resource_id)
)
_THEIRS = (BusyTick.owner_id == bindparam("owner"), BusyTick.resource_id == bindparam("resource"))
_FREE = delete(BusyTick).where(*_THEIRS, BusyTick.tick >= bindparam("end"))
_MAKE_BUFFER = (
    update(BusyTick).where(*_THEIRS, BusyTick.tick >= bindparam("at"), BusyTick.tick < bindparam("end"))
    .values(is_buffer=True).execution_options(synchronize_session=False)
)  # fmt: skip
_RUN = BusyTick.tick - func.row_number().over(
    partition_by=(BusyTick.resource_id, BusyTick.is_buffer), order_by=BusyTick.tick
)
_WITHIN = (
    BusyTick.resource_id.in_(_IDS),
    BusyTick.tick >= bindparam("first"),
    BusyTick.tick < bindparam("last"),
)
_EXPIRED = select(BusyTick.owner_id).where(*_WITHIN, BusyTick.expires_at <= bindparam("now")).distinct()
_HOLD_UNTIL = (
    update(BusyTick).where(BusyTick.owner_id == bindparam("owner")).values(expires_at=bindparam("until"))
    .execution_options(synchronize_session=False)
)  # fmt: skip
_IN_THE_WAY = (
    *_WITHIN,
    or_(BusyTick.expires_at.is_(None), BusyTick.expires_at > bindparam("now")),
)


def _runs(*where: ColumnElement[bool]) -> Select[Any]:
    ticks = select(BusyTick.resource_id, BusyTick.tick, BusyTick.is_buffer, _RUN.label("run")).where(*where).subquery()
    return (
        select(ticks.c.resource_id, func.min(ticks.c.tick), func.max(ticks.c.tick) + 1, ticks.c.is_buffer)
        .group_by(ticks.c.resource_id, ticks.c.is_buffer, ticks.c.run)
        .order_by(ticks.c.resource_id, func.min(ticks.c.tick))
    )


_BUSY = _runs(*_IN_THE_WAY)
_BUSY_OTHERWISE = _runs(*_IN_THE_WAY, BusyTick.owner_id != bindparam("ignoring"))


async def lock(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Lock the resources in id order until the transaction ends. `NotFound` if one does not exist."""
    wanted = sorted(set(ids))
    rows = await session.scalars(_LOCK, {"ids": wanted})
    if len(rows.all()) != len(wanted):
        raise NotFound


def add(session: AsyncSession, resource_id: UUID, kind: str) -> None:
    """Make something a resource; written before the row that shares its id."""
    session.add(Resource(id=resource_id, kind=kind))


def take(
    session: AsyncSession,
    claims: Iterable[Claim],
    owner_id: UUID,
    owner_kind: str,
    *,
    expires_at: datetime | None = None,
) -> None:
    """Make the claimed ticks busy, in ascending order of resource and tick, with the session's next flush."""
    rows = [
        {"resource_id": claim.resource_id, "tick": tick, "owner_id": owner_id, "owner_kind": owner_kind,
         "is_buffer": not claim.visit_first <= tick < claim.visit_last, "expires_at": expires_at}
        for claim in sorted(claims, key=lambda claim: (claim.resource_id, claim.first))
        for tick in range(claim.first, claim.last)
    ]  # fmt: skip
    batch.put(session, BusyTick.__table__, rows)


async def release(session: AsyncSession, owner_id: UUID) -> None:
    """Free the owner's ticks; freeing twice frees nothing that is not its own."""
    await session.execute(_RELEASE, {"owner": owner_id})


async def cut(session: AsyncSession, owner_id: UUID, at: int, visit_last: int) -> None:
    """End the owner's visit at the tick `at` instead of `visit_last`.

    What follows is free, but for the buffer that each resource had behind the visit, which now lies behind `at`.
    """
    rows = await session.execute(_LAST_TICKS, {"owner": owner_id})
    for resource_id, last in rows.all():
        after = max(0, last + 1 - visit_last)
        theirs = {"owner": owner_id, "resource": resource_id, "at": at, "end": at + after}
        await session.execute(_FREE, theirs)
        if after:
            await session.execute(_MAKE_BUFFER, theirs)


async def expired_owners(session: AsyncSession, claims: Iterable[Claim], now: datetime) -> Sequence[UUID]:
    """Who has time around the claims that was held for them until before now, by id."""
    wanted = list(claims)
    given = {"ids": [claim.resource_id for claim in wanted], "first": min(claim.first for claim in wanted),
             "last": max(claim.last for claim in wanted), "now": now}  # fmt: skip
    return sorted((await session.scalars(_EXPIRED, given)).all())


async def hold_until(session: AsyncSession, owner_id: UUID, expires_at: datetime | None) -> None:
    """Let the owner have its ticks until then, or for good."""
    await session.execute(_HOLD_UNTIL, {"owner": owner_id, "until": expires_at})


async def busy(
    session: AsyncSession,
    ids: Collection[UUID],
    first: int,
    last: int,
    now: datetime,
    *,
    ignoring: UUID | None = None,
) -> Sequence[Busy]:
    """Runs of busy ticks in [first, last), by resource and time. Expired holds do not count, nor what the owner
    `ignoring` has."""
    given = {"ids": list(ids), "first": first, "last": last, "now": now}
    if ignoring is not None:
        given["ignoring"] = ignoring
    rows = await session.execute(_BUSY_OTHERWISE if ignoring else _BUSY, given)
    return [Busy(*row) for row in rows.all()]
