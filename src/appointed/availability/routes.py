"""`/availability`: a doctor's opening hours; and `/doctors` as everybody sees them, with their hours."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from appointed import doctors
from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.text import SearchText
from appointed.deps import (
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    refusals,
    requires,
)
from appointed.doctors.models import Doctor

from . import queries
from .rules import HoursKind
from .schemas import DoctorProfile, HoursRead

router = APIRouter(prefix="/availability", tags=["availability"], route_class=RetryingRoute)
profiles = APIRouter(prefix="/doctors", tags=["doctors"], route_class=RetryingRoute)

Self = Annotated[Actor, Depends(requires(Permission.DOCTORS_CHANGE_OWN))]
DoctorId = Annotated[UUID, Query(examples=["019b2f4e-7c1a-7000-8000-000000000001"])]


@router.get("", responses=refusals())
async def list_hours(
    doctor_id: DoctorId,
    session: ReadSessionDep,
    kind: Annotated[list[HoursKind], Query(description="Left out: all.")] = [],  # noqa: B006 - FastAPI copies defaults
) -> PageOf[HoursRead]:
    """A doctor's opening hours, the breaks in them, and the days that differ."""
    return PageOf(items=await _hours(session, [doctor_id], kind or HoursKind), next_cursor=None)


@profiles.get("", responses=refusals())
async def list_doctors(
    session: ReadSessionDep,
    q: Annotated[SearchText, Query(description="How the last name begins.")] = "",
    specialization: SearchText = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[DoctorProfile]:
    """Doctors by last name, with their hours."""
    page = await doctors.page(session, q=q, specialization=specialization, is_active=True, limit=limit, cursor=cursor)
    return PageOf(items=await _profiles(session, page.items), next_cursor=page.next_cursor)


@profiles.get("/me", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_own_doctor(actor: Self, session: ReadSessionDep) -> DoctorProfile:
    """The doctor who is logged in."""
    return await _profile(session, await doctors.find_own(session, actor.user_id))


@profiles.get("/{doctor_id}", responses=refusals(NotFound))
async def read_doctor(doctor_id: UUID, session: ReadSessionDep) -> DoctorProfile:
    """A doctor with opening hours."""
    return await _profile(session, await doctors.find(session, doctor_id))


async def _profile(session: ReadSessionDep, doctor: Doctor | None) -> DoctorProfile:
    if doctor is None:
        raise NotFound
    return (await _profiles(session, [doctor]))[0]


async def _profiles(session: ReadSessionDep, found: Sequence[Doctor]) -> list[DoctorProfile]:
    hours = defaultdict(list)
    for row in await _hours(session, [doctor.id for doctor in found]):
        hours[row.doctor_id].append(row)
    return [DoctorProfile.with_hours(doctor, hours[doctor.id]) for doctor in found]


async def _hours(
    session: ReadSessionDep, doctor_ids: Sequence[UUID], kinds: Iterable[HoursKind] = (HoursKind.OPEN,)
) -> list[HoursRead]:
    return [HoursRead.of(schedule) for schedule in await queries.of_doctors(session, doctor_ids, [*kinds])]
