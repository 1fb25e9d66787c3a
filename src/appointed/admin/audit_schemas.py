"""Rows of the audit trail on the wire, and as FHIR AuditEvent (R4, shaped after IHE BALP)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from appointed.audit.models import AuditEvent

# FHIR's code of what was done, by the last word of an action; what is not named here changed something.
_CREATED = frozenset({"add", "book", "create", "fit-in", "hold", "invite", "join", "open", "plan", "register", "write"})
_DELETED = frozenset({"erase", "purge", "remove", "unset"})
_RUN = frozenset({"export", "find", "refresh", "log-in"})
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_EVENT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"


class AuditEventRead(BaseModel):
    """`outcome` is `done`, or the code of the refusal. Ids and codes only: names are asked for elsewhere."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    recorded_at: datetime
    actor_id: UUID | None
    action: str
    outcome: str
    entity: str
    entity_id: UUID | None
    patient_id: UUID | None
    request_id: str | None
    detail: dict[str, str]


def code_of(action: str) -> str:
    """C, R, U, D or E (FHIR audit-event-action)."""
    verb = action.rpartition(".")[2]
    for code, verbs in (("C", _CREATED), ("D", _DELETED), ("E", _RUN), ("R", frozenset({"read"}))):
        if verb in verbs:
            return code
    return "U"


def as_fhir(row: AuditEvent) -> dict[str, Any]:
    """The row as an AuditEvent. The patient is an entity of its own, with role 1."""
    entities = [{"what": _what(row.entity, row.entity_id), "detail": _details(row)}]
    if row.patient_id:
        entities.append({
            "what": {"reference": f"Patient/{row.patient_id}"},
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient"},
        })  # fmt: skip
    return {
        "resourceType": "AuditEvent",
        "id": str(row.id),
        "type": {"system": _EVENT_TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": "urn:appointed:audit-action", "code": row.action}],
        "action": code_of(row.action),
        "recorded": row.recorded_at.isoformat().replace("+00:00", "Z"),
        "outcome": "0" if row.outcome == "done" else "4",
        **({} if row.outcome == "done" else {"outcomeDesc": row.outcome}),
        "agent": [{
            "type": {"coding": [{"system": _DICOM, "code": "110153", "display": "Source Role ID"}]},
            "who": {"identifier": {"value": str(row.actor_id)}} if row.actor_id else {"display": "nobody or the clock"},
            "requestor": True,
        }],
        "source": {"observer": {"display": "Appointed"}},
        "entity": entities,
    }  # fmt: skip


def _what(entity: str, entity_id: UUID | None) -> dict[str, Any]:
    return {"identifier": {"system": f"urn:appointed:{entity}", **({"value": str(entity_id)} if entity_id else {})}}


def _details(row: AuditEvent) -> list[dict[str, str]]:
    said = dict(row.detail) | ({"request_id": row.request_id} if row.request_id else {})
    return [{"type": name, "valueString": value} for name, value in sorted(said.items())]
