"""`/patients/…/accesses`: who looked at a patient's data and who changed it, for the patient."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.accounts.queries import names_by_user, roles_by_user
from appointed.audit import queries as trail
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, Cursor, Limit, PageOf, ReadSessionDep, RetryingRoute, refusals, requires

from . import related
from .schemas import AccessRead

router = APIRouter(prefix="/patients", tags=["patients"], route_class=RetryingRoute)

Self = Annotated[Actor, Depends(requires(Permission.PATIENTS_OWN, to_apps=False))]


@router.get("/{patient_id}/accesses", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def list_accesses(
    patient_id: UUID, actor: Self, session: ReadSessionDep, clock: ClockDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[AccessRead]:
    """Who looked at the patient's data or changed it, the latest first: for the patient, and who reads all for them."""
    if not await related.reaches(session, actor, patient_id, related.may_read_all(actor)):
        raise NotFound
    filters = trail.Filter(patient_id=patient_id, outcome=audit.DONE)
    page = await trail.page(session, filters, limit=limit, cursor=cursor)
    whose = {row.actor_id for row in page.items if row.actor_id}
    names, roles = await names_by_user(session, whose), await roles_by_user(session, whose)
    audit.record(session, clock.now(), actor.user_id, "access.find", "access", patient_id=patient_id,
                 found=str(len(page.items)))  # fmt: skip
    items = [
        AccessRead(recorded_at=row.recorded_at, action=row.action, is_own=row.actor_id == actor.user_id,
                   actor_name=names.get(row.actor_id) if row.actor_id else None,
                   actor_roles=sorted(roles.get(row.actor_id, [])) if row.actor_id else [])
        for row in page.items
    ]  # fmt: skip
    return PageOf(items=items, next_cursor=page.next_cursor)
