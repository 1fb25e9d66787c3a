"""What a route of a page may ask for: who is logged in by the cookie, and that a form is ours."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from appointed.accounts import cookies
from appointed.accounts.actor import Actor
from appointed.core.db import transaction
from appointed.core.settings import Settings

from . import forms
from .auth import enter
from .retry import WRITING, RetryingRoute
from .state import state_of

LOGIN = "/login"
# RFC 6265bis section 4.1.3.2: browsers take this name over HTTPS alone, from the host itself alone, for all its paths.
SECURE_NAME, PLAIN_NAME = "__Host-appointed", "appointed"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
# Where a login leads back to, and no further: a path of this host, of which no browser makes another host.
_OWN_PATH = re.compile(r"/([\w.~-]+(/[\w.~-]+)*/?)?(\?[\w.~%=&:@!$'()*+,;/?-]*)?", re.ASCII)
LONGEST_PATH = 2_000


class LoginNeeded(Exception):
    """Nobody is logged in; `path` is where they wanted to go."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        self.path = path


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever looks at a page. `cookie` is what their browser has shown, good for a login or not, or is to be given."""

    settings: Settings
    cookie: str
    is_new: bool = False
    actor: Actor | None = None
    session: cookies.CookieSession | None = None

    @property
    def session_id(self) -> UUID | None:
        return self.session.id if self.session else None

    @property
    def form_token(self) -> str:
        """For the hidden field of every form that they are shown."""
        return forms.token_of(self.settings, self.cookie)


async def _visitor(request: Request) -> Visitor:
    state = state_of(request)
    cookie = request.cookies.get(name_of(state.settings), "")
    if not _TOKEN.fullmatch(cookie):
        return Visitor(state.settings, cookies.new_token(), is_new=True)
    now = state.clock.now()
    async with state.database.reads() as reading:
        found = await cookies.find(reading, cookie, idle=state.settings.page_idle, now=now)
    actor = enter(request, found.user_id, found.id, found.standing, now) if found else None
    return Visitor(state.settings, cookie, actor=actor, session=found)


VisitorDep = Annotated[Visitor, Depends(_visitor)]


async def _own_form(request: Request, visitor: VisitorDep) -> None:
    sent = await request.form()
    forms.check_form(request, visitor.settings, visitor.cookie, sent.get(forms.FIELD))


async def _logged_in(request: Request, visitor: VisitorDep) -> Visitor:
    """Who is logged in; that they are here is noted once a minute, in a transaction of its own as the trail's are."""
    if visitor.actor is None or visitor.session is None:
        raise LoginNeeded(wanted(request))
    state = state_of(request)
    now = state.clock.now()
    if visitor.session.is_to_be_noted(now):
        async with transaction(state.database.writes) as session:
            await cookies.note_use(session, visitor.session.id, now)
    return visitor


async def _actor(visitor: Annotated[Visitor, Depends(_logged_in)]) -> Actor:
    assert visitor.actor is not None  # noqa: S101 - seen to above
    return visitor.actor


# Who is logged in by the cookie; nobody else gets past it, but to the login.
PageActor = Annotated[Actor, Depends(_actor)]


class PageRoute(RetryingRoute):
    """A route of a page. One that changes something takes it from forms of our own pages alone: it cannot be left out.

    A token in a header is no login here, as the cookie is none for the API.
    """

    takes_forms = True

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, methods: Any = None, dependencies: Any = None, **more: Any
    ) -> None:
        if WRITING & set(methods or ()):
            dependencies = [Depends(_own_form), *(dependencies or ())]
        super().__init__(path, endpoint, methods=methods, dependencies=dependencies, **more)


def name_of(settings: Settings) -> str:
    return SECURE_NAME if settings.is_https else PLAIN_NAME


def set_cookie(response: Response, settings: Settings, cookie: str) -> None:
    """Kept until the browser is closed; how long it is good for is ours to say."""
    response.set_cookie(name_of(settings), cookie, path="/", secure=settings.is_https, httponly=True, samesite="lax")


def forget_cookie(response: Response, settings: Settings) -> None:
    response.delete_cookie(name_of(settings), path="/", secure=settings.is_https, httponly=True, samesite="lax")


def wanted(request: Request) -> str | None:
    """The page to come back to after the login; what a form was to do is not done later by itself."""
    if request.method != "GET":
        return None
    query = request.scope["query_string"].decode("ascii", "replace")
    return own_path(request.scope["path"] + (f"?{query}" if query else ""))


def own_path(text: str | None) -> str | None:
    """The text if it is a path of ours. Not `//host`, `/\\host`, `https:`, nor anything that could become one."""
    return text if text and len(text) <= LONGEST_PATH and _OWN_PATH.fullmatch(text) else None


async def show_login_needed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    assert isinstance(error, LoginNeeded)  # noqa: S101 - what it is registered for
    return RedirectResponse(LOGIN + (f"?next={quote(error.path, safe='')}" if error.path else ""), 303)
