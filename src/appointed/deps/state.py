"""What the application holds while it runs, as dependencies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from appointed.accounts.passwords import Hasher
from appointed.accounts.tokens import Tokens
from appointed.core.clock import Clock
from appointed.core.db import Database
from appointed.core.limits import Limiter
from appointed.core.measuring import Measures
from appointed.core.settings import Settings

Hint = Callable[[Sequence[UUID]], None]


@dataclass(frozen=True, slots=True)
class State:
    """Made once by `create_app`. `hint` tells the dispatcher that messages wait; it never fails and never waits."""

    settings: Settings
    database: Database
    clock: Clock
    hasher: Hasher
    tokens: Tokens
    hint: Hint
    limiter: Limiter
    measures: Measures = field(default_factory=Measures)


def state_of(request: Request) -> State:
    state: State = request.app.state.appointed
    return state


# FastAPI runs a dependency that is not `async` in a thread, which costs more than all that these do.
async def _state(request: Request) -> State:
    return state_of(request)


async def _settings(request: Request) -> Settings:
    return state_of(request).settings


async def _clock(request: Request) -> Clock:
    return state_of(request).clock


async def _hasher(request: Request) -> Hasher:
    return state_of(request).hasher


StateDep = Annotated[State, Depends(_state)]
SettingsDep = Annotated[Settings, Depends(_settings)]
ClockDep = Annotated[Clock, Depends(_clock)]
HasherDep = Annotated[Hasher, Depends(_hasher)]
