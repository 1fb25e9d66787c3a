"""The headers that tell a browser to let nothing in, keep nothing and pass nothing on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appointed.core.settings import Settings

# A page that needs more says so in its own answer; see `web/pages.py` and `api_pages.py`.
HEADERS = {
    "Content-Security-Policy": "; ".join([
        "default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "sandbox",
    ]),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}  # fmt: skip
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
TRANSPORT = b"strict-transport-security"
YEAR_SECONDS = 365 * 24 * 3_600


class SecurityHeaders:
    """Adds what an answer does not say itself, to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wanted = [*_RAW, *_transport(scope)]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                said = {name.lower() for name, _ in headers}
                message = {**message, "headers": headers + [each for each in wanted if each[0] not in said]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _transport(scope: Scope) -> list[tuple[bytes, bytes]]:
    """RFC 6797 section 7.2 forbids it over plain HTTP."""
    if scope["scheme"] != "https":
        return []
    settings: Settings = scope["app"].state.appointed.settings
    subdomains = "; includeSubDomains" if settings.hsts_subdomains else ""
    return [(TRANSPORT, f"max-age={YEAR_SECONDS}{subdomains}".encode())]
