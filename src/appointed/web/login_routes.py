"""`/login` and `/logout`: into the pages and out of them."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import SecretStr, ValidationError

from appointed import accounts
from appointed.accounts.devices import device_of
from appointed.accounts.errors import InvalidCredentials, LockedOut
from appointed.accounts.factors.errors import ChallengeSpent, InvalidCode, PasskeyRefused, SecondFactorRequired
from appointed.accounts.factors.passkeys import Credential
from appointed.accounts.factors.rules import Method
from appointed.accounts.factors.showing import Proof
from appointed.auth import factor_service, service
from appointed.auth.factor_routes import site_of
from appointed.auth.factor_schemas import ShownCredential
from appointed.auth.service import PageDoor
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
TOO_LATE = "This took too long, or was done before. Begin again."


async def _door(
    visitor: VisitorDep, settings: SettingsDep, user_agent: Annotated[str | None, Header()] = None
) -> PageDoor:  # fmt: skip
    """The session that a login opens: in the place of the one that the browser has, if it has one."""
    return PageDoor(settings.page_lasting, device_of(user_agent), visitor.session_id)


async def _next_path(next: Annotated[str, Form()] = "") -> str:  # noqa: A002 - the address's own word
    """Where they wanted to go, as the form says; nothing, if that is no path of ours."""
    return own_path(next) or ""


DoorDep = Annotated[PageDoor, Depends(_door)]
NextDep = Annotated[str, Depends(_next_path)]


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
    door: DoorDep,
    next_path: NextDep,
    email: Annotated[str, Form()] = "",
    password: Annotated[SecretStr, Form()] = NOTHING,
) -> Response:
    """A new cookie, whichever there was before, and on to where they wanted to go; or first to the second factor."""
    shown: dict[str, Any] = {"next": next_path, "email": email, "has_left": False}
    if faults := _missing(email, password):
        return form_page("login.html", visitor, status=422, faults=faults, **shown)
    try:
        cookie = await service.log_in_page(state.database, state.hasher, door, email=normalised_email(email),
                                           password=password.get_secret_value(), clock=state.clock)  # fmt: skip
    except SecondFactorRequired as owed:
        has_passkey = Method.PASSKEY in owed.methods
        return form_page("second_factor.html", visitor, challenge=owed.challenge, next=next_path,
                         has_passkey=has_passkey)  # fmt: skip
    except (InvalidCredentials, LockedOut) as error:
        return await refused(request, error, "login.html", visitor, at="email", **shown)
    return _entered(state.settings, cookie, next_path)


@router.get("/login/second-factor", response_class=HTMLResponse)
async def begin_again() -> Response:
    """Without a challenge there is nothing to answer."""
    return RedirectResponse("/login", 303)


@router.post("/login/second-factor", response_class=HTMLResponse)
async def pass_second_factor(
    request: Request,
    visitor: VisitorDep,
    state: StateDep,
    door: DoorDep,
    next_path: NextDep,
    challenge: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    passkey: Annotated[str, Form()] = "",
    has_passkey: Annotated[str, Form()] = "",
) -> Response:
    """The second half of the login: the code of an app, a recovery code, or what a passkey has signed."""
    try:
        cookie = await factor_service.pass_second_factor_page(
            state.database, site_of(state), door, challenge=challenge, proof=_proof(code.strip(), passkey),
            hint=state.hint, clock=state.clock,
        )  # fmt: skip
    except ChallengeSpent as error:
        shown: dict[str, Any] = {"next": next_path, "email": "", "has_left": False}
        return await refused(request, error, "login.html", visitor, at="email", detail=TOO_LATE, **shown)
    except (InvalidCode, PasskeyRefused, LockedOut) as error:
        at = "" if passkey else "code"
        return await refused(request, error, "second_factor.html", visitor, at=at, challenge=challenge, next=next_path,
                             has_passkey=bool(has_passkey))  # fmt: skip
    return _entered(state.settings, cookie, next_path)


@router.post("/login/passkey", response_class=HTMLResponse)
async def log_in_with_passkey(
    request: Request,
    visitor: VisitorDep,
    state: StateDep,
    door: DoorDep,
    next_path: NextDep,
    passkey: Annotated[str, Form()] = "",
) -> Response:
    """A login by a passkey and nothing else, signed by the browser for a challenge that the API gave."""
    try:
        cookie = await factor_service.log_in_page_with_passkey(
            state.database, site_of(state), door, credential=_credential(passkey), clock=state.clock
        )
    except (ChallengeSpent, PasskeyRefused) as error:
        shown: dict[str, Any] = {"next": next_path, "email": "", "has_left": False}
        detail = TOO_LATE if isinstance(error, ChallengeSpent) else None
        return await refused(request, error, "login.html", visitor, at="", detail=detail, **shown)
    return _entered(state.settings, cookie, next_path)


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


def _entered(settings: Settings, cookie: str, next_path: str) -> Response:
    answer = RedirectResponse(next_path or HOME, 303)
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


def _proof(code: str, passkey: str) -> Proof:
    if passkey:
        return Proof(Method.PASSKEY, credential=_credential(passkey))
    return Proof(Method.TOTP if DIGITS.fullmatch(code) else Method.RECOVERY_CODE, code)


def _credential(passkey: str) -> Credential:
    """What the browser made of a passkey; nothing, of a text that is none."""
    try:
        return ShownCredential.model_validate_json(passkey).as_sent()
    except ValidationError:
        return {}
