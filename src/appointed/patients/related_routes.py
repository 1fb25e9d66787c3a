"""`/patients/…/related-people`: who looks after a patient; and whom a login looks after."""

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

from . import related, relations
from .errors import AlreadyRelated, NoLogin, PatientErased, RelationEnded, TooManyRelated
from .models import RelatedPerson
from .rules import last_day
from .schemas import LookedAfterRead, RelatedPersonCreate, RelatedPersonRead, RelatedPersonUpdate

router = APIRouter(prefix="/patients", tags=["related people"], route_class=RetryingRoute)

Somebody = Annotated[Actor, Depends(requires(Permission.PATIENTS_OWN, Permission.PATIENTS_ALL, to_apps=False))]
Self = Annotated[Actor, Depends(requires(Permission.PATIENTS_OWN, to_apps=False))]
Desk = Annotated[Actor, Depends(requires(Permission.PATIENTS_REGISTER, to_apps=False))]
REFUSED = (Unauthenticated, Forbidden, NotFound)


@router.post(
    "/{patient_id}/related-people", status_code=201, response_model=RelatedPersonRead,
    responses=refusals(*REFUSED, AlreadyRelated, TooManyRelated, PatientErased),
)  # fmt: skip
async def add_related_person(
    patient_id: UUID, body: RelatedPersonCreate, actor: Somebody, session: SessionDep, clock: ClockDep
) -> RelatedPerson:
    """Say who looks after a patient: the desk of anybody, a patient of themselves until the desk confirms it."""
    whom = relations.Whom(body.user_id, body.email)
    return await relations.add(session, actor, patient_id, whom, body.terms(), clock=clock)


@router.get("/{patient_id}/related-people", responses=refusals(*REFUSED))
async def list_related_people(
    patient_id: UUID,
    actor: Somebody,
    session: ReadSessionDep,
    clock: ClockDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[RelatedPersonRead]:
    """Who looks after a patient, for the desk and the patient; and for who does, what they may."""
    page = await related.page(session, actor, patient_id, limit=limit, cursor=cursor)
    audit.record(session, clock.now(), actor.user_id, "relation.find", "related_person", patient_id=patient_id,
                 found=str(len(page.items)))  # fmt: skip
    return PageOf(items=[RelatedPersonRead.model_validate(one) for one in page.items], next_cursor=page.next_cursor)


@router.patch(
    "/{patient_id}/related-people/{relation_id}", response_model=RelatedPersonRead,
    responses=refusals(*REFUSED, RelationEnded),
)  # fmt: skip
async def change_related_person(
    patient_id: UUID, relation_id: UUID, body: RelatedPersonUpdate, actor: Desk, session: SessionDep, clock: ClockDep
) -> RelatedPerson:
    """Change what somebody who looks after a patient may do, and how long."""
    return await relations.change(session, actor, patient_id, relation_id, body.terms(), clock=clock)


@router.delete("/{patient_id}/related-people/{relation_id}", status_code=204, responses=refusals(*REFUSED))
async def end_related_person(
    patient_id: UUID, relation_id: UUID, actor: Somebody, session: SessionDep, clock: ClockDep
) -> None:
    """End it at once: the desk, or either side. It is kept for the trail."""
    await relations.end(session, actor, patient_id, relation_id, clock=clock)


@router.post(
    "/{patient_id}/related-people/{relation_id}/confirm", response_model=RelatedPersonRead,
    responses=refusals(*REFUSED, AlreadyRelated, NoLogin, RelationEnded),
)  # fmt: skip
async def confirm_related_person(
    patient_id: UUID, relation_id: UUID, actor: Desk, session: SessionDep, clock: ClockDep
) -> RelatedPerson:
    """Confirm whom a patient named: the login with that address looks after them from now on."""
    return await relations.confirm(session, actor, patient_id, relation_id, clock=clock)


@router.get("/me/looks-after", responses=refusals(Unauthenticated, Forbidden))
async def list_looked_after(
    actor: Self, session: ReadSessionDep, settings: SettingsDep, clock: ClockDep
) -> PageOf[LookedAfterRead]:
    """The patients whom the login looks after today, and what it may do for them."""
    found = await related.looked_after(session, actor)
    audit.record(session, clock.now(), actor.user_id, "relation.find", "related_person", found=str(len(found)))
    items = [
        LookedAfterRead.of(relation, patient, last_day(relation.relationship, relation.valid_until, patient.birth_date,
                                                       settings.age_of_majority))
        for relation, patient in found
    ]  # fmt: skip
    return PageOf(items=items, next_cursor=None)
