"""`/auth`: one's own second factors. Whoever adds or removes one shows their password, and stays logged in here."""

from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter

from appointed.accounts.actor import Actor
from appointed.accounts.errors import LockedOut, WrongPassword
from appointed.accounts.factors import queries, totp
from appointed.accounts.factors import service as factors
from appointed.accounts.factors.errors import (
    ChallengeSpent,
    NoSecondFactor,
    NothingBegun,
    PasskeyInvalid,
    PasskeyKnown,
    TooManyPasskeys,
    TotpActive,
    WrongCode,
)
from appointed.accounts.factors.models import Passkey
from appointed.accounts.factors.passkeys import Site
from appointed.core.errors import NotFound, Unauthenticated
from appointed.deps import AnyActor, ClockDep, ReadSessionDep, RetryingRoute, SessionDep, State, StateDep, refusals
from appointed.deps.auth import must_show_more

from . import factor_service as service
from .factor_schemas import (
    CurrentPassword,
    FactorsRead,
    PasskeyAdded,
    PasskeyCreate,
    PasskeyOptions,
    PasskeyRead,
    PasskeyUpdate,
    RecoveryCodes,
    TotpBegun,
    TotpConfirm,
)

T = TypeVar("T")
router = APIRouter(prefix="/auth", tags=["second factors"], route_class=RetryingRoute)


@router.get("/factors", responses=refusals(Unauthenticated))
async def list_factors(actor: AnyActor, session: ReadSessionDep, state: StateDep) -> FactorsRead:
    """Which second factors one has, and how many recovery codes are left."""
    found = await queries.of_user(session, actor.user_id)
    return FactorsRead.of(found, is_required=must_show_more(state.settings, actor.roles))


@router.post("/totp", responses=refusals(Unauthenticated, WrongPassword, LockedOut, TotpActive))
async def begin_totp(body: CurrentPassword, actor: AnyActor, state: StateDep) -> TotpBegun:
    """Get the key for an authenticator app. It is asked for only after `/auth/totp/confirm`."""
    key, account = await _with_password(body, actor, state, factors.begin_totp, "factor.begin")
    uri = totp.uri_of(key, account=account, issuer=state.settings.clinic_name)
    return TotpBegun(otpauth_uri=uri, key=key, qr_svg=totp.qr_of(uri))


@router.post("/totp/confirm", responses=refusals(Unauthenticated, NothingBegun, WrongCode, LockedOut))
async def confirm_totp(body: TotpConfirm, actor: AnyActor, state: StateDep) -> RecoveryCodes:
    """Show a code of the app: from now on one is asked for after the password. All other sessions end."""
    codes = await service.confirm_totp(state.database, actor, body.code, hint=state.hint, clock=state.clock)
    return RecoveryCodes(recovery_codes=codes)


@router.delete("/totp", status_code=204, responses=refusals(Unauthenticated, WrongPassword, LockedOut, NotFound))
async def remove_totp(body: CurrentPassword, actor: AnyActor, state: StateDep) -> None:
    """Remove the authenticator app. All other sessions end."""
    await _with_password(body, actor, state, factors.remove_totp, "factor.remove")


@router.post("/recovery-codes", responses=refusals(Unauthenticated, WrongPassword, LockedOut, NoSecondFactor))
async def renew_recovery_codes(body: CurrentPassword, actor: AnyActor, state: StateDep) -> RecoveryCodes:
    """Get ten new recovery codes, each of which stands in for a second factor once. The old ones are void."""
    codes = await _with_password(body, actor, state, factors.renew_codes, "factor.renew-codes")
    return RecoveryCodes(recovery_codes=codes)


@router.post("/passkeys/options", responses=refusals(Unauthenticated, WrongPassword, LockedOut, TooManyPasskeys))
async def begin_passkey(body: CurrentPassword, actor: AnyActor, state: StateDep) -> PasskeyOptions:
    """Get what the browser is to be asked, so that it makes a passkey. Good for five minutes, and once."""
    site = site_of(state)

    async def begin(session: Any, owner: factors.Owner) -> Any:
        return await factors.begin_passkey(session, owner, site)

    options = await _with_password(body, actor, state, begin, "factor.begin")
    return PasskeyOptions(public_key=options)


@router.post(
    "/passkeys",
    status_code=201,
    responses=refusals(Unauthenticated, ChallengeSpent, PasskeyInvalid, PasskeyKnown, TooManyPasskeys),
)
async def add_passkey(body: PasskeyCreate, actor: AnyActor, state: StateDep) -> PasskeyAdded:
    """Add the passkey that the browser made. It logs in by itself, or after the password. All other sessions end."""
    passkey, codes = await service.add_passkey(state.database, site_of(state), actor, body.credential.as_sent(),
                                               body.name, hint=state.hint, clock=state.clock)  # fmt: skip
    return PasskeyAdded.of(passkey, codes)


@router.patch("/passkeys/{passkey_id}", response_model=PasskeyRead, responses=refusals(Unauthenticated, NotFound))
async def rename_passkey(
    passkey_id: UUID, body: PasskeyUpdate, actor: AnyActor, session: SessionDep, clock: ClockDep
) -> Passkey:
    """Call a passkey something else."""
    return await factors.rename_passkey(session, actor.user_id, passkey_id, body.name, clock.now())


@router.delete(
    "/passkeys/{passkey_id}",
    status_code=204,
    responses=refusals(Unauthenticated, WrongPassword, LockedOut, NotFound),
)
async def remove_passkey(passkey_id: UUID, body: CurrentPassword, actor: AnyActor, state: StateDep) -> None:
    """Remove a passkey. All other sessions end."""

    async def remove(session: Any, owner: factors.Owner) -> None:
        await factors.remove_passkey(session, owner, passkey_id)

    await _with_password(body, actor, state, remove, "factor.remove")


def site_of(state: State) -> Site:
    return Site.at(state.settings.public_url, state.settings.clinic_name)


async def _with_password(body: CurrentPassword, actor: Actor, state: State, deed: service.Deed[T], action: str) -> T:
    return await service.with_password(
        state.database, state.hasher, actor, deed, current=body.current_password.get_secret_value(), action=action,
        hint=state.hint, clock=state.clock,
    )  # fmt: skip
