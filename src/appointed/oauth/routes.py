"""`/auth/token` and what stands around it: tokens for apps and machines."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form

from appointed.core.errors import Forbidden, Unauthenticated
from appointed.deps import AnyActor, ClockDep, RetryingRoute, SessionDep, SettingsDep, StateDep, refusals

from . import authorizing, service
from .assertions import issuer_of
from .errors import InvalidClient, InvalidGrant, InvalidRequest, InvalidScope, UnknownApp, UnsupportedGrantType
from .forms import OAuthRoute, oauth_refusals
from .schemas import JWT_BEARER, AuthorizeCreate, ClientForm, GrantRead, RedirectRead, Revoked, RevokeForm, TokenForm

router = APIRouter(prefix="/auth", tags=["apps and machines"], route_class=OAuthRoute)
consent = APIRouter(prefix="/auth", tags=["apps and machines"], route_class=RetryingRoute)


@router.post(
    "/token", response_model_exclude_none=True,
    responses=oauth_refusals(InvalidClient, InvalidGrant, InvalidScope, UnsupportedGrantType),
)  # fmt: skip
async def issue_token(form: Annotated[TokenForm, Form()], state: StateDep) -> GrantRead:
    """Trade a code, a refresh token or a machine's assertion for tokens (RFC 6749, RFC 7523, RFC 7636)."""
    issued = await _issued(_desk_of(state), form, state)
    return GrantRead(access_token=issued.access_token, expires_in=issued.expires_in, scope=issued.scope,
                     refresh_token=issued.refresh_token)  # fmt: skip


@router.post("/revoke", responses=oauth_refusals(InvalidClient))
async def revoke_token(form: Annotated[RevokeForm, Form()], state: StateDep) -> Revoked:
    """End the session that a token is of (RFC 7009). What is no token of the client's has ended already."""
    await service.give_up(_desk_of(state), form.token, client_id=form.client_id, assertion=_assertion_of(form))
    return Revoked()


@consent.post("/authorize", responses=refusals(Unauthenticated, Forbidden, UnknownApp))
async def authorize_app(
    body: AuthorizeCreate, actor: AnyActor, session: SessionDep, settings: SettingsDep, clock: ClockDep
) -> RedirectRead:
    """Let an app act for oneself, or not. The answer says where to send the browser: with a code, or what is wrong."""
    address = await authorizing.authorize(session, actor, body.asked(), is_allowed=body.is_allowed,
                                          issuer=settings.issuer, now=clock.now())  # fmt: skip
    return RedirectRead(redirect_to=address)


async def _issued(desk: service.Desk, form: TokenForm, state: StateDep) -> service.Issued:
    if form.grant_type == "client_credentials":
        assertion = _assertion_of(form)
        if assertion is None:
            raise InvalidClient
        return await service.by_assertion(desk, assertion, form.scope)
    if form.grant_type == "authorization_code":
        if not (form.client_id and form.code and form.redirect_uri and form.code_verifier):
            raise InvalidRequest
        lasting = timedelta(days=state.settings.refresh_token_days)
        return await service.by_code(desk, form.code, client_id=form.client_id, redirect_uri=form.redirect_uri,
                                     verifier=form.code_verifier, lasting=lasting)  # fmt: skip
    if form.grant_type == "refresh_token":
        if not (form.client_id and form.refresh_token):
            raise InvalidRequest
        return await service.by_refresh_token(desk, form.refresh_token, form.scope, client_id=form.client_id,
                                              idle=state.settings.session_idle)  # fmt: skip
    raise UnsupportedGrantType


def _assertion_of(form: ClientForm) -> str | None:
    """What a machine shows; if it also says who it is, it says the same there (RFC 7521 section 4.2)."""
    shown = form.client_assertion
    if shown and form.client_assertion_type != JWT_BEARER:
        raise InvalidClient
    if shown and form.client_id not in (None, issuer_of(shown)):
        raise InvalidClient
    return shown


def _desk_of(state: StateDep) -> service.Desk:
    issuer = state.settings.issuer
    return service.Desk(state.database, state.tokens, state.clock, {issuer, f"{issuer}/auth/token"})
