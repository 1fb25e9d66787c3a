"""A request that takes too long is given up: what it holds is needed by others."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appointed.core.errors import Unavailable
from appointed.deps.errors import answer_of

TOO_LONG = "This took too long and was given up. Look whether it was done before you ask for it again."


class Deadline:
    """503 after `REQUEST_SECONDS`. An answer that has begun is broken off."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = False

        async def send_noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            async with asyncio.timeout(scope["app"].state.appointed.settings.request_seconds) as limit:
                await self.app(scope, receive, send_noted)
        except TimeoutError:
            if began or not limit.expired():
                raise
            await answer_of(Unavailable(TOO_LONG))(scope, receive, send)
