"""Doing something to see what it would do, and undoing it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from . import batch


@asynccontextmanager
async def rehearsed(session: AsyncSession) -> AsyncIterator[None]:
    """What the block writes, puts into the batch, publishes or notes is undone when it ends; locks that it takes stay.

    Rows that it changed are expired: what is to be said of them is read inside the block.
    """
    await batch.flush(session)
    before = {name: list(session.info.get(name, [])) for name in ("published", "noted")}
    savepoint = await session.begin_nested()
    yield
    session.info.pop("batch", None)
    session.info.update(before)
    await savepoint.rollback()
