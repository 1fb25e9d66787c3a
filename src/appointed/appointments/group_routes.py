"""`/sessions`: group sessions, and places in them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    SettingsDep,
    refusals,
)

from . import group_queries, service
from .callers import BARRED, Booker, Planner, PolicyDep
from .errors import REFUSALS, SessionCancelled
from .group_schemas import PlaceCreate, SessionCancellation, SessionCreate, SessionRead
from .models import Appointment
from .schemas import AppointmentRead, DayOrInstant, end_of, start_of

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=RetryingRoute)


@router.post("", status_code=201, responses=refusals(Unauthenticated, Forbidden, *REFUSALS.values()))
async def plan_session(body: SessionCreate, actor: Planner, session: SessionDep, clock: ClockDep) -> SessionRead:
    """Plan a group session: it takes its doctor's time, and its room's."""
    return SessionRead.of(await service.plan_session(session, actor, body.plan(), clock=clock))


@router.get("", responses=refusals())
async def list_sessions(
    session: ReadSessionDep,
    settings: SettingsDep,
    from_: Annotated[DayOrInstant | None, Query(alias="from")] = None,
    to: Annotated[DayOrInstant | None, Query(description="A day is included as a whole.")] = None,
    doctor_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[SessionRead]:
    """Group sessions by their start, with how many places are free."""
    first = start_of(from_, settings.zone) if from_ else None
    last = end_of(to, settings.zone) if to else None
    page = await group_queries.page(session, group_queries.Filter(first, last, doctor_id), limit=limit, cursor=cursor)
    taken = await group_queries.taken_seats(session, [group.id for group in page.items])
    return PageOf(items=[SessionRead.of(group, taken.get(group.id, 0)) for group in page.items],
                  next_cursor=page.next_cursor)  # fmt: skip


@router.get("/{session_id}", responses=refusals(NotFound))
async def read_session(session_id: UUID, session: ReadSessionDep) -> SessionRead:
    """A group session, with how many places are free."""
    group = await group_queries.get(session, session_id)
    return SessionRead.of(group, (await group_queries.taken_seats(session, [session_id])).get(session_id, 0))


@router.post(
    "/{session_id}/places", status_code=201, response_model=AppointmentRead,
    responses=refusals(*BARRED, NotFound, SessionCancelled, *REFUSALS.values()),
)  # fmt: skip
async def take_place(
    session_id: UUID, body: PlaceCreate, actor: Booker, session: SessionDep, policy: PolicyDep, clock: ClockDep
) -> Appointment:
    """Take part; 409 `session_full` if no place is left. Cancelling the visit leaves the place to others."""
    return await service.join(session, actor, session_id, body.joining(), policy=policy, clock=clock)


@router.post("/{session_id}/cancel", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def cancel_session(
    session_id: UUID, body: SessionCancellation, actor: Planner, session: SessionDep, clock: ClockDep
) -> SessionRead:
    """Call a session off: every place is cancelled, and everybody told. Calling it off again changes nothing."""
    return SessionRead.of(
        await service.cancel_session(session, actor, session_id, reason=body.reason, clock=clock)
    )  # fmt: skip
