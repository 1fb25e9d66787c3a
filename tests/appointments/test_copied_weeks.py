"""Copying what is special about a week: its exceptions and its blocks, all of them or none."""

from typing import Any

import httpx
import pytest

from appointed.bootstrap import bootstrap
from appointed.core.db import Database

from ..access.world import contents_of
from ..support.factories import Clinic, Person

WEEKS = {"from_week": "2031-03-10", "to_weeks": ["2031-03-17", "2031-03-31"]}
CLOSED = {"on_date": "2031-03-11", "kind": "closed", "start_time": "09:00", "end_time": "10:00"}
EXTRA = {"on_date": "2031-03-15", "kind": "extra", "start_time": "18:00", "end_time": "20:00"}
MEETING = {"kind": "block", "starts_at": "2031-03-12T09:00:00Z", "ends_at": "2031-03-12T10:00:00Z",
           "reason_code": "meeting", "note": "Case round"}  # fmt: skip
LEAVE = {"kind": "leave", "starts_on": "2031-03-13", "ends_on": "2031-03-14", "reason_code": "vacation"}


@pytest.fixture
async def doctor(client: httpx.AsyncClient, clinic: Clinic) -> Person:
    """A doctor who asks for everything, with a week that has one of each."""
    made = await clinic.doctor()
    client.headers.update(made.headers)
    for path, bodies in (("exceptions", (CLOSED, EXTRA)), ("time-off", (MEETING, LEAVE))):
        for body in bodies:
            assert (await client.post(f"/availability/{path}", json=body)).status_code == 201
    return made


async def test_a_week_is_copied_by_the_wall_clock_without_leave_and_once(
    client: httpx.AsyncClient, clinic: Clinic, doctor: Person
) -> None:
    visit = await clinic.visit(await clinic.patient(), doctor, clinic.clock.now().replace(day=18, hour=9))
    dry = await client.post("/availability/copy-week", json=WEEKS, params={"dry_run": True})
    copied = await client.post("/availability/copy-week", json=WEEKS)
    assert (dry.status_code, copied.status_code) == (200, 201)
    said = copied.json()
    assert said["affected"] == dry.json()["affected"]
    assert [each["id"] for each in said["affected"]] == [str(visit.id)]
    assert [(each["kind"], each["valid_from"], each["start_time"]) for each in said["hours"]] == [
        ("closed", "2031-03-18", "09:00"), ("closed", "2031-04-01", "09:00"),
        ("extra", "2031-03-22", "18:00"), ("extra", "2031-04-05", "18:00"),
    ]  # fmt: skip
    assert [(each["kind"], each["starts_at"], each["note"]) for each in said["time_off"]] == [
        ("block", "2031-03-19T09:00:00Z", "Case round"), ("block", "2031-04-02T09:00:00Z", "Case round"),
    ]  # fmt: skip
    again = (await client.post("/availability/copy-week", json=WEEKS)).json()
    assert again == {"affected": [], "hours": [], "time_off": []}


async def test_a_block_keeps_its_wall_time_when_the_clocks_change(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: Database
) -> None:
    await bootstrap(clinic.database, clinic.settings.model_copy(update={"clinic_timezone": "Europe/Berlin"}),
                    clinic.clock)  # fmt: skip
    client.headers.update((await clinic.doctor()).headers)
    await client.post("/availability/time-off", json=MEETING)
    said = (await client.post("/availability/copy-week", json=WEEKS)).json()
    assert [each["starts_at"] for each in said["time_off"]] == ["2031-03-19T09:00:00Z", "2031-04-02T08:00:00Z"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"from_week": "2031-03-11"}, "from_week"), ({"to_weeks": ["2031-03-18"]}, "to_weeks"),
     ({"to_weeks": ["2031-03-10"]}, "to_weeks"), ({"to_weeks": []}, "to_weeks")],
)  # fmt: skip
async def test_a_week_that_cannot_be_copied_is_named_and_nothing_is(
    changes: dict[str, Any], field: str, client: httpx.AsyncClient, clinic: Clinic, doctor: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    before = await contents_of(clinic)
    refused = await client.post("/availability/copy-week", json=WEEKS | changes)
    assert (refused.status_code, refused.json()["fields"][0]["name"]) == (422, field)
    assert await contents_of(clinic) == before
