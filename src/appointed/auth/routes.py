"""`/auth`: log in, stay logged in, log out, and who am I."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.errors import InvalidCredentials, InvalidToken, LockedOut
from appointed.core.errors import Unauthenticated
from appointed.core.text import normalised_email
from appointed.deps import AnyActor, ClockDep, ReadSessionDep, RetryingRoute, SessionDep, StateDep, refusals

from . import service
from .schemas import LoginForm, MeRead, RefreshCreate, TokenRead

router = APIRouter(prefix="/auth", tags=["login"], route_class=RetryingRoute)


@router.post("/login", responses=refusals(InvalidCredentials, LockedOut))
async def log_in(form: Annotated[LoginForm, Form()], state: StateDep) -> TokenRead:
    """Log in with e-mail address (as `username`) and password; after five failures in a row, 429 for a while."""
    lasting = timedelta(days=state.settings.refresh_token_days)
    pair = await service.log_in(
        state.database, state.hasher, state.tokens, email=normalised_email(form.username),
        password=form.password.get_secret_value(), lasting=lasting, clock=state.clock,
    )  # fmt: skip
    return _read(pair)


@router.post("/refresh", responses=refusals(InvalidToken))
async def refresh_tokens(body: RefreshCreate, state: StateDep) -> TokenRead:
    """Trade a refresh token for the next pair. It works once: for ten seconds it gets the same answer, and then it ends
    the session, since somebody else must have it."""
    idle = state.settings.session_idle
    return _read(await service.refresh(state.database, state.tokens, body.refresh_token, idle=idle, clock=state.clock))


@router.post("/logout", status_code=204, responses=refusals(Unauthenticated))
async def log_out(actor: AnyActor, session: SessionDep, clock: ClockDep, response: Response) -> None:
    """End this session: its access and refresh tokens are refused from now on."""
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    await accounts.end_session(session, actor.session_id, by=actor.user_id, now=clock.now())


@router.get("/me", responses=refusals(Unauthenticated))
async def read_me(actor: AnyActor, session: ReadSessionDep) -> MeRead:
    """Who is logged in."""
    user = await queries.get(session, actor.user_id)
    return MeRead(id=user.id, email=user.email, display_name=user.display_name, roles=user.roles)


def _read(pair: service.TokenPair) -> TokenRead:
    return TokenRead(access_token=pair.access_token, expires_in=pair.expires_in, refresh_token=pair.refresh_token)
