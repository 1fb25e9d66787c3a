"""Leaving nothing of a person in their account, which stays because much names it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.db import metadata, vault_of

from . import attempts, queries
from .attempts import subject_of
from .models import AccountLink, User
from .rules import NO_PASSWORD

NOBODY = "Erased"


async def erase(session: AsyncSession, user_id: UUID, *, by: UUID | None, now: datetime) -> None:
    """Nobody logs in with it again. Whatever would go with the row goes: sessions, links, roles, stored answers."""
    user = await queries.get(session, user_id, for_update=True)
    await attempts.forget(session, user.email)
    links_to = AccountLink.subject == subject_of(vault_of(session), user.email)
    await session.execute(delete(AccountLink).where(links_to))
    for column in _belonging():
        await session.execute(delete(column.table).where(column == user_id))
    nobody = {"email": f"erased-{user_id}@erased.invalid", "display_name": NOBODY, "password_hash": NO_PASSWORD,
              "is_active": False, "email_verified_at": None}  # fmt: skip
    await session.execute(update(User).where(User.id == user_id).values(nobody))
    audit.record(session, now, by, "user.erase", "user", user_id)


def _belonging() -> Iterator[Column[Any]]:
    """The columns by which rows belong to a user so much that they are deleted together."""
    for table in reversed(metadata.sorted_tables):
        for key in table.foreign_keys:
            if key.column is User.__table__.c.id and key.ondelete == "CASCADE":
                yield key.parent
