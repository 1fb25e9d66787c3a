"""Registering, changing and deactivating doctors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit, resources
from appointed.accounts.actor import Actor, Permission, Role
from appointed.core.errors import Forbidden, Invalid, NotFound
from appointed.core.ids import new_id
from appointed.core.names import search_key

from .models import Doctor


async def register(
    session: AsyncSession,
    actor: Actor | None,
    profile: Mapping[str, Any],
    *,
    email: str,
    password_hash: str,
    now: datetime,
) -> Doctor:
    """A new doctor with a login. `profile` has the attributes of `Doctor`. Without an actor: the command line."""
    by = actor.user_id if actor else None
    user = await accounts.create(session, email=email, password_hash=password_hash,
                                 display_name=f"{profile['first_name']} {profile['last_name']}", roles=[Role.DOCTOR],
                                 by=by, now=now)  # fmt: skip
    doctor_id = new_id()
    resources.add(session, doctor_id, "doctor")
    await session.flush()
    doctor = Doctor(id=doctor_id, user_id=user.id, is_active=True, created_at=now)
    _apply(doctor, profile)
    session.add(doctor)
    await session.flush()
    audit.record(session, now, by, "doctor.register", "doctor", doctor_id)
    return doctor


async def change(
    session: AsyncSession, actor: Actor, doctor_id: UUID, profile: Mapping[str, Any], *, now: datetime
) -> Doctor:
    """Change what `profile` holds; None clears. Doctors change themselves, administrators anybody."""
    await resources.lock(session, [doctor_id])
    doctor = await get(session, doctor_id)
    if not actor.may(Permission.DOCTORS_MANAGE) and (doctor.user_id != actor.user_id or "is_active" in profile):
        raise Forbidden
    if profile.get("is_active") is False:
        raise Invalid.field("is_active", "Deactivate with DELETE, which asks what becomes of the visits.")
    if profile.get("is_active") and not doctor.is_active:
        await accounts.resume(session, doctor.user_id, Role.DOCTOR, by=actor.user_id, now=now)
    _apply(doctor, profile)
    await session.flush()
    audit.record(session, now, actor.user_id, "doctor.change", "doctor", doctor_id, fields=",".join(sorted(profile)))
    return doctor


async def deactivate(session: AsyncSession, actor: Actor, doctor: Doctor, now: datetime) -> None:
    """The doctor, whose row is locked, is offered no more and logs in no more."""
    doctor.is_active = False
    await accounts.suspend(session, doctor.user_id, Role.DOCTOR, by=actor.user_id, now=now)
    audit.record(session, now, actor.user_id, "doctor.deactivate", "doctor", doctor.id)


async def get(session: AsyncSession, doctor_id: UUID) -> Doctor:
    """As it is in the database now, whatever was read before."""
    doctor = await session.get(Doctor, doctor_id, populate_existing=True)
    if doctor is None:
        raise NotFound
    return doctor


def _apply(doctor: Doctor, profile: Mapping[str, Any]) -> None:
    for name, value in profile.items():
        setattr(doctor, name, value)
    doctor.last_name_key = search_key(doctor.last_name)
    doctor.specialization_key = search_key(doctor.specialization)
