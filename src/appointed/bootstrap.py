"""What every installation has from the start: the clinic, a visit type, the first administrator."""

import structlog
from sqlalchemy.exc import IntegrityError

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.actor import Role
from appointed.accounts.errors import EmailTaken
from appointed.accounts.passwords import Hasher, chosen
from appointed.appointments import service as appointments
from appointed.core.clock import Clock
from appointed.core.db import Database, transaction
from appointed.core.settings import Settings
from appointed.core.text import normalised_email
from appointed.locations.service import ensure_default as ensure_location
from appointed.visit_types.service import ensure_default as ensure_visit_type

log = structlog.get_logger()


async def bootstrap(database: Database, settings: Settings, clock: Clock) -> None:
    """Make what is missing; running it again, or twice at once, makes nothing twice."""
    try:
        await _ensure_clinic(database, settings, clock)
    except IntegrityError:
        # Another process made it at the same moment; what it made is there now.
        await _ensure_clinic(database, settings, clock)
    await _ensure_administrator(database, settings, clock)


async def _ensure_clinic(database: Database, settings: Settings, clock: Clock) -> None:
    now, timezone = clock.now(), settings.clinic_timezone
    affected = []
    async with transaction(database.writes) as session:
        location = await ensure_location(session, name=settings.clinic_name, timezone=timezone, now=now)
        if location.timezone != timezone:
            affected = await appointments.change_timezone(session, location, timezone, clock=clock)
        await ensure_visit_type(session, now=now)
    if affected:
        log.warning("visits_need_attention", code="timezone_changed", visits=len(affected))


async def _ensure_administrator(database: Database, settings: Settings, clock: Clock) -> None:
    """`ADMIN_EMAIL` and `ADMIN_PASSWORD` make the first administrator; later ones are made by administrators."""
    if not settings.admin_email or not settings.admin_password:
        return
    email = normalised_email(settings.admin_email)
    async with database.reads() as session:
        if await queries.count_administrators(session) or await queries.find_by_email(session, email):
            return
    try:
        password = chosen(settings.admin_password.get_secret_value())
    except ValueError as error:
        raise SystemExit(f"ADMIN_PASSWORD {error}.") from None
    hashed = await Hasher(settings.bcrypt_cost).hash(password)
    try:
        async with transaction(database.writes) as session:
            await accounts.create(session, email=email, password_hash=hashed, display_name="Administrator",
                                  roles=[Role.ADMIN], by=None, now=clock.now())  # fmt: skip
    except EmailTaken:
        log.info("administrator_made_by_another_process")
