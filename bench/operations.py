"""What is measured: each operation as requests to ours and to the bare handlers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from .load import Answer, request
from .setup import Clinic, Visit


@dataclass(frozen=True, slots=True)
class Batch:
    """As many requests of one operation for ours as for bare, and the status that every answer must have."""

    name: str
    ours: list[bytes]
    bare: list[bytes]
    status: int


def booking(clinic: Clinic, count: int) -> tuple[Batch, list[Visit]]:
    """Times that are free, each asked for once. The first half of the visits is for ours, the second for bare."""
    visits = [next(clinic.free) for _ in range(2 * count)]
    ours, bare = visits[:count], visits[count:]
    batch = Batch(
        "book",
        [request("POST", "/appointments", token=visit.patient.token, body=asked_of_ours(visit)) for visit in ours],
        [request("POST", "/appointments", body=_bare(clinic, visit)) for visit in bare],
        201,
    )
    return batch, visits


def month(clinic: Clinic, count: int) -> Batch:
    """A month of one doctor, half booked."""
    first, last = clinic.first_day, clinic.last_day

    def asked(from_: str, to: str) -> list[bytes]:
        doctors = (clinic.doctors[number % len(clinic.doctors)] for number in range(count))
        return [
            request("GET", f"/slots?{urlencode({'doctor_id': each.id, 'from': from_, 'to': to})}") for each in doctors
        ]

    return Batch(
        "month of free times", asked(str(first), str(last)), asked(f"{first}T00:00:00Z", f"{last}T23:59:59Z"), 200
    )


def page(clinic: Clinic, count: int) -> Batch:
    """The desk's first page of a month's visits."""
    first, last = clinic.first_day, clinic.last_day
    ours = request("GET", f"/appointments?{urlencode({'from': first, 'to': last})}", token=clinic.desk.token)
    bare = request("GET", f"/appointments?{urlencode({'from': f'{first}T00:00:00Z', 'to': f'{last}T23:59:59Z'})}")
    return Batch("page of visits", [ours] * count, [bare] * count, 200)


def cancelling(visits: Sequence[Visit], ours: Sequence[Answer], bare: Sequence[Answer]) -> Batch:
    """What `booking` booked, each by its patient."""

    def asked(answers: Sequence[Answer], whose: Sequence[Visit], ask: Callable[[str, Visit], bytes]) -> list[bytes]:
        return [ask(f"/appointments/{json.loads(answer.body)['id']}/cancel", visit)
                for answer, visit in zip(answers, whose, strict=True)]  # fmt: skip

    half = len(visits) // 2
    return Batch(
        "cancel",
        asked(ours, visits[:half], lambda path, visit: request("POST", path, token=visit.patient.token)),
        asked(bare, visits[half:], lambda path, visit: request("POST", path, body=_who(visit))),
        200,
    )


def asked_of_ours(visit: Visit) -> dict[str, str]:
    return {"doctor_id": str(visit.doctor.id), "starts_at": visit.starts_at.isoformat()}


def _who(visit: Visit) -> dict[str, str]:
    return {"patient_id": str(visit.patient.id), "patient_user_id": str(visit.patient.user_id)}


def _bare(clinic: Clinic, visit: Visit) -> dict[str, str]:
    places = {"visit_type_id": str(clinic.visit_type_id), "location_id": str(clinic.location_id)}
    return asked_of_ours(visit) | _who(visit) | places | {"doctor_user_id": str(visit.doctor.user_id)}
