"""Reading clients and what they have used up."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Insert, or_, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.client_models import AuthorizationCode, OAuthClient, UsedAssertion
from appointed.accounts.models import User
from appointed.core.db import changed
from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of

from .assertions import Assertion
from .rules import ClientKind


async def find(
    session: AsyncSession, client_id: UUID | None, kind: ClientKind, *, for_update: bool = False
) -> OAuthClient | None:
    """The active client of that kind; of a machine its user is active, too."""
    active = select(User.id).where(User.is_active)
    query = select(OAuthClient).where(OAuthClient.id == client_id, OAuthClient.kind == kind, OAuthClient.is_active,
                                      or_(OAuthClient.user_id.is_(None), OAuthClient.user_id.in_(active)))  # fmt: skip
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: OAuthClient | None = await session.scalar(query) if client_id else None
    return found


async def get(session: AsyncSession, client_id: UUID, *, for_update: bool = False) -> OAuthClient:
    query = select(OAuthClient).where(OAuthClient.id == client_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    client: OAuthClient | None = await session.scalar(query)
    if client is None:
        raise NotFound
    return client


async def page(session: AsyncSession, *, limit: int, cursor: str | None) -> Page[OAuthClient]:
    return await page_of(session, select(OAuthClient), [OAuthClient.id], limit=limit, cursor=cursor)


def hash_of(code: str) -> bytes:
    """SHA-256: enough for 256 bits that nobody can guess."""
    return sha256(code.encode("utf-8", "surrogatepass")).digest()


async def find_code(session: AsyncSession, code: str, *, for_update: bool = False) -> AuthorizationCode | None:
    query = select(AuthorizationCode).where(AuthorizationCode.code_hash == hash_of(code))
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: AuthorizationCode | None = await session.scalar(query)
    return found


async def use_up(session: AsyncSession, client_id: UUID, assertion: Assertion) -> bool:
    """Note that the assertion was used; whether this is the first time."""
    put = await session.execute(_insert(session, client_id, assertion.jti_hash, assertion.expires_at))
    return changed(put) > 0


def _insert(session: AsyncSession, client_id: UUID, jti_hash: bytes, expires_at: datetime) -> Insert:
    """Nothing, if there is such a row; of many who insert it at once, one does."""
    row = {"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}
    match session.get_bind().dialect.name:
        case "postgresql":
            return postgresql.insert(UsedAssertion).values(row).on_conflict_do_nothing()
        case "sqlite":
            return sqlite.insert(UsedAssertion).values(row).on_conflict_do_nothing()
        case _:
            return mysql.insert(UsedAssertion).values(row).prefix_with("IGNORE")
