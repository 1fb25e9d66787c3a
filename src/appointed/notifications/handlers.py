"""What is written to whom when something happened. Each handler may run twice, and reads what is true when it runs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.accounts.actor import Today
from appointed.accounts.factors.rules import Change
from appointed.accounts.rules import Purpose
from appointed.accounts.today import today_of
from appointed.appointments.models import Appointment
from appointed.appointments.rules import Action, Notified, Status
from appointed.core.codes import code_of
from appointed.core.db import transaction
from appointed.core.retry import run_again
from appointed.patients.codes import invitation_code

from . import queries
from .context import Context, Handler, Message
from .letters import Template, letter
from .times import spelled

# A confirmation that was given up may be tried again; one that left, or was not wanted, may not.
OPEN = frozenset({Notified.QUEUED, Notified.FAILED})
# The page that a link leads to, and the letter that it stands in.
LINKS = {
    Purpose.PASSWORD_RESET: ("reset-password", Template.PASSWORD_RESET),
    Purpose.EMAIL_CONFIRMATION: ("confirm-email", Template.EMAIL_CONFIRMATION),
}
FACTORS = {
    Change.TOTP_ADDED: "An authenticator app was added as your second factor.",
    Change.TOTP_REMOVED: "Your authenticator app was removed.",
    Change.PASSKEY_ADDED: "A passkey was added.",
    Change.PASSKEY_REMOVED: "A passkey was removed.",
    Change.CODES_RENEWED: "You got new recovery codes; the old ones are void.",
    Change.CODE_USED: "Somebody logged in with one of your recovery codes.",
    Change.RESET: "The clinic has removed all your second factors.",
}
NOT_TAKING_PLACE = frozenset({Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR})


async def write_welcome(context: Context, message: Message) -> None:
    async with context.database.reads() as session:
        address = await queries.find_address(session, message.uuid("patient_id"))
        found = await queries.find_confirmation(session, message.uuid("patient_id"), context.clock.now())
    facts = _facts_of_link(context, found) if found and found.address == address else {"link": None, "until": None}
    await _write(context, message, Template.WELCOME, address, **facts)


async def write_invitation(context: Context, message: Message) -> None:
    now, settings = context.clock.now(), context.settings
    async with context.database.reads() as session:
        invitation = await queries.find_open_invitation(session, message.uuid("invitation_id"), now)
    if invitation is None:
        return
    code = invitation_code(settings.secret_key.get_secret_value(), invitation.id)
    # Behind a #, so that no server on the way logs the code.
    link = f"{settings.public_url.rstrip('/')}/join#{code}"
    until = spelled(invitation.expires_at, settings.clinic_timezone)
    await _write(context, message, Template.INVITATION, invitation.email, link=link, until=until)


async def write_link(context: Context, message: Message) -> None:
    """To the user whose link it is; of an address that nobody has there is nothing to write to."""
    async with context.database.reads() as session:
        found = await queries.find_open_link(session, message.uuid("link_id"), context.clock.now())
    if found:
        _, template = LINKS[Purpose(found.purpose)]
        await _write(context, message, template, found.address, **_facts_of_link(context, found))


async def write_of_password(context: Context, message: Message) -> None:
    async with context.database.reads() as session:
        address = await queries.find_login(session, message.uuid("user_id"))
    await _write(context, message, Template.PASSWORD_CHANGED, address)


async def write_of_factors(context: Context, message: Message) -> None:
    async with context.database.reads() as session:
        address = await queries.find_login(session, message.uuid("user_id"))
    await _write(context, message, Template.FACTORS_CHANGED, address, change=FACTORS[Change(message.payload["change"])])


async def write_confirmation(context: Context, message: Message) -> None:
    """Nobody is told of a visit that was cancelled before the letter left, nor twice of one of a series."""
    appointment_id = message.uuid("appointment_id")
    async with context.database.reads() as session:
        visit = await queries.find_visit(session, appointment_id)
    if visit is None or visit.notified not in OPEN or visit.series_id is not None:
        return
    if visit.status in NOT_TAKING_PLACE:
        outcome = Notified.OFF
    else:
        has_left = await _write(context, message, Template.BOOKED, visit.address, **_facts(visit))
        outcome = Notified.SENT if has_left else Notified.NO_ADDRESS
    await run_again(lambda: _note(context, appointment_id, outcome))


async def give_up_confirmation(session: AsyncSession, message: Message) -> None:
    await _set_notified(session, Appointment.id == message.uuid("appointment_id"), Notified.FAILED)


async def write_cancellation(context: Context, message: Message) -> None:
    if message.payload.get("is_notifying") == str(False):
        return
    async with context.database.reads() as session:
        visit = await queries.find_visit(session, message.uuid("appointment_id"))
    if visit is not None and visit.status == Status.CANCELLED:
        await _write(context, message, Template.CANCELLED, visit.address, **_facts(visit))


async def write_move(context: Context, message: Message) -> None:
    """Of a visit that was moved again meanwhile, the last move alone is told of."""
    if message.payload.get("is_notifying") == str(False):
        return
    appointment_id = message.uuid("appointment_id")
    async with context.database.reads() as session:
        visit = await queries.find_visit(session, appointment_id)
        move = await queries.find_last_move(session, appointment_id)
    if visit is None or move is None or visit.status in NOT_TAKING_PLACE:
        return
    if message.payload["version"] == str(move.version):
        before = spelled(move.starts_at_before, visit.timezone, move.ends_at_before)
        await _write(context, message, Template.MOVED, visit.address, **_facts(visit), before=before)


async def write_restoration(context: Context, message: Message) -> None:
    """That a visit takes place after all; of what else was undone nobody was told."""
    if message.payload["action"] != Action.CANCEL:
        return
    async with context.database.reads() as session:
        visit = await queries.find_visit(session, message.uuid("appointment_id"))
    if visit is not None and visit.status not in NOT_TAKING_PLACE:
        await _write(context, message, Template.RESTORED, visit.address, **_facts(visit))


async def write_series_confirmation(context: Context, message: Message) -> None:
    """One letter for all of them."""
    series_id = message.uuid("series_id")
    async with context.database.reads() as session:
        visits = [visit for visit in await queries.of_series(session, series_id) if visit.notified in OPEN]
    visits = [visit for visit in visits if visit.status not in NOT_TAKING_PLACE]
    if visits:
        has_left = await _write(context, message, Template.SERIES_BOOKED, visits[0].address, **_facts_of_all(visits))
        outcome = Notified.SENT if has_left else Notified.NO_ADDRESS
        await run_again(lambda: _note_series(context, series_id, outcome))


async def give_up_series_confirmation(session: AsyncSession, message: Message) -> None:
    await _set_notified(session, Appointment.series_id == message.uuid("series_id"), Notified.FAILED)


async def write_series_move(context: Context, message: Message) -> None:
    """One letter with every time that is to come."""
    async with context.database.reads() as session:
        visits = await queries.of_series(session, message.uuid("series_id"))
    visits = [visit for visit in visits if visit.status == Status.BOOKED and visit.starts_at > context.clock.now()]
    if visits:
        await _write(context, message, Template.SERIES_MOVED, visits[0].address, **_facts_of_all(visits))


async def write_series_cancellation(context: Context, message: Message) -> None:
    """One letter for all that were cancelled together."""
    cancelled_at = datetime.fromisoformat(message.payload["cancelled_at"])
    async with context.database.reads() as session:
        visits = await queries.of_series(session, message.uuid("series_id"), cancelled_at=cancelled_at)
    visits = [visit for visit in visits if visit.status == Status.CANCELLED]
    if visits:
        await _write(context, message, Template.SERIES_CANCELLED, visits[0].address, **_facts_of_all(visits))


async def write_of_emergency(context: Context, message: Message) -> None:
    """That the record was opened, and when; who did is for the patient to see once they are logged in."""
    async with context.database.reads() as session:
        opened = await queries.find_opened(session, message.uuid("access_id"), _today(context))
    if opened:
        at = spelled(opened[1], context.settings.clinic_timezone)
        await _write(context, message, Template.EMERGENCY, opened[0], opened=at)


async def write_of_record(context: Context, message: Message) -> None:
    """That there is a record, and nothing of what it says."""
    async with context.database.reads() as session:
        address = await queries.find_reader(session, message.uuid("record_id"), _today(context))
    await _write(context, message, Template.RECORD, address)


async def write_of_release(context: Context, message: Message) -> None:
    """To a parent or guardian, unless it was withheld again, or they look after the minor no more."""
    record_id, user_id = message.uuid("record_id"), message.uuid("user_id")
    async with context.database.reads() as session:
        address = await queries.find_guardian(session, record_id, user_id, _today(context))
    await _write(context, message, Template.RECORD_RELEASED, address)


welcome = Handler(write_welcome)
invitation = Handler(write_invitation)
link = Handler(write_link)
password = Handler(write_of_password)
factors = Handler(write_of_factors)
confirmation = Handler(write_confirmation, give_up_confirmation)
cancellation = Handler(write_cancellation)
move = Handler(write_move)
restoration = Handler(write_restoration)
series_confirmation = Handler(write_series_confirmation, give_up_series_confirmation)
series_move = Handler(write_series_move)
series_cancellation = Handler(write_series_cancellation)
record = Handler(write_of_record)
release = Handler(write_of_release)
emergency = Handler(write_of_emergency)


async def _write(
    context: Context, message: Message, template: Template, address: str | None, **facts: str | None
) -> bool:
    """Whether there was an address to write to."""
    if address is None:
        return False
    made = letter(context.settings, template, address, message.id, context.clock.now(), **facts)
    await context.mailer.send(made)
    return True


def _today(context: Context) -> Today:
    return today_of(context.settings, context.clock.now())


def _facts_of_link(context: Context, link: queries.Link) -> dict[str, str | None]:
    settings = context.settings
    page, _ = LINKS[Purpose(link.purpose)]
    # Behind a #, so that no server on the way logs the code.
    code = code_of(settings.secret_key.get_secret_value(), link.purpose, link.id)
    address = f"{settings.public_url.rstrip('/')}/{page}#{code}"
    return {"link": address, "until": spelled(link.expires_at, settings.clinic_timezone)}


def _facts(visit: queries.Visit) -> dict[str, str | None]:
    time = spelled(visit.starts_at, visit.timezone, visit.ends_at)
    return {"time": time, "doctor": visit.doctor, "place": visit.place, "patient": visit.patient}


def _facts_of_all(visits: Sequence[queries.Visit]) -> dict[str, str | None]:
    times = "\n".join(spelled(visit.starts_at, visit.timezone, visit.ends_at) for visit in visits)
    doctors = ", ".join(dict.fromkeys(visit.doctor for visit in visits))
    places = ", ".join(dict.fromkeys(visit.place for visit in visits))
    return {"times": times, "doctor": doctors, "place": places, "patient": visits[0].patient}


async def _note(context: Context, appointment_id: UUID, outcome: Notified) -> None:
    async with transaction(context.database.writes) as session:
        await _set_notified(session, Appointment.id == appointment_id, outcome)


async def _note_series(context: Context, series_id: UUID, outcome: Notified) -> None:
    async with transaction(context.database.writes) as session:
        await _set_notified(session, Appointment.series_id == series_id, outcome)


async def _set_notified(session: AsyncSession, which: ColumnElement[bool], outcome: Notified) -> None:
    """What became of the letter is no change of the visit, so its version stays."""
    is_open = Appointment.notified.in_(OPEN)
    await session.execute(update(Appointment).where(which, is_open).values(notified=outcome))
