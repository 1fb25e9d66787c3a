"""`/medical-records`: writing, reading, signing, amending and retracting."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated, VersionMismatch
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    VersionDep,
    etag_of,
    refusals,
    requires,
)

from . import queries, service
from .errors import NotAmendable, NotReleasable, NotSignable, Superseded
from .models import MedicalRecord
from .schemas import RecordAmend, RecordCreate, RecordRead, Retraction

router = APIRouter(prefix="/medical-records", tags=["medical records"], route_class=RetryingRoute)

Reader = Annotated[Actor, Depends(requires(Permission.RECORDS_OWN, Permission.RECORDS_TREATED))]
Writer = Annotated[Actor, Depends(requires(Permission.RECORDS_WRITE))]
# What parents get to read is decided by a person.
Releaser = Annotated[Actor, Depends(requires(Permission.RECORDS_WRITE, to_apps=False))]

READING = (Unauthenticated, Forbidden, NotFound)
CHANGING = (*READING, VersionMismatch)


@router.post(
    "/new-medical-report/{patient_id}",
    status_code=201,
    response_model=RecordRead,
    responses=refusals(*READING),
)
async def write_record(
    patient_id: UUID, body: RecordCreate, actor: Writer, session: SessionDep, clock: ClockDep
) -> MedicalRecord:
    """Write about a patient whom you treat: signed at once, or `preliminary`."""
    return await service.write(session, actor, patient_id, body.draft(), clock=clock)


@router.get("/{patient_id}", responses=refusals(*READING))
async def list_records(
    patient_id: UUID,
    actor: Reader,
    session: ReadSessionDep,
    clock: ClockDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[RecordRead]:
    """A patient's records as they stand, oldest first: neither replaced nor retracted ones."""
    page = await queries.page(session, actor, patient_id, clock.now(), limit=limit, cursor=cursor)
    audit.record(session, clock.now(), actor.user_id, "record.find", "record", patient_id=patient_id,
                 found=str(len(page.items)))  # fmt: skip
    return PageOf(items=[RecordRead.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/record/{record_id}", response_model=RecordRead, responses=refusals(*READING))
async def read_record(
    record_id: UUID, actor: Reader, session: ReadSessionDep, response: Response, clock: ClockDep
) -> MedicalRecord:
    """One record, also one that was replaced; its `ETag` is for `If-Match`."""
    record = await queries.get(session, actor, record_id, clock.now())
    audit.record(session, clock.now(), actor.user_id, "record.read", "record", record_id, patient_id=record.patient_id)
    response.headers["ETag"] = etag_of(record.version)
    return record


@router.post("/record/{record_id}/sign", response_model=RecordRead, responses=refusals(*CHANGING, NotSignable))
async def sign_record(
    record_id: UUID, actor: Writer, session: SessionDep, version: VersionDep, clock: ClockDep
) -> MedicalRecord:
    """Sign a preliminary record: from now on the patient reads it. Signing again changes nothing."""
    return await service.sign(session, actor, record_id, version=version, clock=clock)


@router.post(
    "/record/{record_id}/amend",
    status_code=201,
    response_model=RecordRead,
    responses=refusals(*CHANGING, NotAmendable, Superseded),
)
async def amend_record(
    record_id: UUID,
    body: RecordAmend,
    actor: Writer,
    session: SessionDep,
    version: VersionDep,
    clock: ClockDep,
) -> MedicalRecord:
    """Replace a signed record by a new version, which is signed at once and names the old one."""
    return await service.amend(session, actor, record_id, body.changes(), version=version, clock=clock)


@router.post("/record/{record_id}/retract", response_model=RecordRead, responses=refusals(*CHANGING, Superseded))
async def retract_record(
    record_id: UUID,
    body: Retraction,
    actor: Writer,
    session: SessionDep,
    version: VersionDep,
    clock: ClockDep,
) -> MedicalRecord:
    """Take back what was entered in error: it is kept, for its author alone. Retracting again changes nothing."""
    return await service.retract(session, actor, record_id, body.reason, version=version, clock=clock)


@router.put(
    "/record/{record_id}/release",
    response_model=RecordRead,
    responses=refusals(*CHANGING, NotReleasable, Superseded),
)
async def release_record(
    record_id: UUID, actor: Releaser, session: SessionDep, version: VersionDep, clock: ClockDep
) -> MedicalRecord:
    """Let parents and guardians read it, where the clinic keeps a minor of that age private from them. Releasing again
    changes nothing; a version that replaces it is released anew, or not."""
    return await service.release(session, actor, record_id, version=version, clock=clock)


@router.delete(
    "/record/{record_id}/release",
    response_model=RecordRead,
    responses=refusals(*CHANGING, NotReleasable, Superseded),
)
async def withhold_record(
    record_id: UUID, actor: Releaser, session: SessionDep, version: VersionDep, clock: ClockDep
) -> MedicalRecord:
    """Withhold it from parents and guardians again, with the versions that it replaced."""
    return await service.withhold(session, actor, record_id, version=version, clock=clock)
