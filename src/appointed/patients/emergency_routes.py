"""`/emergency-accesses`: opening a record in an emergency, and the auditors' list of what was opened."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed import audit
from appointed.accounts.actor import Actor, Permission
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
    requires,
)

from . import emergencies
from .emergency_schemas import EmergencyAccessCreate, EmergencyAccessRead, EmergencyAccessReview, Review
from .errors import AlreadyTreated
from .models import EmergencyAccess

router = APIRouter(prefix="/emergency-accesses", tags=["emergency access"], route_class=RetryingRoute)

Doctor = Annotated[Actor, Depends(requires(Permission.RECORDS_EMERGENCY))]
Auditor = Annotated[Actor, Depends(requires(Permission.AUDIT_READ, to_apps=False))]


@router.post(
    "", status_code=201, response_model=EmergencyAccessRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, AlreadyTreated),
)  # fmt: skip
async def open_record(
    body: EmergencyAccessCreate, actor: Doctor, session: SessionDep, settings: SettingsDep, clock: ClockDep
) -> EmergencyAccess:
    """Open the record of a patient whom you do not treat. It closes by itself; the patient is told, and auditors look
    at the reason."""
    notice = timedelta(hours=settings.emergency_notice_hours) if settings.emergency_notice else None
    return await emergencies.open_record(
        session, actor, body.sought(), body.reason, lasting=timedelta(minutes=settings.emergency_minutes),
        told_after=notice, now=clock.now(),
    )  # fmt: skip


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def list_emergency_accesses(
    actor: Auditor, session: ReadSessionDep, clock: ClockDep, is_reviewed: bool | None = None, limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[EmergencyAccessReview]:  # fmt: skip
    """What was opened and why, oldest first."""
    page = await emergencies.page(session, is_reviewed=is_reviewed, limit=limit, cursor=cursor)
    audit.record(session, clock.now(), actor.user_id, "emergency-access.find", "emergency-access",
                 found=str(len(page.items)))  # fmt: skip
    return PageOf(
        items=[EmergencyAccessReview.model_validate(each) for each in page.items], next_cursor=page.next_cursor
    )


@router.post("/{access_id}/review", response_model=EmergencyAccessReview,
             responses=refusals(Unauthenticated, Forbidden, NotFound))  # fmt: skip
async def review_emergency_access(
    access_id: UUID, body: Review, actor: Auditor, session: SessionDep, clock: ClockDep
) -> EmergencyAccess:
    """Say what you found."""
    return await emergencies.review(session, actor, access_id, body.note, now=clock.now())
