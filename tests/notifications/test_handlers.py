"""Who is written to when something happened, and who is not any more."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from appointed import patients
from appointed.accounts.actor import Role
from appointed.appointments import service as appointments
from appointed.appointments.events import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    AppointmentUndone,
)
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Notified, Status
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.core.outbox import Event, payload_of
from appointed.locations.models import Location
from appointed.notifications import handlers
from appointed.notifications.context import Context, Handler, Message
from appointed.patients.codes import invitation_of
from appointed.patients.events import PatientInvited, PatientRegistered
from appointed.patients.models import Invitation, Patient
from appointed.records import service as records
from appointed.records.events import RecordWritten
from appointed.records.models import MedicalRecord
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.mailbox import MemoryMailbox, text_of
from tests.support.servers import BACKENDS

# What is read and written is asked of every database once.
pytestmark = pytest.mark.backends("sqlite")
on_every_database = pytest.mark.backends(*BACKENDS)
AT_TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)


async def run(context: Context, handler: Handler, event: Event) -> UUID:
    message = Message(new_id(), payload_of(event))
    await handler.run(context, message)
    return message.id


async def changed(context: Context, table: Any, row_id: UUID, **values: Any) -> None:
    async with transaction(context.database.writes) as session:
        await session.execute(update(table).where(table.id == row_id).values(**values))


async def visit_now(context: Context, visit: Appointment) -> Appointment:
    async with context.database.reads() as session:
        return await session.get_one(Appointment, visit.id)


async def booked(clinic: Clinic, **profile: Any) -> tuple[Person, Appointment]:
    patient = await clinic.patient(**profile)
    return patient, await clinic.visit(patient, await clinic.doctor(title="Dr"), AT_TEN, reason="a private matter")


async def without_login(clinic: Clinic, **profile: Any) -> Patient:
    desk = await clinic.staff(Role.RECEPTIONIST)
    profile = {"first_name": "Kim", "last_name": "Child", "birth_date": date(2025, 1, 1)} | profile
    async with transaction(clinic.database.writes) as session:
        return await patients.register(session, desk.actor, profile, login=None, now=clinic.clock.now())


async def cancelled(clinic: Clinic, patient: Person, visit: Appointment) -> None:
    async with transaction(clinic.database.writes) as session:
        await appointments.cancel(session, patient.actor, visit.id, note="a private matter",
                                  clock=clinic.clock)  # fmt: skip


@on_every_database
async def test_a_new_patient_is_welcomed_at_their_login_address(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient = await clinic.patient()
    message_id = await run(context, handlers.welcome, PatientRegistered(patient.profile_id))
    (letter,) = mailbox.letters
    assert letter["To"] == patient.email
    assert letter["Message-ID"] == f"<{message_id}@127.0.0.1>"


async def test_the_contact_address_goes_before_the_login(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic, contact_email="mother@example.org")
    await run(context, handlers.welcome, PatientRegistered(patient.profile_id))
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert [letter["To"] for letter in mailbox.letters] == ["mother@example.org"] * 2


async def test_nobody_without_an_address_and_nobody_who_has_left_is_welcomed(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    child, gone = await without_login(clinic), await clinic.patient()
    await changed(context, Patient, gone.profile_id, is_active=False)
    for patient_id in (child.id, gone.profile_id, new_id()):
        await run(context, handlers.welcome, PatientRegistered(patient_id))
    assert mailbox.letters == []


async def test_a_stranger_cannot_have_us_write_their_words_to_others(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic, first_name="Win at", last_name="spam.example")
    await run(context, handlers.welcome, PatientRegistered(patient.profile_id))
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert len(mailbox.letters) == 2
    assert not [letter for letter in mailbox.letters if "spam.example" in letter.as_string()]


@on_every_database
async def test_a_booked_visit_is_confirmed_with_its_time_on_the_clock_of_the_place(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    _, visit = await booked(clinic)
    await changed(context, Location, visit.location_id, timezone="Asia/Kathmandu", name="Main\nStreet")
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    text = mailbox.texts()[0]
    assert "Tuesday, 4 March 2031, 15:45 to 16:15 (Asia/Kathmandu, UTC+05:45)\nDr Dana Demo\nMain Street\n" in text
    assert "private" not in text
    assert "General practice" not in text
    now = await visit_now(context, visit)
    assert (now.notified, now.version) == (Notified.SENT, 1)


async def test_a_confirmation_is_not_sent_again(context: Context, clinic: Clinic, mailbox: MemoryMailbox) -> None:
    _, visit = await booked(clinic)
    for _ in range(2):
        await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert len(mailbox.letters) == 1


async def test_a_shared_address_is_told_whom_the_visit_is_for(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    child = await without_login(clinic, contact_email="mother@example.org")
    desk, doctor = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor()
    visit = await clinic.visit(desk, doctor, AT_TEN, patient_id=child.id)
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert "For Kim Child\n" in mailbox.texts()[0]
    assert "For Kim Child" in text_of(mailbox.letters[0], "html")


async def test_a_visit_that_is_off_before_its_confirmation_left_is_not_confirmed(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic)
    await cancelled(clinic, patient, visit)
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert mailbox.letters == []
    assert (await visit_now(context, visit)).notified == Notified.OFF


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR])
async def test_no_state_in_which_a_visit_does_not_take_place_is_confirmed(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, status: Status
) -> None:
    _, visit = await booked(clinic)
    await changed(context, Appointment, visit.id, status=status)
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert mailbox.letters == []


@pytest.mark.parametrize("notified", [Notified.OFF, Notified.NO_ADDRESS, Notified.SENT])
async def test_a_confirmation_that_is_not_awaited_is_not_sent(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, notified: Notified
) -> None:
    _, visit = await booked(clinic)
    await changed(context, Appointment, visit.id, notified=notified)
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert mailbox.letters == []
    assert (await visit_now(context, visit)).notified == notified


async def test_an_address_that_was_lost_meanwhile_is_noted(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    child = await without_login(clinic, contact_email="mother@example.org")
    desk, doctor = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor()
    visit = await clinic.visit(desk, doctor, AT_TEN, patient_id=child.id)
    await changed(context, Patient, child.id, contact_email_sealed=None)
    await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert (await visit_now(context, visit)).notified == Notified.NO_ADDRESS


@on_every_database
async def test_a_confirmation_that_was_given_up_is_noted_and_may_be_tried_again(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    _, visit = await booked(clinic)
    event = AppointmentBooked(visit.id, 1)
    assert handlers.confirmation.give_up
    async with transaction(context.database.writes) as session:
        await handlers.confirmation.give_up(session, Message(new_id(), payload_of(event)))
    assert (await visit_now(context, visit)).notified == Notified.FAILED
    await run(context, handlers.confirmation, event)
    assert (await visit_now(context, visit)).notified == Notified.SENT


async def test_a_letter_that_did_not_leave_is_not_noted_as_sent(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    _, visit = await booked(clinic)
    mailbox.trouble = ConnectionError()
    with pytest.raises(ConnectionError):
        await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert (await visit_now(context, visit)).notified == Notified.QUEUED


async def test_a_cancellation_names_the_time_and_no_reason(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic)
    await cancelled(clinic, patient, visit)
    await run(context, handlers.cancellation, AppointmentCancelled(visit.id, 2))
    (letter,) = mailbox.letters
    assert letter["To"] == patient.email
    assert "Tuesday, 4 March 2031, 10:00 to 10:30 (UTC)" in text_of(letter)
    assert "private" not in letter.as_string()


async def test_a_cancellation_is_not_told_where_nobody_is_to_be_told(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic)
    await cancelled(clinic, patient, visit)
    await run(context, handlers.cancellation, AppointmentCancelled(visit.id, 2, is_notifying=False))
    assert mailbox.letters == []


async def test_a_visit_that_takes_place_after_all_is_not_called_off(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    _, visit = await booked(clinic)
    await run(context, handlers.cancellation, AppointmentCancelled(visit.id, 2))
    assert mailbox.letters == []


async def written(clinic: Clinic, **draft: Any) -> tuple[Person, MedicalRecord]:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await clinic.visit(patient, doctor, AT_TEN)
    async with transaction(clinic.database.writes) as session:
        record = await records.write(
            session,
            doctor.actor,
            patient.profile_id,
            records.Draft("a grave matter", **draft),
            clock=clinic.clock,
        )
    return patient, record


@on_every_database
async def test_a_move_names_the_new_time_and_the_old_and_only_the_last_is_told(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, visit = await booked(clinic)
    for hours in (1, 2):
        async with transaction(clinic.database.writes) as session:
            to = appointments.Move(AT_TEN + timedelta(hours=hours))
            await appointments.reschedule(session, patient.actor, visit.id, to, policy=Policy(), clock=clinic.clock)
    for version in (2, 3):
        await run(context, handlers.move, AppointmentRescheduled(visit.id, version))
    await run(context, handlers.move, AppointmentRescheduled(visit.id, 3, is_notifying=False))
    (letter,) = mailbox.letters
    assert letter["Subject"] == "Your visit at Appointed Clinic has a new time"
    text = text_of(letter)
    assert "12:00" in text
    assert "It was: " in text
    assert "11:00" in text
    assert "private matter" not in text


async def test_a_visit_that_comes_back_is_told_of_and_other_undoing_is_not(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    _, visit = await booked(clinic)
    await run(context, handlers.restoration, AppointmentUndone(visit.id, 3, "arrive"))
    await run(context, handlers.restoration, AppointmentUndone(visit.id, 3, "cancel"))
    (letter,) = mailbox.letters
    assert "takes place after all" in text_of(letter)
    await changed(context, Appointment, visit.id, status=Status.CANCELLED)
    await run(context, handlers.restoration, AppointmentUndone(visit.id, 3, "cancel"))
    assert len(mailbox.letters) == 1


async def test_a_record_is_told_of_with_nothing_of_its_content(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    patient, record = await written(clinic, title="Heart")
    await run(context, handlers.record, RecordWritten(record.id))
    (letter,) = mailbox.letters
    assert letter["To"] == patient.email
    assert not [word for word in ("grave", "Heart", "Dana", "Demo", "practice", "Pat") if word in letter.as_string()]


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error"])
async def test_a_record_that_the_patient_cannot_read_is_not_told_of(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, status: str
) -> None:
    _, record = await written(clinic)
    await changed(context, MedicalRecord, record.id, status=status)
    await run(context, handlers.record, RecordWritten(record.id))
    assert mailbox.letters == []


async def invited(clinic: Clinic) -> Invitation:
    desk, child = await clinic.staff(Role.RECEPTIONIST), await without_login(clinic)
    async with transaction(clinic.database.writes) as session:
        return await patients.invite(session, desk.actor, child.id, "mother@example.org", clinic.clock.now())


@on_every_database
async def test_an_invitation_carries_its_link_where_no_server_logs_it(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox
) -> None:
    invitation = await invited(clinic)
    await run(context, handlers.invitation, PatientInvited(invitation.id))
    (letter,) = mailbox.letters
    assert letter["To"] == "mother@example.org"
    (link,) = [line for line in text_of(letter).splitlines() if "/join" in line]
    address, _, code = link.partition("#")
    assert address == "http://127.0.0.1:8000/join"
    assert invitation_of(context.settings.secret_key.get_secret_value(), code) == invitation.id
    assert link in text_of(letter, "html")


async def test_an_invitation_that_is_spent_is_not_sent(
    context: Context, clinic: Clinic, mailbox: MemoryMailbox, clock: FixedClock
) -> None:
    used, joined, old = [await invited(clinic) for _ in range(3)]
    await changed(context, Invitation, used.id, used_at=clock.now())
    await changed(context, Patient, joined.patient_id, user_id=(await clinic.staff(Role.PATIENT)).user_id)
    for invitation in (used, joined):
        await run(context, handlers.invitation, PatientInvited(invitation.id))
    clock.advance(timedelta(days=365))
    await run(context, handlers.invitation, PatientInvited(old.id))
    assert mailbox.letters == []


@on_every_database
async def test_what_was_erased_meanwhile_is_no_error(context: Context, mailbox: MemoryMailbox) -> None:
    for handler, event in (
        (handlers.welcome, PatientRegistered(new_id())),
        (handlers.invitation, PatientInvited(new_id())),
        (handlers.confirmation, AppointmentBooked(new_id(), 1)),
        (handlers.cancellation, AppointmentCancelled(new_id(), 2)),
        (handlers.record, RecordWritten(new_id())),
    ):
        await run(context, handler, event)
    assert mailbox.letters == []


async def test_nothing_personal_is_logged(context: Context, clinic: Clinic, mailbox: MemoryMailbox) -> None:
    patient, visit = await booked(clinic)
    with capture_logs() as lines:
        await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert mailbox.letters
    assert not [line for line in lines if patient.email in str(line) or "Sample" in str(line)]
