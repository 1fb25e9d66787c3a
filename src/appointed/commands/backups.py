"""`appointed backup | restore | check`: the whole database into a file, out of it, and whether it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from appointed import audit, backups

from .desk import Desk, console, run, stderr

MOST_FINDINGS = 50
File = Annotated[Path, typer.Argument(help="The file of the backup.")]


def backup(file: File) -> None:
    """Write all of the database into FILE, sealed by the data key, as it is at one moment; the clinic may go on."""

    async def work_on(desk: Desk) -> backups.Summary:
        with stderr.status("Taking the backup") as status:
            return await backups.take(
                desk.database, desk.settings.vault, file, audit.heads_in(desk.settings.var_dir), desk.clock.now(),
                on_progress=lambda table, rows: status.update(f"Taking {table}: {rows:,} rows"),
            )  # fmt: skip

    summary = run(work_on)
    console.print(f"{summary.rows.total():,} rows are in {file}: {file.stat().st_size:,} bytes, read again. "
                  "Without the data key nobody can read it.", soft_wrap=True)  # fmt: skip


def restore(file: File) -> None:
    """Put a backup into an empty database of any engine, and check it; exit code 1 if anything is wrong."""

    async def work_on(desk: Desk) -> backups.Checked:
        with stderr.status("Restoring") as status:
            return await backups.restore(desk.database, desk.settings.vault, file,
                                         audit.heads_in(desk.settings.var_dir), on_progress=status.update)  # fmt: skip

    _tell(run(work_on, needs_schema=False))


def check() -> None:
    """Look whether the database is whole: foreign keys, sealed values, the audit trail; exit code 1 if it is not."""

    async def work_on(desk: Desk) -> backups.Checked:
        async with desk.database.reads() as session:
            with stderr.status("Looking") as status:
                return await backups.check(
                    session, audit.heads_in(desk.settings.var_dir), on_progress=status.update
                )  # fmt: skip

    _tell(run(work_on))


def _tell(checked: backups.Checked) -> None:
    for finding in checked.findings[:MOST_FINDINGS]:
        console.print(f"Not as it should be: {finding}", soft_wrap=True)
    if len(checked.findings) > MOST_FINDINGS:
        console.print(f"and {len(checked.findings) - MOST_FINDINGS:,} more")
    result = f"{len(checked.findings):,} findings." if checked.findings else "all as it should be."
    console.print(f"{checked.rows:,} rows, {checked.foreign_keys} foreign keys, {checked.sealed:,} sealed values, "
                  f"{checked.trail:,} rows of the trail: {result}")  # fmt: skip
    if checked.findings:
        raise typer.Exit(1)
