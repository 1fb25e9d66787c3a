"""What an installation makes of its settings when it starts."""

import asyncio
from datetime import datetime

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.audit.models import AuditEvent
from appointed.bootstrap import bootstrap
from appointed.core.db import Database
from appointed.core.settings import Settings
from appointed.locations.models import Location
from appointed.visit_types.models import VisitType

from .support.clock import FixedClock
from .support.factories import PASSWORD, Clinic


async def test_visits_that_another_time_zone_takes_out_of_hours_are_marked_once(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock
) -> None:
    doctor, patient, desk = await clinic.doctor(), await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    in_new_hours = await clinic.visit(patient, doctor, datetime.fromisoformat("2031-03-10T14:00:00Z"))
    out_of_them = await clinic.visit(patient, doctor, datetime.fromisoformat("2031-03-10T09:00:00Z"))
    moved = clinic.settings.model_copy(update={"clinic_timezone": "America/New_York"})
    for _ in range(2):
        await bootstrap(clinic.database, moved, clock)
    answer = await client.get("/appointments", params={"needs_attention": True}, headers=desk.headers)
    assert [(item["id"], item["attention_code"]) for item in answer.json()["items"]] == [
        (str(out_of_them.id), "timezone_changed")
    ]
    slots = await client.get("/slots", params={"doctor_id": str(doctor.id), "from": "2031-03-10T00:00:00Z",
                                               "to": "2031-03-10T14:30:00Z"})  # fmt: skip
    assert [slot["starts_at"] for slot in slots.json()["slots"]] == ["2031-03-10T13:00:00Z", "2031-03-10T13:30:00Z"]
    assert in_new_hours.needs_attention is False
    async with clinic.database.reads() as session:
        recorded = (await session.scalars(select(AuditEvent.action).where(AuditEvent.actor_id.is_(None)))).all()
    assert (recorded.count("location.timezone"), recorded.count("appointment.needs-attention")) == (1, 1)


async def test_what_every_clinic_starts_with_is_made_once_by_several_at_once(
    database: Database, settings: Settings, clock: FixedClock
) -> None:
    with_admin = settings.model_copy(
        update={"admin_email": "first.admin@example.org", "admin_password": SecretStr(PASSWORD)}
    )
    await asyncio.gather(*(bootstrap(database, with_admin, clock) for _ in range(5)))
    async with database.reads() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(model)) for model in (Location, VisitType, User)
        ]
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("password", ["short", "password1", "x7" * 600])
async def test_the_first_administrator_has_no_password_that_nobody_else_may_have(
    password: str, sqlite_database: Database, settings: Settings, clock: FixedClock
) -> None:
    update = {"admin_email": "first.admin@example.org", "admin_password": SecretStr(password)}
    with pytest.raises(SystemExit, match=r"ADMIN_PASSWORD.* (must have at|is among)") as refused:
        await bootstrap(sqlite_database, settings.model_copy(update=update), clock)
    assert password not in str(refused.value)
    async with sqlite_database.reads() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 0
