"""The schema's history, and how a database is brought up to date with it."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from appointed.accounts import client_models as clients
from appointed.accounts import models as accounts
from appointed.accounts.factors import models as factors
from appointed.appointments import models as appointments
from appointed.audit import models as audit
from appointed.availability import models as availability
from appointed.core import idempotency, leases, outbox
from appointed.core.crypto import Vault
from appointed.core.db import metadata
from appointed.core.types import MYSQL_NAMES
from appointed.doctors import models as doctors
from appointed.locations import models as locations
from appointed.patients import models as patients
from appointed.records import models as records
from appointed.resources import models as resources
from appointed.visit_types import models as visit_types

# Importing a module of models is what puts its tables into the metadata.
MODELS = (accounts, appointments, audit, availability, clients, doctors, factors, idempotency, leases, locations,
          outbox, patients, records, resources, visit_types)  # fmt: skip
target_metadata = metadata

# Of several processes that migrate at once one works and the others wait for it, this long at the most.
WAIT_SECONDS = 60
_TURN = {
    "postgresql": [f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'", "SELECT pg_advisory_xact_lock(47112031)"],
    "mysql": [f"SELECT GET_LOCK('appointed-migrate', {WAIT_SECONDS})"],
    "mariadb": [f"SELECT GET_LOCK('appointed-migrate', {WAIT_SECONDS})"],
}


def configuration(connection: Connection | None = None, vault: Vault | None = None) -> Config:
    """What Alembic works with. A revision that seals what was plain needs the vault, if there is something to seal."""
    config = Config()
    config.set_main_option("script_location", "appointed:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"], config.attributes["vault"] = connection, vault
    return config


async def upgrade(engine: AsyncEngine, revision: str = "head", *, vault: Vault | None = None) -> None:
    async with engine.connect() as connection:
        for statement in _TURN.get(engine.dialect.name, []):
            await connection.exec_driver_sql(statement)
        await connection.run_sync(lambda sync: command.upgrade(configuration(sync, vault), revision))
        await connection.commit()
        if engine.dialect.name in MYSQL_NAMES:
            await connection.exec_driver_sql("SELECT RELEASE_LOCK('appointed-migrate')")


async def downgrade(engine: AsyncEngine, revision: str, *, vault: Vault | None = None) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(configuration(sync, vault), revision))
        await connection.commit()


async def current(engine: AsyncEngine) -> str | None:
    """The revision the database is at; None before the first."""
    async with engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def head() -> str:
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None  # noqa: S101 - the package carries its revisions
    return revision
