"""A transaction that met a deadlock runs again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .db import is_retryable, is_unreachable
from .errors import StartAgain, Unavailable

ATTEMPTS = 4
JITTER_SECONDS = 0.02
T = TypeVar("T")


async def run_again(attempt: Callable[[], Awaitable[T]], *, unless: Callable[[], bool] = lambda: False) -> T:
    """Run `attempt` until it meets no deadlock, lock timeout or `StartAgain`; `Unavailable` after three repeats.

    With `unless` true an error is raised as it is: an answer that has begun cannot be taken back.
    """
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except Exception as error:
            if unless():
                raise
            if is_unreachable(error):
                raise Unavailable("The database cannot be reached. Try again in a moment.") from error
            if not (is_retryable(error) or isinstance(error, StartAgain)):
                raise
            if number == ATTEMPTS - 1:
                raise Unavailable from error
        await asyncio.sleep(random.uniform(0, JITTER_SECONDS * 2**number))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")
