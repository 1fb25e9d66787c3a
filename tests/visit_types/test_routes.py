"""`/visit-types` over HTTP: making, changing, retiring; and what booking makes of it."""

from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.locations.service import get_default

from ..support.factories import Clinic, Person

RULES: dict[str, Any] = {
    "name": "Infusion", "length_minutes": 60, "allowed_lengths": [90], "buffer_before_minutes": 10,
    "buffer_after_minutes": 15, "grid_minutes": 20, "grid_offset_minutes": 5, "notice_minutes": 90, "window_days": 60,
    "daily_limit": 4, "weekly_limit": 12, "patient_limit": 2, "revisit_days": 14, "is_virtual": False,
    "audience": "returning", "instructions": "Please drink enough.", "colour": "#3a7bD5", "room_kind": "treatment",
    "device_kinds": ["pump"], "practitioner_roles": [{"role": "assistant", "specialization": "Oncology"}],
    "cancel_notice_minutes": 1440, "no_show_limit": 3, "no_show_months": 6,
}  # fmt: skip


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    async with clinic.database.reads() as session:
        location_id = (await get_default(session)).id
    await clinic.room(location_id, "treatment")
    await clinic.room(location_id, "pump", is_device=True)
    return await clinic.staff(Role.ADMIN)


async def ask(client: httpx.AsyncClient, method: str, path: str, who: Person | None = None, body: Any = None) -> Any:
    return await client.request(method, f"/visit-types{path}", headers=dict(who.headers) if who else {}, json=body)


def fields(answer: httpx.Response) -> tuple[int, str, list[str]]:
    return answer.status_code, answer.json()["code"], [field["name"] for field in answer.json()["fields"]]


async def test_what_an_administrator_says_is_what_everybody_reads(client: httpx.AsyncClient, admin: Person) -> None:
    made = await ask(client, "POST", "", admin, RULES)
    assert made.status_code == 201, made.text
    assert made.json() == RULES | {"id": made.json()["id"], "is_default": False, "is_active": True}
    assert (await ask(client, "GET", f"/{made.json()['id']}")).json() == made.json()
    listed = (await ask(client, "GET", "")).json()["items"]
    assert [(each["name"], each["is_default"]) for each in listed] == [("Infusion", False), ("Visit", True)]


async def test_what_is_left_out_is_as_in_the_default_one(
    client: httpx.AsyncClient, admin: Person, sqlite_database: object
) -> None:
    made = (await ask(client, "POST", "", admin, {"name": "Visit"})).json()
    default = next(each for each in (await ask(client, "GET", "")).json()["items"] if each["is_default"])
    assert made | {"id": 0, "is_default": True} == default | {"id": 0}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [({"length_minutes": 32}, "off_grid", "length_minutes"), ({"daily_limit": 0}, "invalid", "daily_limit"),
     ({"colour": "red"}, "invalid", "colour"), ({"room_kind": "garage"}, "invalid", "room_kind"),
     ({"device_kinds": ["treatment"]}, "invalid", "device_kinds"), ({"room_kind": "pump"}, "invalid", "room_kind"),
     ({"audience": "some"}, "invalid", "audience"), ({"no_show_months": None}, "invalid", "no_show_limit"),
     ({"length_minutes": None}, "invalid", "length_minutes"), ({"is_active": False}, "invalid", "is_active"),
     ({"practitioner_roles": [{"role": "x"}]}, "invalid", "practitioner_roles.0.specialization")],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_name_and_changes_nothing(
    client: httpx.AsyncClient, admin: Person, sqlite_database: object, changes: Any, code: str, field: str
) -> None:
    made = (await ask(client, "POST", "", admin, RULES)).json()
    assert fields(await ask(client, "PATCH", f"/{made['id']}", admin, changes)) == (422, code, [field])
    assert (await ask(client, "GET", f"/{made['id']}")).json() == made


async def test_null_clears_and_what_is_left_out_stays(client: httpx.AsyncClient, admin: Person) -> None:
    made = (await ask(client, "POST", "", admin, RULES)).json()
    cleared: dict[str, Any] = {"daily_limit": None, "room_kind": None, "no_show_limit": None, "no_show_months": None}
    cleared |= {"instructions": None, "colour": None, "device_kinds": [], "name": "Long infusion"}
    changed = await ask(client, "PATCH", f"/{made['id']}", admin, cleared)
    assert changed.json() == made | cleared


