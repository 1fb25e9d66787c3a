"""Of a series one letter is written, and none of each of its visits."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from appointed.appointments import service as appointments
from appointed.appointments.events import AppointmentBooked, SeriesBooked, SeriesCancelled
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Notified, Status
from appointed.appointments.service import BookedSeries
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.core.outbox import Event, payload_of
from appointed.notifications import handlers
from appointed.notifications.context import Context, Handler, Message
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.mailbox import MemoryMailbox, text_of

AT_TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)
NOON = datetime(2031, 3, 3, 12, 0, 0, 123456, tzinfo=UTC)


async def run(context: Context, handler: Handler, event: Event) -> None:
    await handler.run(context, Message(new_id(), payload_of(event)))


@pytest.fixture
async def booked(clinic: Clinic, clock: FixedClock) -> BookedSeries:
    booking = appointments.Booking((await clinic.doctor(title="Dr")).profile_id, AT_TEN)
    patient = await clinic.patient()
    async with transaction(clinic.database.writes) as session:
        return await appointments.book_series(session, patient.actor, booking, "FREQ=WEEKLY;COUNT=3",
                                              policy=Policy(), clock=clock)  # fmt: skip


async def notified(context: Context, series: BookedSeries) -> list[str]:
    async with context.database.reads() as session:
        return [(await session.get_one(Appointment, visit.id)).notified for visit in series.visits]


async def cancelled(context: Context, visit: Appointment) -> None:
    values = {"status": Status.CANCELLED, "cancelled_at": NOON}
    async with transaction(context.database.writes) as session:
        await session.execute(update(Appointment).where(Appointment.id == visit.id).values(**values))


async def test_one_letter_tells_of_every_visit(context: Context, booked: BookedSeries, mailbox: MemoryMailbox) -> None:
    for visit in booked.visits:
        await run(context, handlers.confirmation, AppointmentBooked(visit.id, 1))
    assert mailbox.letters == []
    for _ in range(2):
        await run(context, handlers.series_confirmation, SeriesBooked(booked.series.id))
    (letter,) = mailbox.letters
    assert letter["Subject"].startswith("Your visits at ")
    assert [day for day in ("4 March", "11 March", "18 March") if day in text_of(letter)] == [
        "4 March", "11 March", "18 March"
    ]  # fmt: skip
    assert await notified(context, booked) == [Notified.SENT] * 3


@pytest.mark.backends("sqlite")
async def test_nothing_is_said_of_visits_that_were_cancelled_before_the_letter_left(
    context: Context, booked: BookedSeries, mailbox: MemoryMailbox
) -> None:
    await cancelled(context, booked.visits[1])
    await run(context, handlers.series_confirmation, SeriesBooked(booked.series.id))
    (letter,) = mailbox.letters
    assert "11 March" not in text_of(letter)


@pytest.mark.backends("sqlite")
async def test_a_letter_that_was_given_up_shows_on_every_visit(context: Context, booked: BookedSeries) -> None:
    assert handlers.series_confirmation.give_up
    async with transaction(context.database.writes) as session:
        message = Message(new_id(), payload_of(SeriesBooked(booked.series.id)))
        await handlers.series_confirmation.give_up(session, message)
    assert await notified(context, booked) == [Notified.FAILED] * 3


async def test_one_letter_tells_of_those_that_were_cancelled_together(
    context: Context, booked: BookedSeries, mailbox: MemoryMailbox
) -> None:
    for visit in booked.visits[1:]:
        await cancelled(context, visit)
    await run(context, handlers.series_cancellation, SeriesCancelled(booked.series.id, NOON))
    (letter,) = mailbox.letters
    said = text_of(letter)
    assert ["4 March" in said, "11 March" in said, "18 March" in said] == [False, True, True]
