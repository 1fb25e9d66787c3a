"""A numbered Redis database that belongs to a run of the tests, or a whole Redis that may be maltreated."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio as redis
from sqlalchemy import make_url

from .server import HOST
from .servers import Server
from .waiting import until

CLAIM = "appointed-test"
CLAIMED_SECONDS = 3_600
NUMBERS = range(15, 0, -1)


@asynccontextmanager
async def claimed(server: Server) -> AsyncIterator[str]:
    """The address of a database that nobody else uses: the one that the server's address names, or the first that is
    empty, from 15 down. What somebody keeps there is never deleted unless the address names it."""
    named = make_url(server.url).database
    for number in [int(named)] if named else NUMBERS:
        url = make_url(server.url).set(database=str(number)).render_as_string(hide_password=False)
        async with redis.from_url(url) as client:
            if named:
                await empty(url)
            elif await client.dbsize() or not await client.set(CLAIM, os.getpid(), nx=True, ex=CLAIMED_SECONDS):
                continue
            try:
                yield url
            finally:
                await client.flushdb()
            return
    raise RuntimeError("no Redis database is empty; name one in TEST_REDIS_URL")


async def empty(url: str) -> None:
    """Delete every key but the claim."""
    async with redis.from_url(url) as client, client.pipeline(transaction=True) as pipeline:
        pipeline.flushdb()
        pipeline.set(CLAIM, os.getpid(), ex=CLAIMED_SECONDS)
        await pipeline.execute()


@asynccontextmanager
async def private_redis(port: int, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Redis that may be maltreated; it keeps nothing."""
    options = ("--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(folder))
    process = await asyncio.create_subprocess_exec("redis-server", *options, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with redis.from_url(f"redis://{HOST}:{port}") as client:
            await until(lambda: _answers(client))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(client: redis.Redis) -> bool:
    try:
        return bool(await client.ping())
    except redis.RedisError:
        return False
