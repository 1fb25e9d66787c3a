"""`/audit-events`: searching and exporting the trail, for auditors."""

import csv
import io
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.appointments.schemas import DayOrInstant, end_of, start_of
from appointed.audit import queries
from appointed.audit.models import AuditEvent
from appointed.core.clock import Clock
from appointed.core.errors import Forbidden, Unauthenticated
from appointed.core.text import Code
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SettingsDep,
    refusals,
    requires,
)

from .audit_schemas import AuditEventRead, as_fhir

router = APIRouter(prefix="/audit-events", tags=["audit trail"], route_class=RetryingRoute)

MOST_EXPORTED = 10_000
Auditor = Annotated[Actor, Depends(requires(Permission.AUDIT_READ))]
REFUSALS = refusals(Unauthenticated, Forbidden)


_CONTENT: dict[str, Any] = {
    "application/json": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}},
    "application/fhir+json": {"schema": {"type": "object"}},
}  # fmt: skip
DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The rows; `X-Next-Cursor` is there unless these were the last.", "content": _CONTENT}
}


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    FHIR = "fhir"


async def _filters(
    from_: Annotated[DayOrInstant | None, Query(alias="from")] = None,
    to: Annotated[DayOrInstant | None, Query(description="A day is included as a whole.")] = None,
    actor_id: UUID | None = None,
    patient_id: UUID | None = None,
    action: Annotated[
        Code | None, Query(description="One, or with a dot at its end all that begin so.", examples=["record."])
    ] = None,
    entity: Code | None = None,
    entity_id: UUID | None = None,
    outcome: Annotated[Code | None, Query(description="`done`, or the code of a refusal.")] = None,
    request_id: Code | None = None,
    *,
    settings: SettingsDep,
) -> queries.Filter:
    first = start_of(from_, settings.zone) if from_ else None
    last = end_of(to, settings.zone) if to else None
    return queries.Filter(first, last, actor_id, patient_id, action, entity, entity_id, outcome, request_id)


FilterDep = Annotated[queries.Filter, Depends(_filters)]


@router.get("", responses=REFUSALS)
async def list_audit_events(
    filters: FilterDep, actor: Auditor, session: ReadSessionDep, clock: ClockDep, limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[AuditEventRead]:  # fmt: skip
    """The trail, its newest rows first. That an auditor looked is in it too."""
    page = await queries.page(session, filters, limit=limit, cursor=cursor)
    _record(session, clock, actor, filters, "find", len(page.items))
    return PageOf(items=[AuditEventRead.model_validate(row) for row in page.items], next_cursor=page.next_cursor)


@router.get("/export", response_class=Response, responses=DOCUMENT | REFUSALS)
async def export_audit_events(
    filters: FilterDep, actor: Auditor, session: ReadSessionDep, clock: ClockDep,
    as_: Annotated[Format, Query(alias="format", description="`fhir` is a Bundle of AuditEvent.")] = Format.JSON,
    limit: Annotated[int, Query(ge=1, le=MOST_EXPORTED)] = MOST_EXPORTED,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The trail as a file, its newest rows first, up to 10,000 at a time."""
    page = await queries.page(session, filters, limit=limit, cursor=cursor)
    _record(session, clock, actor, filters, "export", len(page.items))
    content, media_type, ending = _WRITERS[as_](page.items)
    headers = {"Content-Disposition": f'attachment; filename="audit-events.{ending}"'}
    return Response(content, media_type=media_type,
                    headers=headers | ({"X-Next-Cursor": page.next_cursor} if page.next_cursor else {}))  # fmt: skip


def _record(
    session: AsyncSession, clock: Clock, actor: Actor, filters: queries.Filter, verb: str, found: int
) -> None:  # fmt: skip
    audit.record(session, clock.now(), actor.user_id, f"audit.{verb}", "audit-event", filters.entity_id,
                 patient_id=filters.patient_id, found=str(found))  # fmt: skip


def _json(rows: Sequence[AuditEvent]) -> tuple[str, str, str]:
    said = [AuditEventRead.model_validate(row).model_dump(mode="json") for row in rows]
    return json.dumps({"items": said}, indent=1), "application/json", "json"


def _csv(rows: Sequence[AuditEvent]) -> tuple[str, str, str]:
    file = io.StringIO()
    writer = csv.DictWriter(file, AuditEventRead.model_fields)
    writer.writeheader()
    for row in rows:
        said = AuditEventRead.model_validate(row).model_dump(mode="json")
        writer.writerow(said | {"detail": json.dumps(said["detail"], sort_keys=True)})
    return file.getvalue(), "text/csv; charset=utf-8", "csv"


def _fhir(rows: Sequence[AuditEvent]) -> tuple[str, str, str]:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": as_fhir(row)} for row in rows]}
    return json.dumps(bundle), "application/fhir+json", "fhir.json"


_WRITERS = {Format.JSON: _json, Format.CSV: _csv, Format.FHIR: _fhir}
