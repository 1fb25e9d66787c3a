"""The schema's history: it goes up, down and up again, and ends at what the models say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Connection, Inspector, Table, TableClause, column, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from appointed.core.crypto import Vault
from appointed.core.ids import new_id
from appointed.core.types import Digest, Guid, Instant, SealedBytes
from appointed.migrations import configuration, current, downgrade, head, target_metadata, upgrade

from .support.databases import Backend, fresh

VERSION_TABLE = "alembic_version"
TABLES = sorted(target_metadata.tables)


@pytest.fixture
async def unmigrated(backend: Backend, tmp_path: Path, vault: Vault) -> AsyncIterator[AsyncEngine]:
    async with fresh(backend.server, tmp_path, vault, is_migrated=False) as made:
        yield made.database.engines[-1]


async def tables_of(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        names: list[str] = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return sorted(set(names) - {VERSION_TABLE})


PATIENT = {"record_number": "P", "first_name": "Pat", "last_name": "Sample", "first_name_key": "pat",
           "last_name_key": "sample", "is_active": True, "created_at": datetime(2031, 3, 3, tzinfo=UTC)}  # fmt: skip
TYPES = {"created_at": (Instant(),), "is_active": (Boolean(),), "contact_email_index": (Digest(),),
         "contact_email_sealed": (SealedBytes(),)}  # fmt: skip


def revisions() -> list[str]:
    """Every revision, the first one first."""
    return [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()][::-1]


def test_history_has_one_end() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [head()]


async def test_the_history_goes_up_down_and_up_again(unmigrated: AsyncEngine) -> None:
    assert await current(unmigrated) is None
    await upgrade(unmigrated)
    assert await current(unmigrated) == head()
    assert await tables_of(unmigrated) == TABLES

    await downgrade(unmigrated, "base")
    assert await current(unmigrated) is None
    assert await tables_of(unmigrated) == []

    await upgrade(unmigrated)
    assert await current(unmigrated) == head()
    assert await tables_of(unmigrated) == TABLES
    assert await differences(unmigrated) == []


async def test_of_several_who_migrate_at_once_one_does(unmigrated: AsyncEngine) -> None:
    await asyncio.gather(*(upgrade(unmigrated) for _ in range(4)))
    assert await current(unmigrated) == head()
    assert await tables_of(unmigrated) == TABLES


async def test_every_step_of_the_history_can_be_taken_back(unmigrated: AsyncEngine) -> None:
    for revision in revisions():
        before = await tables_of(unmigrated)
        await upgrade(unmigrated, revision)
        await downgrade(unmigrated, "-1")
        assert await tables_of(unmigrated) == before
        await upgrade(unmigrated, revision)
        assert await current(unmigrated) == revision


async def test_addresses_that_were_plain_are_sealed_and_found_and_can_be_plain_again(
    unmigrated: AsyncEngine, vault: Vault
) -> None:
    await upgrade(unmigrated, "0010")
    ids = [new_id() for _ in range(3)]
    await insert_patients(unmigrated, dict(zip(ids, ["one@example.org", None, "two@example.org"], strict=True)))
    with pytest.raises(RuntimeError, match="appointed migrate"):
        await upgrade(unmigrated)

    await upgrade(unmigrated, vault=vault)
    rows = await addresses_in(unmigrated, "contact_email_sealed", "contact_email_index")
    assert vault.open("patients", "contact_email", ids[0], rows[ids[0]][0]) == "one@example.org"
    assert rows[ids[2]][1] == vault.blind("contact_email", "two@example.org")
    assert rows[ids[1]] == (None, None)

    await downgrade(unmigrated, "0010", vault=vault)
    assert await addresses_in(unmigrated, "contact_email") == {
        ids[0]: ("one@example.org",), ids[1]: (None,), ids[2]: ("two@example.org",)
    }  # fmt: skip


async def insert_patients(engine: AsyncEngine, addresses: dict[UUID, str | None]) -> None:
    resources, patients = table_of("resources", "kind"), table_of("patients", *PATIENT, "contact_email")
    async with engine.begin() as connection:
        for row_id, address in addresses.items():
            await connection.execute(resources.insert().values(id=row_id, kind="patient"))
            await connection.execute(
                patients.insert().values(
                    id=row_id, contact_email=address, **PATIENT | {"record_number": address or "P"}
                )
            )


async def addresses_in(engine: AsyncEngine, *names: str) -> dict[UUID, tuple[Any, ...]]:
    async with engine.connect() as connection:
        rows = (await connection.execute(select(table_of("patients", *names)))).all()
    return {row[0]: tuple(None if value is None else value for value in row[1:]) for row in rows}


def table_of(name: str, *columns: str) -> TableClause:
    return table(name, column("id", Guid()), *(column(each, *TYPES.get(each, ())) for each in columns))


async def test_migrating_twice_changes_nothing(backend: Backend) -> None:
    await upgrade(backend.database.engines[-1])
    assert await current(backend.database.engines[-1]) == head()


async def test_the_history_ends_at_what_the_models_say(backend: Backend) -> None:
    assert await differences(backend.database.engines[-1]) == []


async def differences(engine: AsyncEngine) -> list[Any]:
    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, target_metadata))

    async with engine.connect() as connection:
        return await connection.run_sync(compare)


async def test_every_constraint_has_the_name_that_the_models_give_it(backend: Backend) -> None:
    """An unnamed constraint cannot be dropped by a later revision, nor be told from another when it refuses a row."""
    async with backend.database.engines[-1].connect() as connection:
        found = await connection.run_sync(names_in_database)
    wanted = {table.name: names_in_models(table) for table in target_metadata.tables.values()}
    if backend.name == "mysql":  # which calls every primary key PRIMARY, whatever it was given
        wanted = {table: {name for name in names if name != f"pk_{table}"} for table, names in wanted.items()}
    assert found == wanted
    assert not [name for names in wanted.values() for name in names if not name]


def names_in_models(table: Table) -> set[str]:
    named: list[Any] = [*table.constraints, *table.indexes]
    return {str(each.name or "") for each in named}


def names_in_database(connection: Connection) -> dict[str, set[str]]:
    inspector = inspect(connection)
    return {table: _names(inspector, table) for table in inspector.get_table_names() if table != VERSION_TABLE}


def _names(inspector: Inspector, table: str) -> set[str]:
    named: list[Any] = [
        inspector.get_pk_constraint(table),
        *inspector.get_foreign_keys(table),
        *inspector.get_unique_constraints(table),
        *inspector.get_check_constraints(table),
        *inspector.get_indexes(table),
    ]
    implied = {"PRIMARY", None} if inspector.dialect.name in {"mysql", "mariadb"} else set()
    return {each["name"] or "" for each in named if each["name"] not in implied}
