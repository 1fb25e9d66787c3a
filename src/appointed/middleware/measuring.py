"""Counts and times every request by its route, whoever answers it."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appointed.core.measuring import Measures

from .requests import METHODS


class Measured:
    """What no route answers is one route. An answer that never began counts as a failure."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            measures: Measures = scope["app"].state.appointed.measures
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", None)
            measures.answered(method, route, status, time.perf_counter() - started)
