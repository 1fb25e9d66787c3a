"""`/auth`: log in, stay logged in, log out, passwords, and who am I."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Header, Response

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.devices import device_of
from appointed.accounts.errors import InvalidCredentials, InvalidToken, LinkSpent, LockedOut, WrongPassword
from appointed.accounts.factors.errors import SecondFactorRequired
from appointed.accounts.models import User
from appointed.accounts.passwords import check_own
from appointed.accounts.rules import Purpose
from appointed.core.codes import id_in
from appointed.core.errors import NotFound, Unauthenticated
from appointed.core.text import normalised_email
from appointed.deps import (
    AnyActor,
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    StateDep,
    refusals,
)

from . import service
from .schemas import (
    Accepted,
    EmailConfirm,
    LinkSent,
    LoginForm,
    MeRead,
    PasswordChange,
    RefreshCreate,
    ResetAsk,
    ResetConfirm,
    SessionRead,
    TokenRead,
)

router = APIRouter(prefix="/auth", tags=["login"], route_class=RetryingRoute)


@router.post("/login", responses=refusals(InvalidCredentials, SecondFactorRequired, LockedOut))
async def log_in(
    form: Annotated[LoginForm, Form()],
    state: StateDep,
    user_agent: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> TokenRead:
    """Log in with e-mail address (as `username`) and password; after five failures in a row, 429 for a while.

    Of an account with a second factor the answer is 401 `second_factor_required`, with a `challenge` for
    `/auth/login/second-factor` and the `methods` there are."""
    lasting = timedelta(days=state.settings.refresh_token_days)
    pair = await service.log_in(
        state.database, state.hasher, state.tokens, email=normalised_email(form.username),
        password=form.password.get_secret_value(), lasting=lasting,
        device=device_of(user_agent), clock=state.clock,
    )  # fmt: skip
    return read_pair(pair)


@router.post("/refresh", responses=refusals(InvalidToken))
async def refresh_tokens(body: RefreshCreate, state: StateDep) -> TokenRead:
    """Trade a refresh token for the next pair. It works once: for ten seconds it gets the same answer, and then it ends
    the session, since somebody else must have it."""
    idle = state.settings.session_idle
    return read_pair(
        await service.refresh(state.database, state.tokens, body.refresh_token, idle=idle, clock=state.clock)
    )


@router.post("/logout", status_code=204, responses=refusals(Unauthenticated))
async def log_out(actor: AnyActor, session: SessionDep, clock: ClockDep, response: Response) -> None:
    """End this session: its access and refresh tokens are refused from now on."""
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    await accounts.end_session(session, actor.session_id, by=actor.user_id, now=clock.now())


@router.post("/password", status_code=204, responses=refusals(Unauthenticated, WrongPassword, LockedOut))
async def change_password(body: PasswordChange, actor: AnyActor, state: StateDep) -> None:
    """Choose another password, showing the current one. It ends the user's other sessions and keeps this one."""
    async with state.database.reads() as session:
        user = await queries.get(session, actor.user_id)
    check_own(body.new_password, user.email, user.display_name, state.settings.clinic_name, field="new_password")
    await service.change_password(
        state.database, state.hasher, actor, current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(), hint=state.hint, clock=state.clock,
    )  # fmt: skip


@router.post("/password-reset", status_code=202, responses=refusals())
async def ask_for_password(body: ResetAsk, session: SessionDep, clock: ClockDep) -> Accepted:
    """Have a link mailed that sets a new password. The answer is the same for an address that nobody logs in with."""
    await service.ask_for_reset(session, body.email, clock.now())
    return Accepted()


@router.post("/password-reset/confirm", status_code=204, responses=refusals(LinkSpent))
async def reset_password(body: ResetConfirm, state: StateDep, session: SessionDep) -> None:
    """Set a new password by the code in a mailed link, which works once. All sessions of the account end."""

    def check(user: User) -> None:
        check_own(body.password, user.email, user.display_name, state.settings.clinic_name)

    link_id = id_in(state.settings.secret_key.get_secret_value(), Purpose.PASSWORD_RESET, body.code)
    await service.reset_password(state.database.reads, session, state.hasher, link_id, check,
                                 password=body.password.get_secret_value(), clock=state.clock)  # fmt: skip


@router.post("/email-confirmation", status_code=202, responses=refusals(Unauthenticated))
async def ask_to_confirm_email(actor: AnyActor, session: SessionDep, clock: ClockDep) -> LinkSent:
    """Have the link that confirms one's e-mail address mailed again."""
    await service.ask_to_confirm_email(session, actor, clock.now())
    return LinkSent()


@router.post("/email-confirmation/confirm", status_code=204, responses=refusals(LinkSpent))
async def confirm_email(body: EmailConfirm, state: StateDep, session: SessionDep) -> None:
    """Confirm an e-mail address by the code in a mailed link, which works once."""
    link_id = id_in(state.settings.secret_key.get_secret_value(), Purpose.EMAIL_CONFIRMATION, body.code)
    await service.confirm_email(session, link_id, state.clock.now())


@router.get("/sessions", responses=refusals(Unauthenticated))
async def list_logins(
    actor: AnyActor, state: StateDep, session: ReadSessionDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[SessionRead]:
    """Where one is logged in, the oldest login first."""
    page = await queries.living_sessions(session, actor.user_id, idle=state.settings.session_idle,
                                         now=state.clock.now(), limit=limit, cursor=cursor)  # fmt: skip
    items = [SessionRead.of(each, is_current=each.id == actor.session_id) for each in page.items]
    return PageOf(items=items, next_cursor=page.next_cursor)


@router.delete("/sessions/{login_id}", status_code=204, responses=refusals(Unauthenticated, NotFound))
async def end_login(login_id: UUID, actor: AnyActor, session: SessionDep, clock: ClockDep) -> None:
    """Log out on another device, or on this one."""
    await accounts.end_own(session, actor.user_id, login_id, clock.now())


@router.get("/me", responses=refusals(Unauthenticated))
async def read_me(actor: AnyActor, session: ReadSessionDep) -> MeRead:
    """Who is logged in."""
    user = await queries.get(session, actor.user_id)
    return MeRead(id=user.id, email=user.email, display_name=user.display_name, roles=user.roles,
                  is_email_verified=user.email_verified_at is not None)  # fmt: skip


def read_pair(pair: service.TokenPair) -> TokenRead:
    return TokenRead(access_token=pair.access_token, expires_in=pair.expires_in, refresh_token=pair.refresh_token)
