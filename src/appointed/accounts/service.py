"""Making, changing and disabling accounts."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core import outbox
from appointed.core.db import constraint_of
from appointed.core.ids import new_id

from . import attempts, links, queries
from .actor import Role
from .errors import EmailTaken, LastAdministrator
from .events import PasswordChanged
from .models import User, UserRole
from .rules import Purpose
from .sessions import end_sessions


async def create(
    session: AsyncSession,
    *,
    email: str,
    password_hash: str,
    display_name: str,
    roles: Iterable[Role],
    by: UUID | None,
    now: datetime,
) -> User:
    """A new active user; `EmailTaken` if the address has an account already."""
    user = User(
        id=new_id(),
        email=email,
        password_hash=password_hash,
        display_name=display_name,
        is_active=True,
        created_at=now,
        role_rows=[UserRole(role=role) for role in sorted(set(roles))],
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_users_email":
            raise EmailTaken from None
        raise
    audit.record(session, now, by or user.id, "user.create", "user", user.id, roles=",".join(user.roles))
    return user


async def change(
    session: AsyncSession,
    user_id: UUID,
    *,
    display_name: str | None = None,
    roles: Iterable[Role] | None = None,
    is_active: bool | None = None,
    by: UUID | None,
    now: datetime,
) -> User:
    """Change what is given. Losing a role or being disabled ends the user's sessions."""
    user = await lock(session, user_id)
    before = (user.roles, user.is_active)
    if display_name is not None:
        user.display_name = display_name
    if roles is not None:
        wanted = {str(role) for role in roles}
        user.role_rows = [row for row in user.role_rows if row.role in wanted]
        user.role_rows += [UserRole(user_id=user.id, role=role) for role in sorted(wanted - set(user.roles))]
    if is_active is not None:
        user.is_active = is_active
    await session.flush()
    if Role.ADMIN in before[0] and before[1] and not await queries.count_administrators(session):
        raise LastAdministrator
    if before != (user.roles, user.is_active):
        await end_sessions(session, user.id, now)
    audit.record(session, now, by, "user.change", "user", user.id, roles=",".join(user.roles),
                 is_active=str(user.is_active))  # fmt: skip
    return user


async def suspend(session: AsyncSession, user_id: UUID, role: Role, *, by: UUID, now: datetime) -> None:
    """Take the role away; who had no other can no longer log in."""
    user = await lock(session, user_id)
    if user.roles == [role]:
        await change(session, user_id, is_active=False, by=by, now=now)
    else:
        await change(session, user_id, roles=[Role(name) for name in user.roles if name != role], by=by, now=now)


async def resume(session: AsyncSession, user_id: UUID, role: Role, *, by: UUID, now: datetime) -> None:
    """Undo `suspend`. Who has other roles keeps them, and stays disabled if an administrator saw to that."""
    user = await lock(session, user_id)
    if user.roles == [role]:
        await change(session, user_id, is_active=True, by=by, now=now)
    else:
        await change(session, user_id, roles={role, *map(Role, user.roles)}, by=by, now=now)


async def grant(session: AsyncSession, user_id: UUID, role: Role, *, by: UUID, now: datetime) -> None:
    """Add the role where it is missing; the user then logs in anew, for what they may do is another."""
    user = await lock(session, user_id)
    if role not in user.roles:
        await change(session, user_id, roles={role, *map(Role, user.roles)}, by=by, now=now)


async def lock(session: AsyncSession, user_id: UUID) -> User:
    """The user as they are now, behind the lock under which administrators are counted."""
    await session.execute(select(UserRole.user_id).where(UserRole.role == Role.ADMIN).with_for_update())
    return await queries.get(session, user_id, for_update=True)


async def set_password(
    session: AsyncSession, user_id: UUID, password_hash: str, *, by: UUID | None, keep: UUID | None = None,
    now: datetime,
) -> None:  # fmt: skip
    """A new password. Every session but the one to keep ends, failures are forgotten, and mailed links are void."""
    user = await queries.get(session, user_id, for_update=True)
    user.password_hash = password_hash
    await end_sessions(session, user_id, now, keep=keep)
    await attempts.forget(session, user.email)
    await links.spend(session, Purpose.PASSWORD_RESET, user_id, now)
    audit.record(session, now, by, "user.password", "user", user_id)
    outbox.publish(session, PasswordChanged(user_id), now)
