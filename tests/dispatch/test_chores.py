"""What the clock does with visits: once to each, however many clocks there are."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from appointed.accounts.actor import Role
from appointed.appointments import service as appointments
from appointed.appointments.models import Appointment, AppointmentChange
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Action
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, transaction
from appointed.dispatch import close_missed, do_chores
from appointed.dispatch.chores import CHORES
from appointed.notifications.context import Context
from appointed.worker import CHORES as TASK
from appointed.worker import CONFIGURATION, SEAL
from tests.support.clock import FixedClock
from tests.support.factories import Clinic
from tests.support.mailbox import MemoryMailbox
from tests.support.soundness import flaws, remains

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def closing(context: Context) -> Context:
    """Of a clinic that marks no-shows an hour after the end."""
    settings = context.settings.model_copy(update={"auto_no_show_minutes": 60})
    return Context(context.database, context.clock, settings, MemoryMailbox())


async def visits(clinic: Clinic, count: int) -> list[Appointment]:
    """One after the other, from two hours on."""
    doctor, first = await clinic.doctor(), clinic.clock.now() + timedelta(hours=2)
    return [await clinic.visit(await clinic.patient(), doctor, first + HALF_HOUR * each) for each in range(count)]


async def states(database: Database) -> list[str]:
    return [visit.status for visit in (await remains(database)).visits]


async def changed_by(database: Database) -> list[tuple[str, UUID | None]]:
    async with database.reads() as session:
        query = select(AppointmentChange.action, AppointmentChange.changed_by).order_by(AppointmentChange.id)
        return [(row.action, row.changed_by) for row in await session.execute(query)]


async def test_whoever_did_not_come_is_marked_by_the_clock_when_the_clinic_wants_that(
    context: Context, closing: Context, clinic: Clinic, clock: FixedClock
) -> None:
    booked = await visits(clinic, 3)
    clock.set(booked[1].ends_at + timedelta(minutes=60, microseconds=-1))
    assert await close_missed(context) == 0
    assert await close_missed(closing) == 1
    clock.advance(timedelta(microseconds=1))
    assert (await close_missed(closing), await close_missed(closing)) == (1, 0)
    assert await states(context.database) == ["noshow", "noshow", "booked"]
    assert await changed_by(context.database) == [("no-show", None)] * 2
    async with context.database.reads() as session:
        trail = await session.scalars(select(AuditEvent.actor_id).where(AuditEvent.action == "appointment.no-show"))
        assert trail.all() == [None, None]
    assert await flaws(context.database) == []


async def test_whoever_came_is_never_marked(closing: Context, clinic: Clinic, clock: FixedClock) -> None:
    booked, desk = await visits(clinic, 2), await clinic.staff(Role.RECEPTIONIST)
    clock.set(booked[1].ends_at)
    for visit, action in zip(booked, (Action.ARRIVE, Action.COMPLETE), strict=True):
        async with transaction(clinic.database.writes) as session:
            await appointments.move(session, desk.actor, visit.id, action, policy=Policy(), clock=clock)
    clock.advance(timedelta(days=3))
    assert await close_missed(closing) == 0
    assert await states(clinic.database) == ["arrived", "fulfilled"]


async def test_two_clocks_at_once_mark_each_once(closing: Context, clinic: Clinic, clock: FixedClock) -> None:
    booked = await visits(clinic, 8)
    clock.set(booked[-1].ends_at + timedelta(hours=1))
    counts = await asyncio.gather(*(close_missed(closing) for _ in range(3)))
    assert sum(counts) == 8
    left = await remains(clinic.database)
    assert {visit.status for visit in left.visits} == {"noshow"}
    assert [left.events["appointment.missed", str(visit.id)] for visit in booked] == [1] * 8
    assert {visit.version for visit in left.visits} == {2}
    assert left.ticks == {}


async def test_a_chore_that_fails_holds_up_no_other(
    closing: Context, clinic: Clinic, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_context: Context) -> int:
        raise RuntimeError("Pat Sample")

    (visit,) = await visits(clinic, 1)
    clock.set(visit.ends_at + timedelta(hours=1))
    monkeypatch.setattr("appointed.dispatch.chores.CHORES", (fails, *CHORES))
    with capture_logs() as lines:
        await do_chores(closing)
    assert [(line["event"], line["chore"]) for line in lines] == [
        ("chore_failed", "fails"), ("chore_done", "close_missed"),
    ]  # fmt: skip
    assert "Pat Sample" not in str(lines)


def test_beat_asks_for_the_chores_every_minute() -> None:
    assert CONFIGURATION["beat_schedule"][TASK]["schedule"] == 60
    assert CONFIGURATION["beat_schedule"][SEAL]["schedule"] == 5
