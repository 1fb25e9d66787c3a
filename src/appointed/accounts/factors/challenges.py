"""Challenges: 32 random bytes that somebody answers once, within five minutes, with a code or a signature."""

import base64
import secrets
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.models import User
from appointed.core.db import changed
from appointed.core.ids import new_id

from .models import FactorChallenge
from .rules import CHALLENGE_LASTS, Aim

_BYTES = 32


def put(session: AsyncSession, aim: Aim, user: User | None, now: datetime) -> str:
    """A new challenge, in base64url. With a user it is bound to them and to the password that they have now."""
    raw = secrets.token_bytes(_BYTES)
    session.add(FactorChallenge(
        id=new_id(), user_id=user.id if user else None, aim=aim, challenge_hash=sha256(raw).digest(),
        password_digest=_digest(user) if user else None, created_at=now, expires_at=now + CHALLENGE_LASTS,
    ))  # fmt: skip
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bytes_of(challenge: str) -> bytes:
    """What is signed, and what is hashed; nothing of a text that is no challenge."""
    try:
        return base64.urlsafe_b64decode(challenge.encode("ascii") + b"=" * (-len(challenge) % 4))
    except ValueError:
        return b""


async def user_id_of(session: AsyncSession, aim: Aim, challenge: bytes, now: datetime) -> UUID | None:
    """Whose challenge it is, as long as it is good."""
    found: UUID | None = await session.scalar(select(FactorChallenge.user_id).where(*_good(aim, challenge, now)))
    return found


async def is_good_for(session: AsyncSession, aim: Aim, challenge: bytes, user: User, now: datetime) -> bool:
    """Whether the user may answer it: it is theirs, and their password is still the one that was right."""
    theirs = (*_good(aim, challenge, now), FactorChallenge.user_id == user.id)
    digest = await session.scalar(select(FactorChallenge.password_digest).where(*theirs))
    return user.is_active and digest == _digest(user)


async def spend(session: AsyncSession, aim: Aim, challenge: bytes, now: datetime) -> bool:
    """Use it up. Of several who do so at once, it is true for one."""
    spent = await session.execute(update(FactorChallenge).where(*_good(aim, challenge, now)).values(used_at=now))
    return changed(spent) > 0


def _good(aim: Aim, challenge: bytes, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        FactorChallenge.challenge_hash == sha256(challenge).digest(), FactorChallenge.aim == aim,
        FactorChallenge.used_at.is_(None), FactorChallenge.expires_at > now,
    )  # fmt: skip


def _digest(user: User) -> bytes:
    return sha256(user.password_hash.encode()).digest()
