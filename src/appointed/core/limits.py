"""How often somebody may ask: counted in Redis for all processes, and by each process for itself while that is away.

A window slides: what was asked in the one before counts by the share of it that the last `period` still covers.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import floor

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from redis.asyncio import BlockingConnectionPool

log = structlog.get_logger()

PREFIX = "appointed:limits"
# Counting is worth no more than this; a server that has come back is found again after the pause.
PATIENCE_SECONDS = 0.05
PAUSE_SECONDS = 5
# A process that was busy itself finds every answer late. An answer that does not come at all is late each time.
MOST_LATE = 3
MOST_CONNECTIONS = 20
MOST_KEYS = 50_000
Now = Callable[[], float]


class Counting(StrEnum):
    """Where it is counted: for all processes together, for each alone as set, or for each alone for want of Redis."""

    SHARED = "shared"
    ALONE = "alone"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Window:
    """What was asked in the last whole window and in this one, which began `age` seconds ago."""

    before: int
    current: int
    age: float


def is_full(most: int, period: float, window: Window) -> bool:
    return window.before * (period - window.age) / period + window.current >= most


def seconds_until_free(most: int, period: float, window: Window) -> int:
    """Whole seconds until one more may be asked, if nothing is asked meanwhile."""
    if window.current < most:
        covered = (most - window.current) * period / max(window.before, 1)
        wait = period - window.age - covered
    else:
        wait = period - window.age + period - most * period / window.current
    return max(1, floor(wait) + 1)


class Limiter:
    """Counts, and says how long to wait. It never fails, and never waits for Redis longer than its patience."""

    def __init__(self, redis_url: str | None, now: Now = time.monotonic) -> None:
        self._now = now
        self._here = _Memory(now)
        self._shared = _Shared(redis_url) if redis_url else None
        self._late = 0
        self._ask_again_at: float | None = None

    @property
    def counting(self) -> Counting:
        if self._shared is None:
            return Counting.ALONE
        return Counting.SHARED if self._ask_again_at is None else Counting.FALLBACK

    async def hit(self, limit: RateLimitItem, key: str) -> int | None:
        """Count one more of `key`. None if it may be; else the seconds to wait, and it is not counted."""
        if self._shared and self._may_ask():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    wait = await self._shared.hit(limit, key)
            except Exception as error:  # whatever is wrong with Redis, requests are answered
                self._note_failure(error)
            else:
                self._note_success()
                return wait
        return self._here.hit(limit, key)

    async def close(self) -> None:
        if self._shared:
            await self._shared.close()

    def _may_ask(self) -> bool:
        """While Redis is away, one request asks for all."""
        if self._ask_again_at is None:
            return True
        if self._now() < self._ask_again_at:
            return False
        self._ask_again_at = self._now() + PAUSE_SECONDS
        return True

    def _note_failure(self, error: Exception) -> None:
        self._late += 1
        if isinstance(error, TimeoutError) and self._late < MOST_LATE:
            return
        if self._ask_again_at is None:
            log.warning("limits_counted_by_each_process", error=type(error).__name__)
        self._ask_again_at = self._now() + PAUSE_SECONDS

    def _note_success(self) -> None:
        if self._ask_again_at is not None:
            log.warning("limits_counted_together_again")
        self._late, self._ask_again_at = 0, None


class _Shared:
    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url, max_connections=MOST_CONNECTIONS, timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        # The address is the pool's; this one is not looked at.
        self._storage = RedisStorage(
            "redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=self._pool  # type: ignore[arg-type]
        )  # fmt: skip

    async def hit(self, limit: RateLimitItem, key: str) -> int | None:
        name, period = limit.key_for(key), limit.get_expiry()
        if await self._storage.acquire_sliding_window_entry(name, limit.amount, period):
            return None
        before, before_ends, current, current_ends = await self._storage.get_sliding_window(name, period)
        # The key of a window lives for two: in its second one it is the window before.
        left = before_ends if before else current_ends - period
        return seconds_until_free(limit.amount, period, Window(before, current, period - left))

    async def close(self) -> None:
        await self._pool.disconnect()


class _Memory:
    """Bounded: of very many keys the oldest are forgotten."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._counts: dict[str, tuple[int, int, int]] = {}

    def hit(self, limit: RateLimitItem, key: str) -> int | None:
        period, name = limit.get_expiry(), limit.key_for(key)
        number, age = divmod(self._now(), period)
        last, before, current = self._counts.pop(name, (int(number), 0, 0))
        if last != number:
            before, current = (current if last == number - 1 else 0), 0
        window = Window(before, current, age)
        is_refused = is_full(limit.amount, period, window)
        # Put last again, so that what stands first was not asked for longest.
        self._counts[name] = (int(number), before, current + (not is_refused))
        if len(self._counts) > MOST_KEYS:
            del self._counts[next(iter(self._counts))]
        return seconds_until_free(limit.amount, period, window) if is_refused else None
