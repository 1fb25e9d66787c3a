"""Waiting for what other tasks and other processes do."""

import asyncio
from collections.abc import Awaitable, Callable

SECONDS = 60.0


async def until(is_so: Callable[[], bool | Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Until it is so; `TimeoutError` if it is not within `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            answer = is_so()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)
