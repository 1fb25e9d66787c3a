"""A request whose transaction met a deadlock runs again as a whole; one that is sent again is answered again."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Depends, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from appointed.core.errors import AppError, Kind
from appointed.core.retry import run_again

from .auth import somebody
from .idempotency import keep_answer, once_of
from .repeated import Single

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Logging in and out is not repeated: what it answers is a secret of the moment.
NEVER_REPEATED = "/auth/"


class BodyTooLarge(AppError):
    code = "body_too_large"
    kind = Kind.TOO_LARGE
    detail = "The request is larger than this service takes."


class RetryingRoute(APIRoute):
    """Replays the received body to a fresh run of the route, up to three times, as long as no answer has begun.

    It wraps the route from outside: inside, the failed attempt's dependencies would still be open and would commit.
    A write that knows who asks honours `Idempotency-Key`. Its answer is stored from inside, before the commit.
    """

    # Those of its parameters are known anyway.
    takes_forms = False

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Any = None,
        dependencies: Any = None,
        **more: Any,
    ) -> None:
        if _takes_keys(path, endpoint, methods or ()):
            dependencies = [*(dependencies or ()), Depends(once_of)]
        super().__init__(path, endpoint, methods=methods, dependencies=dependencies, **more)

    def _single(self) -> Single:
        return Single.of(list(within(self.dependant)), takes_forms=self.takes_forms)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, single = super().get_route_handler(), self._single()

        async def handle_once(request: Request) -> Response:
            await single.check(request)
            answer = await handle(request)
            await keep_answer(request, answer)
            return answer

        return handle_once

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _received(scope, receive)
        except ClientDisconnect:
            # Nobody is there to be answered, and half a request is not what was asked for.
            return
        began = False

        async def send_once(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        async def attempt() -> None:
            await super(RetryingRoute, self).handle(dict(scope), _replay(body, receive), send_once)

        await run_again(attempt, unless=lambda: began)


def _takes_keys(path: str, endpoint: Callable[..., Any], methods: Any) -> bool:
    if path.startswith(NEVER_REPEATED) or not WRITING & set(methods):
        return False
    return any(each.call is somebody for each in within(get_dependant(path=path, call=endpoint)))


def within(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from within(each)


async def _received(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Reading on past the limit is refused, so that nobody can fill the memory."""
    limit = scope["app"].state.appointed.settings.max_body_bytes
    declared = Request(scope).headers.get("content-length", "")
    # Of what is no number, or too long to be one, the count of what arrives is the judge.
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise BodyTooLarge
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLarge
        if not message.get("more_body"):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever the connection says next."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
