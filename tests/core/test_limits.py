"""Counting who asks how often: what is let through, how long the rest is told to wait, and with what Redis does."""

import asyncio
import shutil
import signal
import time
from pathlib import Path

import pytest
import redis.asyncio as redis
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItem, parse
from structlog.testing import capture_logs

from appointed.core import limits
from appointed.core.limits import Counting, Limiter, Window, is_full, seconds_until_free

from ..support.redis import CLAIM, private_redis
from ..support.server import HOST, free_port

TEN = parse("10/minute")
# For where the clock is the real one: a window seldom ends while the test runs.
TEN_AN_HOUR = parse("10/hour")


class Hands:
    """A clock that is moved by hand."""

    at = 1_000_020.0

    def __call__(self) -> float:
        return self.at


async def hits(limiter: Limiter, count: int, key: str = "somebody", limit: RateLimitItem = TEN) -> list[bool]:
    return [await limiter.hit(limit, key) is None for _ in range(count)]


async def test_as_many_as_the_limit_are_let_through() -> None:
    limiter = Limiter(None, Hands())
    assert limiter.counting is Counting.ALONE
    assert await hits(limiter, 13) == [True] * 10 + [False] * 3
    assert await hits(limiter, 1, "somebody else") == [True]


async def test_whoever_waits_as_long_as_told_is_let_through() -> None:
    hands = Hands()
    limiter = Limiter(None, hands)
    for pause in (0, 7, 20, 31, 59, 0, 3, 90, 200):
        hands.at += pause
        while (wait := await limiter.hit(TEN, "somebody")) is None:
            pass
        assert 1 <= wait <= 61
        hands.at += wait - 1
        assert wait == 1 or await limiter.hit(TEN, "somebody") is not None
        hands.at += 1
        assert await limiter.hit(TEN, "somebody") is None


async def test_no_minute_lets_many_more_through_than_the_limit() -> None:
    hands = Hands()
    limiter = Limiter(None, hands)
    let = []
    for _ in range(600):
        hands.at += 0.5
        let += [hands.at] * (await limiter.hit(TEN, "somebody") is None)
    assert max(sum(start <= each < start + 60 for each in let) for start in let) <= 11
    assert len(let) > 40


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.floats(0, 59.9))
def test_the_wait_is_long_enough_and_not_longer(most: int, before: int, current: int, age: float) -> None:
    window = Window(min(before, most), min(current, most), age)
    if not is_full(most, 60, window):
        return
    wait = seconds_until_free(most, 60, window)
    assert not is_full(most, 60, later(window, wait + 0.001))
    assert wait == 1 or is_full(most, 60, later(window, wait - 1.001))


def later(window: Window, seconds: float) -> Window:
    """The window after a while in which nothing was asked."""
    steps, age = divmod(window.age + seconds, 60)
    if steps == 0:
        return Window(window.before, window.current, age)
    return Window(window.current if steps == 1 else 0, 0, age)


async def test_very_many_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 100)
    limiter = Limiter(None, Hands())
    assert await hits(limiter, 11) == [True] * 10 + [False]
    for number in range(99):
        await limiter.hit(TEN, str(number))
    assert await hits(limiter, 1) == [False]
    for number in range(1_000, 1_100):
        await limiter.hit(TEN, str(number))
    assert await hits(limiter, 1) == [True]
    assert len(limiter._here._counts) == 100


async def test_processes_count_together(redis_url: str) -> None:
    one, other = Limiter(redis_url), Limiter(redis_url)
    try:
        assert [*await hits(one, 6), *await hits(other, 7)] == [True] * 10 + [False] * 3
        assert (one.counting, other.counting) == (Counting.SHARED, Counting.SHARED)
        wait = await other.hit(TEN, "somebody")
        assert wait is not None
        assert 1 <= wait <= 66
        async with redis.from_url(redis_url) as client:
            names = [str(name) for name in await client.keys() if CLAIM not in str(name)]
        assert names
        assert all(limits.PREFIX in name for name in names)
    finally:
        await one.close()
        await other.close()


async def test_whoever_waits_as_long_as_redis_says_is_let_through(redis_url: str) -> None:
    limiter = Limiter(redis_url)
    try:
        three = parse("3/2 second")
        while (wait := await limiter.hit(three, "somebody")) is None:
            pass
        assert await limiter.hit(three, "somebody") is not None
        await asyncio.sleep(wait)
        assert await limiter.hit(three, "somebody") is None
    finally:
        await limiter.close()


async def test_without_redis_each_process_goes_on_counting_and_says_so_once() -> None:
    limiter = Limiter(f"redis://127.0.0.1:{free_port()}/0", Hands())
    with capture_logs() as lines:
        started = time.perf_counter()
        assert await hits(limiter, 13) == [True] * 10 + [False] * 3
        assert time.perf_counter() - started < 3 * limits.PATIENCE_SECONDS + 0.1
    assert limiter.counting is Counting.FALLBACK
    assert [line["event"] for line in lines] == ["limits_counted_by_each_process"]
    await limiter.close()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server to be maltreated was found")
async def test_a_redis_that_stands_still_or_ends_holds_nobody_up_and_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 0.2)
    port = free_port()
    limiter = Limiter(f"redis://{HOST}:{port}")
    with capture_logs() as lines:
        async with private_redis(port, tmp_path) as process:
            assert await hits(limiter, 2, limit=TEN_AN_HOUR) == [True, True]
            process.send_signal(signal.SIGSTOP)
            assert await let_through(limiter) == 10
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.25)
            assert await hits(limiter, 1, limit=TEN_AN_HOUR) == [True]
            assert limiter.counting is Counting.SHARED
        assert await let_through(limiter, "another") == 10
        async with private_redis(port, tmp_path):
            await asyncio.sleep(0.25)
            assert await hits(limiter, 11, limit=TEN_AN_HOUR) == [True] * 10 + [False]
    assert [line["event"] for line in lines] == ["limits_counted_by_each_process", "limits_counted_together_again"] * 2
    await limiter.close()


async def let_through(limiter: Limiter, key: str = "somebody") -> int:
    """How many of twenty, while Redis is away; none of them was held up for long."""
    let, longest = 0, 0.0
    for _ in range(20):
        started = time.perf_counter()
        let += (await hits(limiter, 1, key, TEN_AN_HOUR))[0]
        longest = max(longest, time.perf_counter() - started)
    assert limiter.counting is Counting.FALLBACK
    assert longest < 2 * limits.PATIENCE_SECONDS
    return let
