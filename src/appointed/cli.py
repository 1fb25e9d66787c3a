"""The command line: `appointed serve | worker | beat | migrate | demo | user | outbox | audit | keys | backup |
restore | check | version`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
import uvicorn
from pydantic import ValidationError
from rich.table import Table
from uvicorn.config import LOGGING_CONFIG

from appointed import __version__, accounts, audit, migrations, worker
from appointed.accounts import queries as users
from appointed.accounts.actor import Role
from appointed.accounts.factors import service as factors
from appointed.accounts.models import User
from appointed.accounts.passwords import Hasher, chosen
from appointed.bootstrap import bootstrap
from appointed.commands import Desk, backup, check, console, keys_app, restore, run, settings_given, stderr
from appointed.core import logs, outbox
from appointed.core.db import transaction
from appointed.core.errors import AppError, Unavailable
from appointed.core.sealing import is_sealed_by_another_key
from appointed.core.settings import Environment
from appointed.core.text import email_adapter
from appointed.demo import fill
from appointed.health import warnings_about

GRACE_SECONDS = 10
MOST_FINDINGS = 50
# A worker that imports the application on a busy machine does not answer its parent meanwhile.
START_SECONDS = 60

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
user_app = typer.Typer(no_args_is_help=True, help="Accounts.")
audit_app = typer.Typer(no_args_is_help=True, help="The trail of what was done.")
outbox_app = typer.Typer(no_args_is_help=True, help="Messages that are on their way, or were given up.")
app.add_typer(user_app, name="user")
app.add_typer(outbox_app, name="outbox")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")
for command in (backup, restore, check):
    app.command()(command)

Email = Annotated[str, typer.Argument(help="The address that the account logs in with.")]
PasswordOption = Annotated[
    str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for when it is not given.")
]


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
) -> None:
    """Serve the API, and without REDIS_URL the background work too."""
    settings = settings_given()
    for warning in warnings_about(settings):
        stderr.print(f"Warning: {warning}")
    is_production = settings.environment is Environment.PRODUCTION
    logs.configure(as_json=is_production)
    if not is_production:
        run(_migrate, needs_schema=False)
    # Parents of several processes import the factory by its name. Whom proxies speak for is read in our middleware:
    # the server itself would believe whatever comes from this machine. In production our log tells what it logs.
    uvicorn.run("appointed.app:served", factory=True, host=host, port=port, workers=workers, access_log=False,
                log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_worker_healthcheck=START_SECONDS,
                log_config=None if is_production else LOGGING_CONFIG)  # fmt: skip


@app.command(name="worker")
def work(concurrency: Annotated[int, typer.Option(min=1, help="Processes that do the work.")] = 2) -> None:
    """Do the background work with Celery; needs REDIS_URL."""
    worker.run_worker(["--concurrency", str(concurrency)], settings_given())


@app.command()
def beat() -> None:
    """Tell the workers when to look for what is due; needs REDIS_URL."""
    worker.run_beat([], settings_given())


@app.command()
def migrate(
    revision: Annotated[str, typer.Option(help="Where to go, if not to the newest schema.")] = "head",
) -> None:
    """Bring the database up to date, and make what every clinic starts with."""
    run(lambda desk: _migrate(desk, revision), needs_schema=False)
    now_at = run(lambda desk: migrations.current(desk.database.engines[1]), needs_schema=False)
    console.print(f"The database is at revision {now_at}.")


@app.command()
def demo(
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing where there are accounts already.")] = False,
) -> None:
    """Fill an empty database with an invented clinic, and print whom to log in as."""

    async def work_on(desk: Desk) -> None:
        if desk.settings.environment is Environment.PRODUCTION:
            raise Unavailable("A demo clinic is not made in production.")
        await _migrate(desk)
        if await _has_accounts(desk):
            if not if_empty:
                raise Unavailable("There are accounts already; the demo clinic is made in an empty database only.")
            return
        logins = await fill(desk.database, desk.settings, console)
        table = Table("role", "e-mail", "password", title="Shown this once. Log in as:")
        for role, email, password in logins:
            table.add_row(role, email, password)
        console.print(table)

    run(work_on, needs_schema=False)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__)


@user_app.command(name="create")
def create_user(
    email: Email,
    role: Annotated[list[Role], typer.Option(help="May be given several times.")],
    name: Annotated[str, typer.Option(help="How the account is shown.")],
    password: PasswordOption,
) -> None:
    """Make a staff account."""

    async def work_on(desk: Desk) -> None:
        hashed = await _hashed(desk, password)
        async with transaction(desk.database.writes) as session:
            user = await accounts.create(session, email=_address(email), password_hash=hashed, display_name=name,
                                         roles=role, by=None, now=desk.clock.now())  # fmt: skip
        console.print(f"Made {user.email}: {', '.join(user.roles)}.")

    run(work_on)


@user_app.command(name="passwd")
def set_password(email: Email, password: PasswordOption) -> None:
    """Set a new password; every session of the account ends."""

    async def work_on(desk: Desk) -> None:
        hashed = await _hashed(desk, password)
        async with transaction(desk.database.writes) as session:
            user = await _user(desk, email)
            await accounts.set_password(session, user.id, hashed, by=None, now=desk.clock.now())
        console.print(f"{user.email} has a new password and is logged out everywhere.")

    run(work_on)


@user_app.command(name="disable")
def disable_user(email: Email) -> None:
    """Disable an account; every session of it ends."""

    async def work_on(desk: Desk) -> None:
        user = await _user(desk, email)
        async with transaction(desk.database.writes) as session:
            await accounts.change(session, user.id, is_active=False, by=None, now=desk.clock.now())
        console.print(f"{user.email} is disabled and logged out everywhere.")

    run(work_on)


@user_app.command(name="reset-factors")
def reset_factors(email: Email) -> None:
    """Take away the second factors of somebody who has lost them; every session of the account ends."""

    async def work_on(desk: Desk) -> None:
        user = await _user(desk, email)
        async with transaction(desk.database.writes) as session:
            await factors.reset(session, user.id, by=None, now=desk.clock.now())
        console.print(f"{user.email} has no second factor and is logged out everywhere.")

    run(work_on)


@outbox_app.command(name="list")
def list_outbox(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False, limit: int = 50
) -> None:
    """List messages that are waiting or were given up."""

    async def work_on(desk: Desk) -> None:
        async with desk.database.reads() as session:
            messages = await outbox.unfinished(session, only_dead=dead, limit=limit)
        table = Table("id", "event", "due", "attempts", "given up", "last error")
        for message in messages:
            given_up = message.dead_at.isoformat(timespec="seconds") if message.dead_at else ""
            table.add_row(str(message.id), message.name, message.due_at.isoformat(timespec="seconds"),
                          str(message.attempts), given_up, message.last_error or "")  # fmt: skip
        console.print(table)

    run(work_on)


@outbox_app.command(name="retry")
def retry_outbox(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Left out: all that were given up.")] = None,
) -> None:
    """Try again what was given up."""

    async def work_on(desk: Desk) -> None:
        async with transaction(desk.database.writes) as session:
            revived = await outbox.retry(session, ids or [], desk.clock.now())
        console.print(f"{revived} to be tried again.")

    run(work_on)


@audit_app.command(name="verify")
def verify_audit(
    heads: Annotated[Path | None, typer.Option(help="The file of signed heads, if not that in VAR_DIR.")] = None,
) -> None:
    """Find what was altered, taken from or put into the trail since it was recorded; exit code 1 if anything was."""

    async def work_on(desk: Desk) -> audit.Report:
        async with desk.database.reads() as session:
            with stderr.status("Looking at the trail") as status:
                return await audit.verify(
                    session, heads or audit.heads_in(desk.settings.var_dir),
                    on_progress=lambda rows: status.update(f"Looked at {rows:,} rows of the trail"),
                )  # fmt: skip

    report = run(work_on)
    for finding in report.findings[:MOST_FINDINGS]:
        console.print(f"Not as recorded: {finding}", soft_wrap=True)
    if len(report.findings) > MOST_FINDINGS:
        console.print(f"and {len(report.findings) - MOST_FINDINGS:,} more")
    console.print(f"{report.sealed:,} sealed rows and {report.unsealed:,} not sealed yet: "
                  + ("all as recorded." if report.is_good else f"{len(report.findings):,} findings."))  # fmt: skip
    if not report.is_good:
        raise typer.Exit(1)


async def _migrate(desk: Desk, revision: str = "head") -> None:
    is_new = await migrations.current(desk.database.engines[1]) is None
    await migrations.upgrade(desk.database.engines[1], revision, vault=desk.settings.vault)
    if revision == "head":
        await _check_key(desk)
        if is_new:
            stderr.print("Keep a copy of the data key (DATA_KEY, DATA_KEY_FILE or var/data_key): losing it loses the "
                         "data that it seals.")  # fmt: skip
        await bootstrap(desk.database, desk.settings, desk.clock)


async def _check_key(desk: Desk) -> None:
    async with desk.database.reads() as session:
        if await is_sealed_by_another_key(session):
            raise AppError("The data of this database was sealed with another data key, and cannot be read without it. "
                           "Put that one back: DATA_KEY, DATA_KEY_FILE or var/data_key.")  # fmt: skip


async def _has_accounts(desk: Desk) -> bool:
    async with desk.database.reads() as session:
        return bool((await users.page(session, limit=1, cursor=None)).items)


async def _user(desk: Desk, email: str) -> User:
    async with desk.database.reads() as session:
        user = await users.find_by_email(session, _address(email))
    if user is None:
        raise AppError(f"There is no account {email}.")
    return user


async def _hashed(desk: Desk, password: str) -> str:
    try:
        checked = chosen(password)
    except ValueError as error:
        raise AppError(f"The password {error}.") from None
    return await Hasher(desk.settings.bcrypt_cost).hash(checked)


def _address(email: str) -> str:
    try:
        return email_adapter.validate_python(email)
    except ValidationError:
        raise AppError(f"{email} is not an e-mail address.") from None
