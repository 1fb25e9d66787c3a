"""`appointed keys status | rotate | token`: which key has sealed how much, sealing all of it by the current one, and a
new key for signing tokens."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from appointed import audit
from appointed.core import rotation
from appointed.core.crypto import Vault
from appointed.core.db import transaction, vault_of
from appointed.core.signing import keys_in, new_pem

from .desk import Desk, console, run, stderr

MOST_SHOWN = 20
keys_app = typer.Typer(no_args_is_help=True, help="The keys that seal fields, and those that sign tokens.")


@keys_app.command(name="status")
def show_keys() -> None:
    """Say how many values each key has sealed."""

    async def work_on(desk: Desk) -> tuple[Vault, list[rotation.Held]]:
        async with desk.database.reads() as session:
            return vault_of(session), await rotation.held(session)

    vault, all_ = run(work_on)
    table = Table("values", "key", "which is", "sealed")
    for held in all_:
        table.add_row(held.path, held.key_id.hex(), _kind_of(held.key_id, vault), f"{held.count:,}")
    console.print(table)
    for key_id in sorted({vault.key_id} | {held.key_id for held in all_}):
        count = sum(held.count for held in all_ if held.key_id == key_id)
        console.print(f"{key_id.hex()} ({_kind_of(key_id, vault)}): {count:,} values")


@keys_app.command(name="rotate")
def rotate_keys(
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows a transaction.")] = rotation.BATCH,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between two, for others.")] = rotation.PAUSE_SECONDS,
) -> None:
    """Seal by DATA_KEY all that OLD_DATA_KEYS sealed, while the clinic goes on; run again, it goes on where it was."""

    async def work_on(desk: Desk) -> rotation.Outcome:
        with _progress() as progress:
            task = progress.add_task("Sealing anew", total=None)
            outcome = await rotation.rotate(
                desk.database, batch=batch, pause=pause,
                on_progress=lambda done, all_: progress.update(task, completed=done, total=all_),
            )  # fmt: skip
        async with transaction(desk.database.writes) as session:
            await audit.retire(session, desk.clock.now())
            audit.record(session, desk.clock.now(), None, "keys.rotate", "keys", key=vault_of(session).key_id.hex(),
                         resealed=str(outcome.resealed), left=str(outcome.left))  # fmt: skip
        return outcome

    outcome = run(work_on)
    for path, row_id in outcome.unreadable[:MOST_SHOWN]:
        console.print(f"Cannot be opened, and was left as it is: {path} of {row_id}", soft_wrap=True)
    console.print(f"{outcome.resealed:,} values sealed anew.")
    if outcome.left:
        others = outcome.left - len(outcome.unreadable)
        if others > 0:
            console.print(f"{others:,} values were sealed by older keys meanwhile: does something still run with one? "
                          "Run this again when it does not.")  # fmt: skip
        raise typer.Exit(1)
    console.print("Nothing is sealed by older keys any more: OLD_DATA_KEYS can be emptied, but for older backups.")


@keys_app.command(name="token")
def make_token_key(
    file: Annotated[Path, typer.Argument(help="The new key's file, which must not be there.")],
) -> None:
    """Make a private key for TOKEN_KEY_FILE, with which TOKEN_ALGORITHM=EdDSA signs access tokens."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        stderr.print(f"The key was not made: {error}")
        raise typer.Exit(1) from None
    pem = new_pem()
    with os.fdopen(handle, "w") as opened:
        opened.write(pem)
    console.print(f"The key {keys_in(pem)[0].key_id} is in {file}. Put the file of the one before into "
                  "OLD_TOKEN_KEYS_FILE until its tokens have expired.", soft_wrap=True)  # fmt: skip


def _kind_of(key_id: bytes, vault: Vault) -> str:
    if key_id == vault.key_id:
        return "current"
    return "older" if key_id in vault.key_ids else "not at hand"


def _progress() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                    console=stderr)  # fmt: skip
