"""Many doctors at once, with hours, visits and leave, in a few statements."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text

from appointed.accounts.models import User
from appointed.appointments.models import Appointment
from appointed.availability.models import Schedule, TimeOff
from appointed.availability.rules import tick_of
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.core.names import search_key
from appointed.doctors.models import Doctor
from appointed.locations.models import Location
from appointed.resources.models import BusyTick, Resource

from .factories import Clinic

HALF_HOUR = timedelta(minutes=30)
Rows = list[dict[str, Any]]


async def hire(clinic: Clinic, count: int, *, expired: int = 0, **profile: Any) -> list[UUID]:
    """Doctors with hours from nine to five on weekdays, and with so many each that are valid no more."""
    now = clinic.clock.now()
    said = {"specialization": "General practice", "languages": ["en"]} | profile
    ids = [(new_id(), new_id()) for _ in range(count)]
    async with transaction(clinic.database.writes) as session:
        place_id = await session.scalar(select(Location.id).where(Location.is_default.is_(True)))
        await session.execute(insert(User), [
            {"id": user_id, "email": f"{user_id}@example.org", "password_hash": "none", "display_name": "Dana Demo",
             "is_active": True, "created_at": now} for _, user_id in ids
        ])  # fmt: skip
        await session.execute(insert(Resource), [{"id": id_, "kind": "doctor"} for id_, _ in ids])
        await session.execute(insert(Doctor), [
            {"id": id_, "user_id": user_id, "first_name": "Dana", "last_name": "Demo", "last_name_key": "demo",
             "specialization_key": search_key(said["specialization"]), "is_active": True, "created_at": now} | said
            for id_, user_id in ids
        ])  # fmt: skip
        row: dict[str, Any] = {"location_id": place_id, "start_minute": 540, "end_minute": 1020, "created_at": now}
        hours = [
            row | {"id": new_id(), "doctor_id": id_, "kind": "open", "weekday": weekday, "valid_until": None}
            for id_, _ in ids for weekday in range(5)
        ]  # fmt: skip
        hours += [
            row | {"id": new_id(), "doctor_id": id_, "kind": "extra", "weekday": number % 7,
                   "valid_until": date(2029, 1, 1) + timedelta(days=number)}
            for id_, _ in ids for number in range(expired)
        ]  # fmt: skip
        await session.execute(insert(Schedule), hours)
    return [id_ for id_, _ in ids]


async def occupy(
    clinic: Clinic, doctors: Sequence[UUID], days: int, share: float, *, luck: Random | None = None
) -> None:
    """Have so large a share of the doctors' half hours taken on the next days, by nobody in particular."""
    luck, rows = luck or Random(1), []
    midnight = clinic.clock.now().replace(hour=0, minute=0)
    for doctor_id in doctors:
        for start in (midnight + timedelta(days=day, hours=9) + half * HALF_HOUR for day in range(days)
                      for half in range(16)):  # fmt: skip
            if luck.random() < share:
                owner = {"resource_id": doctor_id, "owner_id": new_id(), "owner_kind": "appointment",
                         "is_buffer": False, "expires_at": None}  # fmt: skip
                rows += [owner | {"tick": tick_of(start) + number} for number in range(6)]
    async with transaction(clinic.database.writes) as session:
        await session.execute(insert(BusyTick), rows)


async def give_leave(clinic: Clinic, doctors: Sequence[UUID], each: int) -> None:
    """Leave of one day each, long ago."""
    now, rows = clinic.clock.now(), []
    for doctor_id in doctors:
        for number in range(each):
            start = now - timedelta(days=100 + number)
            rows.append({"id": new_id(), "doctor_id": doctor_id, "kind": "leave", "starts_at": start,
                         "ends_at": start + timedelta(days=1), "reason_code": "vacation", "created_by": doctor_id,
                         "created_at": now})  # fmt: skip
    async with transaction(clinic.database.writes) as session:
        await session.execute(insert(TimeOff), rows)


async def repeat(clinic: Clinic, visit_id: UUID, doctors: Sequence[UUID], patients: Sequence[UUID]) -> None:
    """The visit again for each of the patients, with the doctors in turn and ever longer ago, as if ticks did not
    matter."""
    async with transaction(clinic.database.writes) as session:
        seen = await session.get_one(Appointment, visit_id)
        visit = {column.name: getattr(seen, column.name) for column in Appointment.__table__.columns}
        rows = [
            visit | {"id": new_id(), "patient_id": patient_id, "doctor_id": doctors[number % len(doctors)],
                     "starts_at": visit["starts_at"] - timedelta(hours=number),
                     "ends_at": visit["ends_at"] - timedelta(hours=number)}
            for number, patient_id in enumerate(patients)
        ]  # fmt: skip
        await session.execute(insert(Appointment), rows)


async def analyze(clinic: Clinic, *tables: str) -> None:
    """Have the database know how large its tables are, as it would after a while."""
    order = {"postgresql": "ANALYZE {}", "mysql": "ANALYZE TABLE {}", "sqlite": "ANALYZE {}"}
    async with clinic.database.engines[-1].connect() as connection:
        for table in tables:
            await connection.execute(text(order[clinic.database.dialect].format(table)))
        await connection.commit()