async def test_a_retired_type_is_booked_no_more_and_what_is_booked_is_named(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person
) -> None:
    made = (await ask(client, "POST", "", admin, {"name": "Check-up"})).json()
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = {"doctor_id": str(doctor.id), "visit_type_id": made["id"], "starts_at": "2031-03-03T10:00:00Z"}
    booked = await client.post("/appointments", json=body, headers=dict(patient.headers))
    assert booked.status_code == 201
    refused = await ask(client, "DELETE", f"/{made['id']}", admin)
    assert (refused.status_code, refused.json()["visits"]) == (409, [booked.json()["id"]])
    kept = await ask(client, "DELETE", f"/{made['id']}?visits=keep", admin)
    assert [each["id"] for each in kept.json()["affected"]] == [booked.json()["id"]]
    assert (await ask(client, "GET", f"/{made['id']}")).json()["is_active"] is False
    assert made["id"] not in [each["id"] for each in (await ask(client, "GET", "")).json()["items"]]
    late = await client.post("/appointments", json=body | {"starts_at": "2031-03-03T11:00:00Z"},
                             headers=dict(patient.headers))  # fmt: skip
    assert (late.status_code, late.json()["code"]) == (422, "not_offered")
    assert await attention(client, booked.json()["id"], patient) == ("booked", "visit_type_deactivated")
    assert (await ask(client, "PATCH", f"/{made['id']}", admin, {"is_active": True})).json()["is_active"] is True
    assert await attention(client, booked.json()["id"], patient) == ("booked", None)


async def attention(client: httpx.AsyncClient, visit_id: str, who: Person) -> tuple[str, str | None]:
    visit = (await client.get(f"/appointments/{visit_id}", headers=dict(who.headers))).json()
    return visit["status"], visit["attention_code"]


async def test_a_change_does_not_touch_what_is_booked(
    client: httpx.AsyncClient, clinic: Clinic, admin: Person, sqlite_database: object
) -> None:
    made = (await ask(client, "POST", "", admin, {"name": "Check-up"})).json()
    doctor, patient = await clinic.doctor(), await clinic.patient()
    body = {"doctor_id": str(doctor.id), "visit_type_id": made["id"], "starts_at": "2031-03-03T10:00:00Z"}
    booked = (await client.post("/appointments", json=body, headers=dict(patient.headers))).json()
    await ask(client, "PATCH", f"/{made['id']}", admin, {"length_minutes": 90, "buffer_after_minutes": 60})
    again = (await client.get(f"/appointments/{booked['id']}", headers=dict(patient.headers))).json()
    assert again == booked
    params = {"doctor_id": str(doctor.id), "from": "2031-03-03", "to": "2031-03-03", "visit_type_id": made["id"]}
    free = (await client.get("/slots", params=params)).json()["slots"]
    assert free[0]["starts_at"] == "2031-03-03T10:30:00Z", "the next one may begin as soon as the visit is over"
    assert free[0]["ends_at"] == "2031-03-03T12:00:00Z"


async def test_the_default_type_stays(client: httpx.AsyncClient, admin: Person, sqlite_database: object) -> None:
    (default,) = (await ask(client, "GET", "")).json()["items"]
    refused = await ask(client, "DELETE", f"/{default['id']}", admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "default_visit_type")
    longer = await ask(client, "PATCH", f"/{default['id']}", admin, {"length_minutes": 45})
    assert (longer.json()["length_minutes"], longer.json()["is_default"]) == (45, True)


async def test_pages_hold_every_type_once(client: httpx.AsyncClient, clinic: Clinic, database: Database) -> None:
    for name in ("ode", "Öde", "Ode", "Adler", "zorn"):
        await clinic.visit_type(name=name)
    ids, cursor = [], ""
    while True:
        page = (await ask(client, "GET", f"?limit=2{cursor}")).json()
        ids += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(ids) == len(set(ids)) == 6


async def test_a_type_needs_a_room_that_is_in_use(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    admin = await clinic.staff(Role.ADMIN)
    body = {"name": "X-ray", "room_kind": "x-ray"}
    assert fields(await ask(client, "POST", "", admin, body))[2] == ["room_kind"]
    await clinic.room((await clinic.location()).id, "x-ray")
    assert (await ask(client, "POST", "", admin, body)).status_code == 201
