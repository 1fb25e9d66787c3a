"""How often somebody may ask, by what is asked: guessing passwords and making accounts costs more than looking."""

from ipaddress import IPv6Address, ip_network

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from appointed.accounts.errors import InvalidToken
from appointed.core.errors import TooManyRequests
from appointed.deps.errors import answer_of
from appointed.deps.limiting import hashed
from appointed.deps.state import State

from .proxies import address_of

# Whoever asks whether the server lives must not be told to wait.
UNCOUNTED = "/health/"
BY_ROUTE = {
    "POST /auth/login": "login",
    "POST /login": "login",
    "POST /auth/refresh": "refresh",
    "POST /auth/token": "refresh",
    "POST /auth/revoke": "refresh",
    "POST /patients/new-patient": "registration",
    "POST /patients/join": "registration",
    "POST /account/password": "password",
    "POST /login/second-factor": "password",
    "POST /login/passkey": "login",
}
# What else is done about logins is done with passwords, codes and the like; ending a session is not held up.
ABOUT_PASSWORDS = ("POST /auth/", "DELETE /auth/totp", "DELETE /auth/passkeys/")
NOT_HELD_UP = "POST /auth/logout"
# One network of this size is one customer's.
IPV6_PREFIX = 64


class RateLimits:
    """429 with `Retry-After` for whoever asks too often: an account, or without a valid token an address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNCOUNTED):
            await self.app(scope, receive, send)
            return
        wait = await _wait_of(scope)
        if wait is None:
            await self.app(scope, receive, send)
        else:
            error = TooManyRequests(wait)
            scope["app"].state.appointed.measures.refused(error)
            await answer_of(error)(scope, receive, send)


async def _wait_of(scope: Scope) -> int | None:
    """The longest that one of the request's limits makes it wait."""
    state: State = scope["app"].state.appointed
    user = _user_of(scope, state)
    key = hashed(state, user or _address_of(scope))
    waits = [await state.limiter.hit(state.settings.limits["general"], key)]
    kind = kind_of(f"{scope['method']} {scope['path']}", is_known=user is not None)
    if kind:
        waits.append(await state.limiter.hit(state.settings.limits[kind], f"{kind}/{key}"))
    return max((wait for wait in waits if wait), default=None)


def kind_of(route: str, *, is_known: bool) -> str | None:
    """Which further limit the route has. Of who is known, the route tells whether they are staff, who register as many
    as they like."""
    kind = BY_ROUTE.get(route)
    if kind is None and route.startswith(ABOUT_PASSWORDS) and route != NOT_HELD_UP:
        kind = "password"
    return None if kind == "registration" and is_known else kind


def _user_of(scope: Scope, state: State) -> str | None:
    """Whose token came along, if it is a valid one; whether its session has ended is asked later."""
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return str(state.tokens.read(token, state.clock.now()).user_id)
    except InvalidToken:
        return None


def _address_of(scope: Scope) -> str:
    client = Request(scope).client
    address = address_of(client.host) if client else None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address or "nowhere")
