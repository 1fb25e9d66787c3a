"""Drafts the next migration from what the models have and the newest schema has not: draft_migration.py "add rooms"."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from appointed import migrations


async def draft(message: str) -> None:
    """Compare the models with a fresh SQLite database at the newest revision, and write a revision file."""
    number = f"{int(migrations.head()) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(make_url(f"sqlite+aiosqlite:///{Path(folder) / 'draft.sqlite3'}"))
        await migrations.upgrade(engine)
        async with engine.connect() as connection:
            await connection.run_sync(
                lambda sync: command.revision(migrations.configuration(sync), message, autogenerate=True, rev_id=number)
            )
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(draft(sys.argv[1]))
