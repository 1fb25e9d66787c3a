"""Links that are mailed to an address and work once. For an address that nobody has, all but the mail is the same."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core import outbox
from appointed.core.db import changed, vault_of
from appointed.core.ids import new_id

from . import queries
from .attempts import subject_of
from .errors import LinkSpent
from .events import LinkAsked
from .models import AccountLink, User
from .rules import LINK_LASTS, Purpose

# Whoever knows an address could fill its mailbox otherwise.
MOST_AN_HOUR = 3


async def ask(session: AsyncSession, purpose: Purpose, email: str, *, by: UUID | None, now: datetime) -> None:
    """Have a link mailed to the address, if an active user has it and it did not get several within the hour."""
    user = await queries.find_by_email(session, email)
    subject = subject_of(vault_of(session), email)
    recent = select(func.count()).where(
        AccountLink.subject == subject, AccountLink.purpose == purpose,
        AccountLink.created_at > now - timedelta(hours=1),
    )  # fmt: skip
    is_enough = (await session.scalar(recent) or 0) >= MOST_AN_HOUR
    user_id = user.id if user and user.is_active else None
    audit.record(session, now, by, f"user.{purpose}-asked", "user", user_id, is_mailed=str(not is_enough))
    if not is_enough:
        link_id = _put(session, purpose, user_id, subject, now)
        outbox.publish(session, LinkAsked(link_id), now)


def welcome(session: AsyncSession, user: User, now: datetime, *, is_mailed: bool) -> None:
    """A link that confirms a new user's address. Not mailed by itself, it stands in the letter that welcomes them."""
    subject = subject_of(vault_of(session), user.email)
    link_id = _put(session, Purpose.EMAIL_CONFIRMATION, user.id, subject, now)
    if is_mailed:
        outbox.publish(session, LinkAsked(link_id), now)


def _put(session: AsyncSession, purpose: Purpose, user_id: UUID | None, subject: bytes, now: datetime) -> UUID:
    link = AccountLink(id=new_id(), user_id=user_id, subject=subject, purpose=purpose, created_at=now,
                       expires_at=now + LINK_LASTS[purpose])  # fmt: skip
    session.add(link)
    return link.id


async def find_user(session: AsyncSession, purpose: Purpose, link_id: UUID, now: datetime) -> User | None:
    """Whose link it is, as long as it is good."""
    user: User | None = await session.scalar(
        select(User)
        .join(AccountLink, AccountLink.user_id == User.id)
        .where(AccountLink.id == link_id, AccountLink.purpose == purpose, AccountLink.used_at.is_(None),
               AccountLink.expires_at > now, User.is_active)
    )  # fmt: skip
    return user


async def claim(session: AsyncSession, purpose: Purpose, link_id: UUID, now: datetime) -> User:
    """Use the link up: its user, locked. `LinkSpent` if it was used or has expired."""
    link = await session.get(AccountLink, link_id)
    # The user first, as everywhere: two links of one user that are used at once would wait for each other.
    user = await queries.get(session, link.user_id, for_update=True) if link and link.user_id else None
    claimed = await session.execute(
        update(AccountLink)
        .where(AccountLink.id == link_id, AccountLink.purpose == purpose, AccountLink.used_at.is_(None),
               AccountLink.expires_at > now)
        .values(used_at=now)
    )  # fmt: skip
    is_claimed = changed(claimed) > 0
    if user is None or not user.is_active or not is_claimed:
        raise LinkSpent
    return user


async def spend(session: AsyncSession, purpose: Purpose, user_id: UUID, now: datetime) -> None:
    """What was mailed before is worth nothing any more."""
    is_open = (AccountLink.user_id == user_id, AccountLink.purpose == purpose, AccountLink.used_at.is_(None))
    await session.execute(update(AccountLink).where(*is_open).values(used_at=now))


async def confirm_email(session: AsyncSession, link_id: UUID, now: datetime) -> None:
    """The user of the link has its mailbox; `LinkSpent` if it was used or has expired."""
    user = await claim(session, Purpose.EMAIL_CONFIRMATION, link_id, now)
    user.email_verified_at = user.email_verified_at or now
    await spend(session, Purpose.EMAIL_CONFIRMATION, user.id, now)
    audit.record(session, now, user.id, "user.email-confirmed", "user", user.id)
