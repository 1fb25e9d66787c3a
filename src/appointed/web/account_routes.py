"""`/account`: who one is, where one is logged in, and another password."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.errors import LockedOut, WrongPassword
from appointed.accounts.models import LoginSession
from appointed.accounts.passwords import check_own
from appointed.accounts.scopes import in_words
from appointed.auth import service
from appointed.auth.schemas import PasswordChange
from appointed.core.errors import AppError, Field, Invalid
from appointed.core.problems import fields_of
from appointed.deps import Cursor, PageActor, PageRoute, ReadSessionDep, SessionDep, StateDep, VisitorDep
from appointed.notifications.times import spelled

from .login_routes import left
from .pages import form_page, refused

router = APIRouter(prefix="/account", route_class=PageRoute, include_in_schema=False)

LOGINS = 20
# What the address says of the last step; anything else says nothing.
DONE = {
    "password": "You have a new password. Everywhere else you are logged out.",
    "login": "That login has ended.",
}


@router.get("", response_class=HTMLResponse)
async def show_account(
    actor: PageActor, visitor: VisitorDep, state: StateDep, session: ReadSessionDep, done: str = "",
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Who is logged in, and where."""
    user = await queries.get(session, actor.user_id)
    logins = await queries.living_sessions(
        session, actor.user_id, idle=state.settings.session_idle, page_idle=state.settings.page_idle,
        now=state.clock.now(), limit=LOGINS, cursor=cursor,
    )  # fmt: skip
    zone = state.settings.clinic_timezone
    rows = [_row(each, zone, is_current=each.id == actor.session_id) for each in logins.items]
    return form_page("account.html", visitor, user=user, logins=rows, next_cursor=logins.next_cursor,
                     done=DONE.get(done))  # fmt: skip


def _row(login: LoginSession, zone: str, *, is_current: bool) -> dict[str, Any]:
    used_at = login.refreshed_at or login.created_at
    return {"id": login.id, "device": login.device or "A program", "is_current": is_current,
            "since": spelled(login.created_at, zone), "used": spelled(used_at, zone),
            "may": in_words(login.scope or "")}  # fmt: skip


@router.post("/sessions/{login_id}/end", response_class=HTMLResponse)
async def end_login(login_id: UUID, actor: PageActor, state: StateDep, session: SessionDep) -> Response:
    """Log out on another device, or on this one."""
    await accounts.end_own(session, actor.user_id, login_id, state.clock.now())
    return left(state.settings) if login_id == actor.session_id else RedirectResponse("/account?done=login", 303)


@router.get("/password", response_class=HTMLResponse)
async def show_password(actor: PageActor, visitor: VisitorDep, session: ReadSessionDep) -> Response:
    """The form for another password."""
    user = await queries.get(session, actor.user_id)
    return form_page("password.html", visitor, email=user.email)


@router.post("/password", response_class=HTMLResponse)
async def change_password(
    request: Request,
    actor: PageActor,
    visitor: VisitorDep,
    state: StateDep,
    current_password: Annotated[str, Form()] = "",
    new_password: Annotated[str, Form()] = "",
) -> Response:
    """Choose another password, showing the current one. It ends the user's other sessions and keeps this one."""
    async with state.database.reads() as reading:
        user = await queries.get(reading, actor.user_id)
    try:
        chosen = _chosen(current_password, new_password)
        check_own(chosen.new_password, user.email, user.display_name, state.settings.clinic_name, field="new_password")
        await service.change_password(
            state.database, state.hasher, actor, current=chosen.current_password.get_secret_value(),
            new=chosen.new_password.get_secret_value(), hint=state.hint, clock=state.clock,
        )  # fmt: skip
    except (Invalid, WrongPassword, LockedOut) as error:
        return await refused(request, error, "password.html", visitor, at="current_password", email=user.email)
    return RedirectResponse("/account?done=password", 303)


def _chosen(current: str, new: str) -> PasswordChange:
    """`Invalid` in words for who has just typed it."""
    if not current:
        raise Invalid.field("current_password", "Enter your current password.")
    try:
        return PasswordChange.model_validate({"current_password": current, "new_password": new})
    except ValidationError as error:
        raise _in_words(error) from None


def _in_words(error: ValidationError) -> AppError:
    said = [Field(each.name, each.code, f"The password {each.detail.removeprefix('Value error, ')}.")
            for each in fields_of(error.errors())]  # fmt: skip
    return Invalid(fields=said)
