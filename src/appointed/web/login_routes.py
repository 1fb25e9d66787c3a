"""`/login` and `/logout`: into the pages and out of them."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import SecretStr

from appointed import accounts
from appointed.accounts.devices import device_of
from appointed.accounts.errors import InvalidCredentials, LockedOut
from appointed.accounts.factors.errors import ChallengeSpent, InvalidCode, SecondFactorRequired
from appointed.accounts.factors.rules import Method
from appointed.accounts.factors.showing import Proof
from appointed.auth import factor_service, service
from appointed.auth.factor_routes import site_of
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
DIGITS = re.compile(r"[0-9]{3} ?[0-9]{3}")
TOO_LATE = "This took too long, or was done before. Enter your password once more."


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
    """A new cookie, whichever there was before, and on to where they wanted to go; or first to the second factor."""
    shown: dict[str, Any] = {"next": own_path(next) or "", "email": email, "has_left": False}
    if faults := _missing(email, password):
        return form_page("login.html", visitor, status=422, faults=faults, **shown)
    try:
        cookie = await service.log_in_page(
            state.database, state.hasher, email=normalised_email(email), password=password.get_secret_value(),
            lasting=state.settings.page_lasting, device=device_of(user_agent), instead_of=visitor.session_id,
            clock=state.clock,
        )  # fmt: skip
    except SecondFactorRequired as owed:
        return form_page("second_factor.html", visitor, challenge=owed.challenge, next=shown["next"])
    except (InvalidCredentials, LockedOut) as error:
        return await refused(request, error, "login.html", visitor, at="email", **shown)
    return _entered(state.settings, cookie, next)


@router.get("/login/second-factor", response_class=HTMLResponse)
async def begin_again() -> Response:
    """Without a challenge there is nothing to answer."""
    return RedirectResponse("/login", 303)


@router.post("/login/second-factor", response_class=HTMLResponse)
async def pass_second_factor(
    request: Request,
    visitor: VisitorDep,
    state: StateDep,
    challenge: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002 - the address's own word
    user_agent: Annotated[str | None, Header()] = None,
) -> Response:
    """The second half of the login: the code of an app, or a recovery code."""
    shown: dict[str, Any] = {"next": own_path(next) or "", "challenge": challenge}
    method = Method.TOTP if DIGITS.fullmatch(code.strip()) else Method.RECOVERY_CODE
    try:
        cookie = await factor_service.pass_second_factor_page(
            state.database, site_of(state), challenge=challenge, proof=Proof(method, code.strip()),
            lasting=state.settings.page_lasting, device=device_of(user_agent), instead_of=visitor.session_id,
            hint=state.hint, clock=state.clock,
        )  # fmt: skip
    except ChallengeSpent as error:
        began_again = {"next": shown["next"], "email": "", "has_left": False}
        return await refused(request, error, "login.html", visitor, at="email", detail=TOO_LATE, **began_again)
    except (InvalidCode, LockedOut) as error:
        return await refused(request, error, "second_factor.html", visitor, at="code", **shown)
    return _entered(state.settings, cookie, next)


def _entered(settings: Settings, cookie: str, next_path: str) -> Response:
    answer = RedirectResponse(own_path(next_path) or HOME, 303)
    set_cookie(answer, settings, cookie)
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
