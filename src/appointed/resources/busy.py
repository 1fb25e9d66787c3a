"""Lock resources; take, free and read their time. Every path that changes who is busy comes through here."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    cast,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
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


# Five hours of a resource's ticks as the bits of a number: a few numbers a day instead of a row for each tick, and no
# sorting. A tick is busy once, so adding its bit is setting it.
_WORD_TICKS = 60
_LENGTH: ColumnElement[int] = literal_column(str(_WORD_TICKS), Integer)
_WORD = (BusyTick.tick // _LENGTH).label("word")
_BIT = literal(1, BigInteger).bitwise_lshift(cast(BusyTick.tick % _LENGTH, Integer))


def _words(*where: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    by = (BusyTick.resource_id, BusyTick.is_buffer, _WORD)
    return select(*by, cast(func.sum(_BIT), BigInteger)).where(*where).group_by(*by)


_BUSY = _words(*_IN_THE_WAY)
_BUSY_OTHERWISE = _words(*_IN_THE_WAY, BusyTick.owner_id != bindparam("ignoring"))


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
    rows = (await session.execute(_BUSY_OTHERWISE if ignoring else _BUSY, given)).all()
    words: dict[tuple[UUID, bool], list[tuple[int, int]]] = {}
    for resource_id, is_buffer, word, bits in rows:
        words.setdefault((resource_id, is_buffer), []).append((int(word), bits))
    found = [Busy(resource_id, start, end, is_buffer) for (resource_id, is_buffer), theirs in words.items()
             for start, end in _runs_in(sorted(theirs))]  # fmt: skip
    return sorted(found, key=lambda run: (run.resource_id.int, run.first))


def _runs_in(words: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ticks of each run of set bits, over the borders of words: from the first up to but not including the last."""
    start = end = 0
    for word, bits in words:
        at = word * _WORD_TICKS
        while bits:
            gap = (bits & -bits).bit_length() - 1
            length = (~(bits >> gap) & ((bits >> gap) + 1)).bit_length() - 1
            if at + gap > end:
                if start < end:
                    yield start, end
                start = at + gap
            end = at + gap + length
            bits = bits >> gap + length << gap + length
    if start < end:
        yield start, end
