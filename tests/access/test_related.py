"""What somebody may do who looks after the patient: to read, to book, both; and nothing where that does not count."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx
import pytest

from ..support.factories import Clinic
from ..support.related import born, relate
from .matrix import Row, Who
from .requests import ask_of
from .world import World, world_of

# The clock of the tests stands on 2031-03-03.
CHILD, ADULT = date(2013, 3, 4), date(2013, 3, 3)
STATES: Mapping[str, Mapping[str, Any]] = {
    "read": {"may_book": False},
    "book": {"may_read": False},
    "both": {},
    "both, a child's parent": {"relationship": "parent"},
    "both, first day": {"valid_from": date(2031, 3, 3)},
    "both, last day": {"valid_until": date(2031, 3, 3)},
    "none, not confirmed": {"verified_at": None},
    "none, not begun": {"valid_from": date(2031, 3, 4)},
    "none, over": {"valid_until": date(2031, 3, 2)},
    "none, parent of an adult": {"relationship": "parent"},
    "none, guardian of an adult": {"relationship": "guardian"},
    "none, parent of who knows": {"relationship": "parent"},
    "none, ended": {},
}
BORN = {"both, a child's parent": CHILD, "none, parent of an adult": ADULT, "none, guardian of an adult": ADULT}

ACCESS = """
#                                                       read  book  both  none
GET    /patients/{patient_id}                            200   404   200   404
PATCH  /patients/{patient_id}                            403   404   403   404
DELETE /patients/{patient_id}                            403   404   403   404
GET    /patients/{patient_id}/export                     403   404   403   404
GET    /patients/{patient_id}/related-people             200   200   200   404
POST   /patients/{patient_id}/related-people             404   404   404   404
GET    /slots for the patient                            403   200   200   403
GET    /slots/days for the patient                       403   200   200   403
POST   /appointments for the patient                     422   201   201   422
GET    /appointments/{appointment_id}                    200   200   200   404
POST   /appointments/{appointment_id}/cancel             403   200   200   404
DELETE /appointments/{appointment_id}                    403   200   200   404
GET    /medical-records/{patient_id}                     200   404   200   404
GET    /medical-records/record/{record_id}               200   404   200   404
GET    /medical-records/record/{record_id} unsigned      404   404   404   404
"""


def table() -> dict[str, dict[str, int]]:
    lines = [line.split() for line in ACCESS.splitlines() if line and not line.startswith("#")]
    return {" ".join(line[:-4]): dict(zip(("read", "book", "both", "none"), map(int, line[-4:]), strict=True))
            for line in lines}  # fmt: skip


async def prepared(clinic: Clinic, state: str) -> tuple[World, str]:
    world = await world_of(clinic)
    await world.enter(Who.OTHER_PATIENT)
    assert world.actor
    if state in BORN:
        await born(clinic, world.patient, BORN[state])
    ended = {"ended_at": clinic.clock.now()} if state == "none, ended" else {}
    relation_id = await relate(clinic, world.actor, world.patient, **STATES[state], **ended)
    return world, str(relation_id)


@pytest.mark.parametrize("state", STATES)
async def test_who_looks_after_somebody_does_what_the_table_says(
    state: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    expected = {label: cells[state.partition(",")[0]] for label, cells in table().items()}
    found = {}
    for label in expected:
        world, _ = await prepared(clinic, state)
        ask = await ask_of(world, Row(label, {}))
        answer = await ask.send(client, world.headers)
        found[label] = answer.status_code
        if answer.status_code in (404, 422):
            missing = await ask.elsewhere().send(client, world.headers)
            assert missing.content == answer.content, label
    assert found == expected


@pytest.mark.parametrize("state", STATES)
async def test_lists_show_whom_somebody_looks_after(state: str, client: httpx.AsyncClient, clinic: Clinic) -> None:
    world, relation_id = await prepared(clinic, state)
    counts = not state.startswith("none")

    async def ids(path: str) -> set[str]:
        return {item["id"] for item in (await client.get(path, headers=world.headers)).json()["items"]}

    assert await ids("/patients/me/looks-after") == ({relation_id} if counts else set())
    assert await ids("/appointments") == ({str(world.visit_id)} if counts else set())
    record_id = str(await world.record("final"))
    answer = await client.get(f"/medical-records/{world.patient.profile_id}", headers=world.headers)
    shown = {item["id"] for item in answer.json().get("items", [])}
    assert shown == ({record_id} if counts and STATES[state].get("may_read", True) else set())


@pytest.mark.parametrize("state", STATES)
async def test_who_looks_after_somebody_ends_it_as_long_as_it_counts(
    state: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    world, relation_id = await prepared(clinic, state)
    path = f"/patients/{world.patient.profile_id}/related-people/{relation_id}"
    counts = not state.startswith("none")
    answer = await client.delete(path, headers=world.headers)
    assert answer.status_code == (204 if counts else 404)
    assert (await client.delete(path, headers=world.headers)).status_code == 404
    after = await client.get(f"/patients/{world.patient.profile_id}", headers=world.headers)
    assert after.status_code == 404
