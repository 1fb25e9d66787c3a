"""What is measured: each operation as requests to ours and to the bare handlers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from .crowd import CROWD_DAYS, Crowd
from .load import Answer, request
from .setup import MONTH_DAYS, Clinic, Person, Visit, visits_a_day

CLIENTS, FEW_CLIENTS = 16, 4
# What GET /slots lets one name at once.
MOST_DOCTORS = 50
FIRST = 20


@dataclass(frozen=True, slots=True)
class Batch:
    """As many requests of one operation for ours as for bare, the status that every answer must have, and whether an
    answer of ours fits one of bare's."""

    name: str
    ours: list[bytes]
    bare: list[bytes]
    status: int = 200
    clients: int = CLIENTS
    fits: Callable[[Any, Any], bool] = lambda _ours, _bare: True


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
    doctors = [clinic.doctors[number % len(clinic.doctors)] for number in range(count)]
    return _months("month of free times", clinic, [[each] for each in doctors])


def months_together(clinic: Clinic, count: int) -> Batch:
    """The same month of as many doctors as one can name, in one answer."""
    return _months(name_of_months(clinic), clinic, [together(clinic)] * count, FEW_CLIENTS)


def together(clinic: Clinic) -> list[Person]:
    return clinic.doctors[:MOST_DOCTORS]


def name_of_months(clinic: Clinic) -> str:
    return f"{len(together(clinic))} doctors, {MONTH_DAYS} days"


def _months(name: str, clinic: Clinic, asked: Sequence[Sequence[Person]], clients: int = CLIENTS) -> Batch:
    bare_days = [("from", f"{clinic.first_day}T00:00:00Z"), ("to", f"{clinic.last_day}T23:59:59Z")]
    ours = [request("GET", f"/slots?{urlencode(asked_of_months(clinic, doctors))}") for doctors in asked]
    bare = [request("GET", f"/slots?{urlencode(_named(doctors) + bare_days)}") for doctors in asked]
    weekdays = sum((clinic.first_day + timedelta(days=number)).weekday() < 5 for number in range(MONTH_DAYS))
    half_hours = len(asked[0]) * weekdays * visits_a_day()

    def is_whole(ours: Any, bare: Any) -> bool:
        """Every half hour of every doctor is free by the one or taken by the other."""
        return len(ours["slots"]) + len(bare) == half_hours

    return Batch(name, ours, bare, clients=clients, fits=is_whole)


def asked_of_months(clinic: Clinic, doctors: Sequence[Person]) -> list[tuple[str, str]]:
    return [*_named(doctors), ("from", str(clinic.first_day)), ("to", str(clinic.last_day))]


def _named(doctors: Sequence[Person]) -> list[tuple[str, str]]:
    return [("doctor_id", str(each.id)) for each in doctors]


def first_of_many(crowd: Crowd, count: int) -> Batch:
    """The first times of anybody in a crowd, most of whose time is taken. Bare is told the half hours of the first day,
    which has more than enough of them free."""
    halves = [(name, str(getattr(each, name))) for each in crowd.first_half_hours for name in ("minute", "tick")]
    told = [("weekday", str(crowd.first_day.weekday())), ("limit", str(FIRST)), *halves]
    ours = request("GET", f"/slots?{urlencode(asked_of_crowd(crowd))}")
    bare = request("GET", f"/slots/first?{urlencode(told)}")
    return Batch(name_of_first(crowd), [ours] * count, [bare] * count, fits=_are_the_same)


def name_of_first(crowd: Crowd) -> str:
    return f"first {FIRST} of {crowd.doctors:,} doctors, {CROWD_DAYS} days"


def asked_of_crowd(crowd: Crowd) -> list[tuple[str, str]]:
    return [("from", str(crowd.first_day)), ("to", str(crowd.last_day)), ("limit", str(FIRST))]


def _are_the_same(ours: Any, bare: Any) -> bool:
    """The same doctors at the same times, and no fewer than were asked for."""
    mine, theirs = ([(each["doctor_id"], datetime.fromisoformat(each["starts_at"])) for each in times]
                    for times in (ours["slots"], bare))  # fmt: skip
    return len(mine) == FIRST and mine == theirs


def page(clinic: Clinic, count: int) -> Batch:
    """The desk's first page of a month's visits."""
    first, last = clinic.first_day, clinic.last_day
    ours = request("GET", f"/appointments?{urlencode({'from': first, 'to': last})}", token=clinic.desk.token)
    bare = request("GET", f"/appointments?{urlencode({'from': f'{first}T00:00:00Z', 'to': f'{last}T23:59:59Z'})}")
    return Batch("page of visits", [ours] * count, [bare] * count)


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
    )


def asked_of_ours(visit: Visit) -> dict[str, str]:
    return {"doctor_id": str(visit.doctor.id), "starts_at": visit.starts_at.isoformat()}


def _who(visit: Visit) -> dict[str, str]:
    return {"patient_id": str(visit.patient.id), "patient_user_id": str(visit.patient.user_id)}


def _bare(clinic: Clinic, visit: Visit) -> dict[str, str]:
    places = {"visit_type_id": str(clinic.visit_type_id), "location_id": str(clinic.location_id)}
    return asked_of_ours(visit) | _who(visit) | places | {"doctor_user_id": str(visit.doctor.user_id)}
