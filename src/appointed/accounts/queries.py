"""Reading accounts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from appointed.core.errors import NotFound
from appointed.core.paging import Page, page_of

from .actor import Role
from .client_models import OAuthClient
from .models import LoginSession, User, UserRole
from .rules import NO_PASSWORD
from .tokens import AccessToken

# Asked for every request, so put together once.
_STANDING = (
    select(UserRole.role, LoginSession.second_factor, LoginSession.client_id)
    .select_from(User)
    .join(LoginSession, LoginSession.user_id == User.id)
    .join(UserRole, UserRole.user_id == User.id, isouter=True)
    .join(OAuthClient, OAuthClient.id == LoginSession.client_id, isouter=True)
    .where(
        User.id == bindparam("user"),
        User.is_active,
        LoginSession.id == bindparam("login"),
        LoginSession.is_cookie.is_(False),
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > bindparam("now"),
        or_(LoginSession.client_id.is_(None), OAuthClient.is_active),
    )
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The roles of somebody who is logged in, and with which second factor they are, if any."""

    roles: Sequence[str]
    second_factor: str | None


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    found: User | None = await session.scalar(select(User).where(User.email == email))
    return found


async def get(session: AsyncSession, user_id: UUID, *, for_update: bool = False) -> User:
    query = select(User).where(User.id == user_id).options(selectinload(User.role_rows))
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    user = await session.scalar(query)
    if user is None:
        raise NotFound
    return user


async def page(session: AsyncSession, *, limit: int, cursor: str | None, role: Role | None = None) -> Page[User]:
    query = select(User).options(selectinload(User.role_rows))
    if role:
        query = query.where(User.id.in_(select(UserRole.user_id).where(UserRole.role == role)))
    return await page_of(session, query, [User.id], limit=limit, cursor=cursor)


async def is_verified(session: AsyncSession, user_id: UUID) -> bool:
    """Whether the user has shown that their address is theirs."""
    return await session.scalar(select(User.email_verified_at).where(User.id == user_id)) is not None


async def living_sessions(
    session: AsyncSession, user_id: UUID, *, idle: timedelta | None, page_idle: timedelta, now: datetime, limit: int,
    cursor: str | None,
) -> Page[LoginSession]:  # fmt: skip
    """Where the user is logged in, the oldest first."""
    used_at = func.coalesce(LoginSession.refreshed_at, LoginSession.created_at)
    query = select(LoginSession).where(
        LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now,
        or_(LoginSession.is_cookie.is_(False), used_at > now - page_idle),
    )  # fmt: skip
    if idle is not None:
        query = query.where(or_(LoginSession.is_cookie, used_at > now - idle))
    return await page_of(session, query, [LoginSession.id], limit=limit, cursor=cursor)


async def find_standing(session: AsyncSession, token: AccessToken, now: datetime) -> Standing | None:
    """What an active user with a living session is; None when either is gone, or the session is not that of the app or
    machine that the token was given to, or this one has been deactivated."""
    found = await session.execute(_STANDING, {"user": token.user_id, "login": token.session_id, "now": now})
    rows = found.all()
    if not rows or rows[0].client_id != token.client_id:
        return None
    return Standing([row.role for row in rows if row.role], rows[0].second_factor)


async def roles_by_user(session: AsyncSession, user_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The roles of each of the users who has any."""
    found: dict[UUID, list[str]] = {}
    for row in await session.execute(select(UserRole.user_id, UserRole.role).where(UserRole.user_id.in_(user_ids))):
        found.setdefault(row.user_id, []).append(row.role)
    return found


async def names_by_user(session: AsyncSession, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """How each of the users is shown."""
    rows = await session.execute(select(User.id, User.display_name).where(User.id.in_(user_ids)))
    return {row.id: row.display_name for row in rows}


async def count_administrators(session: AsyncSession) -> int:
    """Those who can log in: a machine with the role would be of no help."""
    can_log_in = (User.is_active, User.password_hash != NO_PASSWORD)
    are = select(func.count()).select_from(UserRole).join(User).where(UserRole.role == Role.ADMIN, *can_log_in)
    return await session.scalar(are) or 0
