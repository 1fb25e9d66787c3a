"""Making and changing visit types, the default one among them.

A change takes no lock but the row's own. Whoever books reads the row after the locks on the doctor and the patient, so
a booking goes by the rules before the change or by those after it, and never by a mixture; what it decided is stamped
on the visit and its ticks. Visits that are booked are not changed by it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.core.errors import Invalid
from appointed.core.ids import new_id
from appointed.locations.queries import has_kind

from . import queries
from .errors import DefaultVisitType
from .models import VisitType
from .rules import Audience, check

DEFAULTS: dict[str, Any] = {
    "length_minutes": 30, "allowed_lengths": [], "buffer_before_minutes": 0, "buffer_after_minutes": 0,
    "grid_minutes": 30, "grid_offset_minutes": 0, "notice_minutes": 0, "window_days": 365, "is_virtual": False,
    "audience": Audience.ALL, "device_kinds": [], "practitioner_roles": [], "cancel_notice_minutes": 0,
    "is_active": True,
}  # fmt: skip


async def create(session: AsyncSession, *, name: str, by: UUID | None = None, now: datetime, **rules: Any) -> VisitType:
    """`rules` are the attributes of `VisitType`; lengths, buffers and the grid are multiples of five minutes."""
    said = DEFAULTS | rules
    check(said)
    await _check_kinds(session, said)
    visit_type = VisitType(id=new_id(), name=name, **said)
    session.add(visit_type)
    audit.record(session, now, by, "visit-type.create", "visit-type", visit_type.id)
    return visit_type


async def change(
    session: AsyncSession, by: UUID, visit_type_id: UUID, changes: Mapping[str, Any], *, now: datetime
) -> VisitType:
    """Change what is given; None clears."""
    if changes.get("is_active") is False:
        raise Invalid.field("is_active", "Deactivate with DELETE.")
    visit_type = await queries.get(session, visit_type_id, for_update=True)
    columns = VisitType.__table__.columns.keys()
    check({name: getattr(visit_type, name) for name in columns} | dict(changes))
    await _check_kinds(session, changes)
    for name, value in changes.items():
        setattr(visit_type, name, value)
    await session.flush()
    audit.record(session, now, by, "visit-type.change", "visit-type", visit_type_id, fields=",".join(sorted(changes)))
    return visit_type


async def deactivate(session: AsyncSession, by: UUID, visit_type_id: UUID, *, now: datetime) -> None:
    """Have it booked no more; what is booked stays booked."""
    visit_type = await queries.get(session, visit_type_id, for_update=True)
    if visit_type.is_default:
        raise DefaultVisitType
    visit_type.is_active = False
    await session.flush()
    audit.record(session, now, by, "visit-type.deactivate", "visit-type", visit_type_id)


async def ensure_default(session: AsyncSession, *, now: datetime) -> None:
    """The default visit type: 30 minutes, every 30 minutes from the start of the hours."""
    if await session.scalar(select(VisitType.id).where(VisitType.is_default.is_(True))) is None:
        await create(session, name="Visit", is_default=True, now=now)


async def _check_kinds(session: AsyncSession, said: Mapping[str, Any]) -> None:
    """`Invalid` if the type needs a room or a device of a kind that no location has."""
    wanted = [("room_kind", said.get("room_kind"), False)]
    wanted += [("device_kinds", kind, True) for kind in said.get("device_kinds") or ()]
    for field, kind, is_device in wanted:
        if kind is not None and not await has_kind(session, kind, is_device=is_device):
            raise Invalid.field(field, f"No location has {'a device' if is_device else 'a room'} of the kind {kind}.",
                                "unknown")  # fmt: skip
