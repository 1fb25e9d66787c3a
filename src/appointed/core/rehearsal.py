"""Doing something to see what it would do, and undoing it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from . import batch


@asynccontextmanager
async def rehearsed(session: AsyncSession) -> AsyncIterator[None]:
    """What the block writes, puts into the batch or publishes is undone when it ends; locks that it takes stay.

    Rows that it changed are expired: what is to be said of them is read inside the block.
    """
    await batch.flush(session)
    published = list(session.info.get("published", []))
    savepoint = await session.begin_nested()
    yield
    session.info.pop("batch", None)
    session.info["published"] = published
    await savepoint.rollback()
