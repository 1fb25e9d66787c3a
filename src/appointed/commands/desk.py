"""What a command works with, and how it is run: on the configured database, and a refusal is one line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import typer
from alembic.util import CommandError
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from appointed import migrations
from appointed.core.clock import SystemClock
from appointed.core.db import Database, connect
from appointed.core.errors import AppError
from appointed.core.retry import run_again
from appointed.core.settings import Settings

T = TypeVar("T")
console = Console()
stderr = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    settings: Settings
    database: Database
    clock: SystemClock


def settings_given() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in each["loc"]).upper()
            stderr.print(f"Setting {name}: {each['msg']}" if name else each["msg"].removeprefix("Value error, "))
        raise typer.Exit(2) from None
    except OSError as error:
        stderr.print(f"The folder of VAR_DIR cannot be used: {error}")
        raise typer.Exit(2) from None


def run(command: Callable[[Desk], Awaitable[T]], *, needs_schema: bool = True) -> T:
    """Run a command on the configured database; a refusal is one line and exit code 1."""

    async def attempt() -> T:
        async with _desk(settings_given()) as desk:
            if needs_schema and await migrations.current(desk.database.engines[0]) != migrations.head():
                raise AppError("The database does not have the schema of this version. Run: appointed migrate")
            return await run_again(lambda: command(desk))

    try:
        return asyncio.run(attempt())
    except AppError as error:
        stderr.print(error.detail)
    except CommandError as error:
        stderr.print(str(error))
    except DBAPIError as error:
        # Only the driver's own words: the statement helps nobody here.
        stderr.print(f"The database refused: {error.orig}")
    except OSError as error:
        stderr.print(f"The database cannot be reached: {error}")
    raise typer.Exit(1)


@asynccontextmanager
async def _desk(settings: Settings) -> AsyncIterator[Desk]:
    database = connect(settings.database, settings.vault, pool_size=2)
    try:
        yield Desk(settings, database, SystemClock())
    finally:
        await database.dispose()
