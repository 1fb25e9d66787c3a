"""`/login` and `/logout`: into the pages and out of them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import SecretStr

from appointed import accounts
from appointed.accounts.devices import device_of
from appointed.accounts.errors import InvalidCredentials, LockedOut
from appointed.auth import service
from appointed.core.errors import Field, Invalid
from appointed.core.settings import Settings
from appointed.core.text import check_text, normalised_email
from appointed.deps import ClockDep, PageActor, PageRoute, SessionDep, SettingsDep, StateDep, VisitorDep
from appointed.deps.pages import forget_cookie, own_path, set_cookie

from .pages import form_page, refused

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HOME = "/account"
LEFT = "/login?left=1"
NOTHING = SecretStr("")


@router.get("/login", response_class=HTMLResponse)
async def show_login(visitor: VisitorDep, next: str = "", left: str = "") -> Response:  # noqa: A002 - the address's own word
    """The form, or on to where they wanted to go for who is logged in already."""
    if visitor.actor:
        return RedirectResponse(own_path(next) or HOME, 303)
    return form_page("login.html", visitor, next=own_path(next) or "", email="", has_left=bool(left))


@router.post("/login", response_class=HTMLResponse)
async def log_in(
    request: Request,
    visitor: VisitorDep,
    state: StateDep,
    email: Annotated[str, Form()] = "",
    password: Annotated[SecretStr, Form()] = NOTHING,
    next: Annotated[str, Form()] = "",  # noqa: A002 - the address's own word
    user_agent: Annotated[str | None, Header()] = None,
) -> Response:
    """A new cookie, whichever there was before, and on to where they wanted to go."""
    shown: dict[str, Any] = {"next": own_path(next) or "", "email": email, "has_left": False}
    if faults := _missing(email, password):
        return form_page("login.html", visitor, status=422, faults=faults, **shown)
    instead_of: UUID | None = visitor.session.id if visitor.session else None
    try:
        # Whoever needs a second factor goes on from here to a page that asks for it.
        cookie = await service.log_in_page(
            state.database, state.hasher, email=normalised_email(email), password=password.get_secret_value(),
            lasting=state.settings.page_lasting, device=device_of(user_agent), instead_of=instead_of, clock=state.clock,
        )  # fmt: skip
    except (InvalidCredentials, LockedOut) as error:
        return await refused(request, error, "login.html", visitor, at="email", **shown)
    answer = RedirectResponse(own_path(next) or HOME, 303)
    set_cookie(answer, state.settings, cookie)
    return answer


def _missing(email: str, password: SecretStr) -> list[Field]:
    """What nobody can log in with."""
    faults = []
    try:
        is_empty = not check_text(email).strip()
    except ValueError:
        is_empty = True
    if is_empty:
        faults.append(Field("email", Invalid.code, "Enter your e-mail address"))
    if not password.get_secret_value():
        faults.append(Field("password", Invalid.code, "Enter your password"))
    return faults


@router.post("/logout", response_class=HTMLResponse)
async def log_out(actor: PageActor, session: SessionDep, settings: SettingsDep, clock: ClockDep) -> Response:
    """The session ends, and nothing of it stays in the browser."""
    await accounts.end_session(session, actor.session_id, by=actor.user_id, now=clock.now())
    return left(settings)


def left(settings: Settings) -> Response:
    """Out, and to the login."""
    answer = RedirectResponse(LEFT, 303, headers={"Clear-Site-Data": '"cache", "cookies", "storage"'})
    forget_cookie(answer, settings)
    return answer
