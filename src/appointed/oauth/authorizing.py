"""Letting an app in: its user says yes, and it gets a code that is good once, for a minute (RFC 6749 section 4.1)."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit
from appointed.accounts import queries as users
from appointed.accounts.actor import Actor
from appointed.accounts.client_models import AuthorizationCode, OAuthClient
from appointed.accounts.scopes import granted

from . import queries
from .errors import UnknownApp
from .rules import CODE_LASTS, ClientKind, is_challenge, with_parameters


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks for, as it stands in the address that it sends its user's browser to."""

    client_id: UUID | None
    redirect_uri: str
    response_type: str = "code"
    scope: str = ""
    state: str | None = None
    code_challenge: str = ""
    code_challenge_method: str = ""


async def app_of(session: AsyncSession, asked: Asked, *, for_update: bool = False) -> OAuthClient:
    """Who asks; `UnknownApp` unless it is known to live exactly there, for else anybody could have people sent
    anywhere."""
    client = await queries.find(session, asked.client_id, ClientKind.APP, for_update=for_update)
    if client is None or asked.redirect_uri not in client.redirect_uris:
        raise UnknownApp
    return client


def refusal_of(client: OAuthClient, asked: Asked) -> str | None:
    """The error that the app is told by a redirect (RFC 6749 section 4.1.2.1), if its request is no good."""
    if asked.response_type != "code":
        return "unsupported_response_type" if asked.response_type else "invalid_request"
    if asked.code_challenge_method != "S256" or not is_challenge(asked.code_challenge):
        return "invalid_request"
    return None if granted(asked.scope, client.scope.split()) else "invalid_scope"


def sent_back(asked: Asked, *, issuer: str, **said: str) -> str:
    """Where the browser goes from here, with `state` as it came and who says so (RFC 9207)."""
    return with_parameters(asked.redirect_uri, **said, state=asked.state, iss=issuer)


async def authorize(
    session: AsyncSession, actor: Actor, asked: Asked, *, is_allowed: bool, issuer: str, now: datetime
) -> str:
    """Where to send the browser: with a code, or with what is wrong; `UnknownApp` where it is sent nowhere.

    The user and then the app are locked, as by whoever trades the code: what ends sessions or changes an app voids
    codes too, and must not miss this one.
    """
    await users.get(session, actor.user_id, for_update=True)
    login = await accounts.living(session, actor.session_id, now)
    client = await app_of(session, asked, for_update=True)
    if refused := refusal_of(client, asked):
        return sent_back(asked, issuer=issuer, error=refused)
    scope = granted(asked.scope, client.scope.split()) or ""
    said = scope.replace(" ", ",")
    if not is_allowed:
        audit.record(session, now, actor.user_id, "client.deny", "client", client.id, scope=said)
        return sent_back(asked, issuer=issuer, error="access_denied")
    code = secrets.token_urlsafe(32)
    session.add(AuthorizationCode(
        code_hash=queries.hash_of(code), client_id=client.id, user_id=actor.user_id, redirect_uri=asked.redirect_uri,
        challenge=asked.code_challenge, scope=scope, created_at=now, expires_at=now + CODE_LASTS,
        second_factor=login.second_factor,
    ))  # fmt: skip
    audit.record(session, now, actor.user_id, "client.authorize", "client", client.id, scope=said)
    return sent_back(asked, issuer=issuer, code=code)
