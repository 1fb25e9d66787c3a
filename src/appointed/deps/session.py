"""A request's session: one transaction, committed before the answer leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core import outbox
from appointed.core.db import constraint_of, is_retryable, transaction
from appointed.core.errors import StartAgain, Unavailable
from appointed.core.idempotency import Once

from .state import State, state_of


@asynccontextmanager
async def writing(state: State, once: Once | None) -> AsyncIterator[AsyncSession]:
    """One transaction of a request; `Replayed` or `KeyReused` before it begins if the request was answered before.

    For a route that needs several: `SessionDep` is this once, and keeps the answer by itself.
    """
    if once:
        # Asked of a reader: the transaction begins with the work, after passwords are hashed and locks are waited for.
        async with state.database.reads() as reader:
            await once.check(reader, state.clock.now())
    try:
        async with transaction(state.database.writes) as session:
            yield session
    except IntegrityError as error:
        if constraint_of(error) == "pk_idempotency_keys":
            # An equal key was stored meanwhile by a request that no lock made us wait for; its answer is ours now.
            raise StartAgain from error
        raise
    if left_behind := outbox.published(session):
        state.hint(left_behind)


async def _writing(request: Request) -> AsyncIterator[AsyncSession]:
    async with writing(state_of(request), getattr(request.state, "once", None)) as session:
        request.state.writing = session
        yield session


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    database = state_of(request).database
    async with database.reads() as session:
        yield session
        try:
            await audit.write_looks(session, database.writes)
        except Exception as error:
            if is_retryable(error):
                raise
            raise Unavailable("What was read could not be recorded, so it is not shown.") from error


# scope="function" commits before the response leaves. FastAPI's default commits after it:
# a failed commit would already have told the patient "booked".
SessionDep = Annotated[AsyncSession, Depends(_writing, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(_reading, scope="function")]
