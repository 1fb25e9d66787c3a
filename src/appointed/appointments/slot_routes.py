"""`/slots`: free times, the first of them, and how many there are a day."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from appointed import patients
from appointed.accounts.actor import Actor, Permission
from appointed.core.clock import Clock
from appointed.core.errors import Forbidden, Invalid, Unauthenticated
from appointed.core.settings import Settings
from appointed.deps import (
    LOGIN_IS_OPTIONAL,
    ClockDep,
    OptionalActor,
    ReadSessionDep,
    RetryingRoute,
    SettingsDep,
    refusals,
)
from appointed.patients import related

from . import offers
from .policy import NO_QUOTAS, Quotas
from .schemas import end_of, start_of
from .slot_schemas import DayRead, DaysRead, SlotsAsked, SlotsFilter, SlotsRead, slots_json

router = APIRouter(prefix="/slots", tags=["appointments"], route_class=RetryingRoute)

LONGEST_RANGE = timedelta(days=62)


@router.get(
    "", response_model=SlotsRead, responses=refusals(Unauthenticated, Forbidden), openapi_extra=LOGIN_IS_OPTIONAL
)
async def list_slots(
    asked: Annotated[SlotsAsked, Query()],
    actor: OptionalActor,
    session: ReadSessionDep,
    settings: SettingsDep,
    clock: ClockDep,
) -> Response:
    """Free times, earliest first. For a patient who is logged in, or who is named, their own visits count."""
    around = await _around(session, actor, asked, settings, clock)
    found = await offers.find(session, asked.search, asked.wish, around, limit=asked.most, per_doctor=asked.per_doctor)
    return Response(slots_json(found, are_families=bool(around.family)), media_type="application/json")


@router.get("/days", responses=refusals(Unauthenticated, Forbidden), openapi_extra=LOGIN_IS_OPTIONAL)
async def count_slots(
    asked: Annotated[SlotsFilter, Query()],
    actor: OptionalActor,
    session: ReadSessionDep,
    settings: SettingsDep,
    clock: ClockDep,
) -> DaysRead:
    """How many times are free on each day of the location's calendar."""
    around = await _around(session, actor, asked, settings, clock)
    days = await offers.count_days(session, asked.search, asked.wish, around)
    return DaysRead(days=[DayRead.model_validate(day) for day in days])


async def _around(
    session: ReadSessionDep, actor: Actor | None, asked: SlotsFilter, settings: Settings, clock: Clock
) -> offers.Around:
    first, last = start_of(asked.from_, settings.zone), end_of(asked.to, settings.zone)
    _check_range(first, last)
    family, is_desk = asked.family, _is_desk(actor)
    whose = await _for_whom(session, actor, asked.patient_id)
    quotas = NO_QUOTAS if is_desk else Quotas(settings.max_upcoming)
    return offers.Around(first, last, clock.now(), None if family else whose, asked.location_id, quotas,
                         is_online=not is_desk, family=family)  # fmt: skip


async def _for_whom(session: ReadSessionDep, actor: Actor | None, named: list[UUID]) -> UUID | None:
    """Whose own visits count: the first who is named, or who asks. All who are named may be asked about."""
    first = named[0] if named else None
    if _is_desk(actor):
        return first
    if actor is None:
        if named:
            raise Unauthenticated
        return None
    own_id = await patients.find_own_id(session, actor.user_id) if actor.may(Permission.PATIENTS_OWN) else None
    others = set(named) - {own_id}
    if others and await related.bookable_among(session, actor, others) < others:
        raise Forbidden("Only the desk, or who may book for them, asks for somebody else.")
    return first or own_id


def _is_desk(actor: Actor | None) -> bool:
    return actor is not None and actor.may(Permission.APPOINTMENTS_BOOK_ALL)


def _check_range(first: datetime, last: datetime) -> None:
    if last <= first:
        raise Invalid.field("to", "The end must be after the start.")
    if last - first > LONGEST_RANGE:
        raise Invalid.field("to", "Ask for 62 days at the most.")
