"""The keys that signed the trail until now: rows of the trail are never signed anew, so what verifies them is kept."""

from datetime import datetime

from cryptography.exceptions import InvalidTag
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.db import vault_of
from appointed.core.ids import new_id
from appointed.core.sealing import sealed_values

from .models import TrailKey

_TABLE = TrailKey.__tablename__


async def retire(session: AsyncSession, now: datetime) -> int:
    """Keep what verifies the signatures of the older keys, so that these can be thrown away; how many are new."""
    vault = vault_of(session)
    kept = set((await session.scalars(select(TrailKey.key_id))).all())
    new = [key for key in vault.older if key.id.hex() not in kept]
    for key in new:
        id_ = new_id()
        sealed = sealed_values(vault, _TABLE, id_, secret=key.trail_key.hex())
        session.add(TrailKey(id=id_, key_id=key.id.hex(), retired_at=now, **sealed))
    await session.flush()
    return len(new)


async def retired(session: AsyncSession) -> tuple[list[bytes], list[str]]:
    """The keys that verify what older data keys signed, and the ids of those that cannot be opened."""
    vault = vault_of(session)
    rows = (await session.execute(select(TrailKey.id, TrailKey.key_id, TrailKey.secret_sealed))).all()
    keys, unreadable = [], []
    for row in rows:
        try:
            keys.append(bytes.fromhex(vault.open(_TABLE, "secret", row.id, row.secret_sealed)))
        except InvalidTag:
            unreadable.append(row.key_id)
    return keys, unreadable
