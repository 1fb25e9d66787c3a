"""`/auth/login`: with more than a password, or without one."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header

from appointed.accounts.devices import device_of
from appointed.accounts.errors import LockedOut
from appointed.accounts.factors.errors import ChallengeSpent, InvalidCode, PasskeyCopied, PasskeyRefused
from appointed.deps import RetryingRoute, SessionDep, StateDep, refusals

from . import factor_service as service
from .factor_routes import site_of
from .factor_schemas import ChallengeShown, PasskeyLogin, PasskeyOptions, SecondFactorShow
from .routes import read_pair
from .schemas import TokenRead

router = APIRouter(prefix="/auth/login", tags=["login"], route_class=RetryingRoute)
UserAgent = Annotated[str | None, Header(include_in_schema=False)]


@router.post("/second-factor", responses=refusals(ChallengeSpent, InvalidCode, PasskeyCopied, LockedOut))
async def pass_second_factor(body: SecondFactorShow, state: StateDep, user_agent: UserAgent = None) -> TokenRead:
    """The second half of a login: a code or a passkey, with the challenge that the first half was answered with."""
    pair = await service.pass_second_factor(
        state.database, state.tokens, site_of(state), challenge=body.challenge, proof=body.proof,
        lasting=timedelta(days=state.settings.refresh_token_days), device=device_of(user_agent), hint=state.hint,
        clock=state.clock,
    )  # fmt: skip
    return read_pair(pair)


@router.post("/second-factor/options", responses=refusals(ChallengeSpent))
async def ask_for_passkey(body: ChallengeShown, state: StateDep) -> PasskeyOptions:
    """Get what the browser is to be asked, so that it shows a passkey after the password."""
    options = await service.options_to_pass(state.database, site_of(state), body.challenge, state.clock.now())
    return PasskeyOptions(public_key=options)


@router.post("/passkey/options", responses=refusals())
async def begin_passkey_login(session: SessionDep, state: StateDep) -> PasskeyOptions:
    """Get what the browser is to be asked, so that it shows any passkey of this site. Good for five minutes, once."""
    return PasskeyOptions(public_key=service.options_to_log_in(session, site_of(state), state.clock.now()))


@router.post("/passkey", responses=refusals(ChallengeSpent, PasskeyRefused, PasskeyCopied))
async def log_in_with_passkey(body: PasskeyLogin, state: StateDep, user_agent: UserAgent = None) -> TokenRead:
    """Log in with a passkey and nothing else: who shows it has proven themselves to it, by PIN, finger or face."""
    pair = await service.log_in_with_passkey(
        state.database, state.tokens, site_of(state), credential=body.credential.as_sent(),
        lasting=timedelta(days=state.settings.refresh_token_days), device=device_of(user_agent), clock=state.clock,
    )  # fmt: skip
    return read_pair(pair)
