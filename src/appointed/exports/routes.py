"""`/patients/{patient_id}/export`: all that is held on a patient."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, ReadSessionDep, RetryingRoute, refusals, requires

from . import archive, queries

router = APIRouter(prefix="/patients", tags=["patients"], route_class=RetryingRoute)

ZIP = "application/zip"
DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An archive of JSON files; `patient/about.json` says what is in it and what is not.",
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
    }
}
NOT_IN_IT = "Medical records that are not signed yet or were retracted, and what was refused"
NOT_READ = "Medical records, and who did what: whoever asked for this archive may not read them"
Exporter = Annotated[
    Actor,
    Depends(requires(Permission.PATIENTS_OWN, Permission.PATIENTS_EXPORT, to_apps=False)),
]


@router.get(
    "/{patient_id}/export", response_class=Response, responses=DOCUMENT | refusals(Unauthenticated, Forbidden, NotFound)
)
async def export_patient(patient_id: UUID, actor: Exporter, session: ReadSessionDep, clock: ClockDep) -> Response:
    """All that is held on a patient, as one archive: for the patient, or to hand to them. Medical records are in it if
    whoever asks may read them, and who looked at the data if the patient asks."""
    now = clock.now()
    patient = await queries.get(session, actor, patient_id, now)
    files = await queries.read(session, queries.parts_of(actor, patient, now))
    audit.record(session, now, actor.user_id, "patient.export", "patient", patient_id, patient_id=patient_id)
    about = {"patient_id": patient_id, "exported_at": now, "exported_by": actor.user_id,
             "rows": archive.counts(files),
             "not_in_it": NOT_IN_IT if patient.user_id == actor.user_id else NOT_READ}  # fmt: skip
    content = await asyncio.to_thread(archive.packed, {"about": about, **files}, now)
    return Response(content, media_type=ZIP, headers={
        "Content-Disposition": 'attachment; filename="patient.zip"', "Cache-Control": "no-store",
    })  # fmt: skip
