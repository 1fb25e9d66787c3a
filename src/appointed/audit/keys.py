"""The keys that signed the trail until now: rows of the trail are never signed anew, so what verifies them is kept."""

from datetime import datetime

from cryptography.exceptions import InvalidTag
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.core.crypto import RetiredKey
from appointed.core.db import vault_of
from appointed.core.ids import new_id

from .models import TrailKey

_TABLE = TrailKey.__tablename__


async def retire(session: AsyncSession, now: datetime) -> None:
    """Keep what verifies what the older keys signed until now, so that these can be thrown away. A key that was retired
    too early, for something still signed with it, can be retired once more."""
    vault = vault_of(session)
    kept = {row.key_id: row for row in (await session.scalars(select(TrailKey).with_for_update())).all()}
    for key in vault.older:
        row = kept.get(key.id.hex()) or TrailKey(id=new_id(), key_id=key.id.hex())
        row.retired_at = now
        said = f"{key.trail_key.hex()} {now.isoformat()}"
        row.secret_sealed = vault.seal(_TABLE, "secret", row.id, said)
        session.add(row)
    await session.flush()


async def retired(session: AsyncSession) -> tuple[list[RetiredKey], list[str]]:
    """The keys that verify what older data keys signed, and the ids of those that cannot be opened."""
    vault = vault_of(session)
    rows = (await session.execute(select(TrailKey.id, TrailKey.key_id, TrailKey.secret_sealed))).all()
    keys, unreadable = [], []
    for row in rows:
        try:
            # When it was retired is sealed too: the column beside it anybody could change.
            secret, until = vault.open(_TABLE, "secret", row.id, row.secret_sealed).split()
            keys.append(RetiredKey(bytes.fromhex(secret), datetime.fromisoformat(until)))
        except InvalidTag:
            unreadable.append(row.key_id)
    return keys, unreadable
