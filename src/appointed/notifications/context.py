"""What a handler of an event is given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.clock import Clock
from appointed.core.db import Database
from appointed.core.settings import Settings

from .mail import Mailer


@dataclass(frozen=True, slots=True)
class Context:
    """What handlers work with; made once a process."""

    database: Database
    clock: Clock
    settings: Settings
    mailer: Mailer


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way. `id` stays the same however often it is delivered."""

    id: UUID
    payload: Mapping[str, str]

    def uuid(self, name: str) -> UUID:
        return UUID(self.payload[name])


@dataclass(frozen=True, slots=True)
class Handler:
    """`run` is called outside any transaction, maybe several times for one message; `give_up` in the transaction that
    gives the message up."""

    run: Callable[[Context, Message], Awaitable[None]]
    give_up: Callable[[AsyncSession, Message], Awaitable[None]] | None = None
