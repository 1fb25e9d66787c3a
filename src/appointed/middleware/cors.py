"""Pages of other hosts that may use the API from a browser: those that are named, and no others.

Nothing is ever said of credentials: the API takes tokens, which a page must have been given, and no cookies.
"""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appointed.core.settings import Settings

METHODS = "GET, POST, PUT, PATCH, DELETE"
ASKED_WITH = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id"
SHOWN = "ETag, Idempotency-Replayed, Retry-After, X-Request-Id"
PREFLIGHT_SECONDS = 600


class Cors:
    """Answers preflights of the named origins, and marks what may be read by which."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings: Settings | None = scope["app"].state.appointed.settings if scope["type"] == "http" else None
        if settings is None or not settings.allowed_origins:
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origins = asked.getlist("origin")
        # Of two origins neither is believed.
        origin = origins[0] if len(origins) == 1 and origins[0] in settings.allowed_origins else None
        if origin and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await _preflight(origin)(scope, receive, send)
            return
        marks = [(b"vary", b"Origin")]
        if origin:
            marks += [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", SHOWN.encode()),
            ]

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *marks]}
            await send(message)

        await self.app(scope, receive, send_marked)


def _preflight(origin: str) -> Response:
    """Yes to what the API can be asked with at all; what it refuses, it refuses when asked."""
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": ASKED_WITH,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin",
        },
    )
