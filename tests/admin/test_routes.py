"""`/users` over HTTP: staff accounts, for administrators."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.audit.models import AuditEvent
from appointed.core.db import transaction

from ..support.factories import PASSWORD, Clinic, Person

BODY = {
    "email": "Robin.Desk@Example.org",
    "password": PASSWORD,
    "display_name": "Robin Desk",
    "roles": ["receptionist"],
}


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


class Site:
    """Sends to `/users` as whom the test says."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, path: str, who: Person | None = None, body: Any = None) -> httpx.Response:
        return await self.client.request(method, f"/users{path}", headers=dict(who.headers) if who else {}, json=body)

    async def log_in(self, email: str) -> httpx.Response:
        return await self.client.post("/auth/login", data={"username": email, "password": PASSWORD})

    async def is_logged_in(self, who: Person) -> bool:
        return (await self.client.get("/auth/me", headers=dict(who.headers))).status_code == 200


@pytest.fixture
def site(client: httpx.AsyncClient) -> Site:
    return Site(client)


async def test_an_administrator_makes_an_account_that_logs_in(site: Site, admin: Person) -> None:
    made = await site("POST", "/", admin, BODY | {"roles": ["nurse", "auditor", "nurse"]})
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"], "email": "robin.desk@example.org", "display_name": "Robin Desk",
        "roles": ["auditor", "nurse"], "is_active": True, "created_at": "2031-03-03T08:00:00Z",
    }  # fmt: skip
    assert (await site("GET", f"/{made.json()['id']}/", admin)).json() == made.json() | {"location_ids": []}
    token = (await site.log_in("ROBIN.DESK@example.org")).json()["access_token"]
    me = await site.client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["roles"] == ["auditor", "nurse"]


@pytest.mark.parametrize("who", [Role.RECEPTIONIST, Role.NURSE, Role.AUDITOR, "doctor", "patient", None])
async def test_accounts_are_for_administrators_alone(
    site: Site, clinic: Clinic, sqlite_database: object, who: Role | str | None
) -> None:
    person = None
    if who:
        person = await clinic.staff(who) if isinstance(who, Role) else await getattr(clinic, who)()
    other = await clinic.staff(Role.NURSE)
    answers = [
        await site("POST", "", person, BODY),
        await site("GET", "", person),
        await site("GET", f"/{other.user_id}", person),
        await site("PATCH", f"/{other.user_id}", person, {"roles": ["admin"]}),
        await site("DELETE", f"/{other.user_id}", person),
    ]
    assert [answer.status_code for answer in answers] == [403 if person else 401] * 5


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"roles": []}, "roles"), ({"roles": ["king"]}, "roles.0"), ({"roles": ["patient"]}, "roles"),
     ({"roles": ["admin", "doctor"]}, "roles"), ({"email": "nowhere"}, "email"), ({"password": "short"}, "password"),
     ({"display_name": ""}, "display_name"), ({"is_active": True}, "is_active")],
)  # fmt: skip
async def test_bad_input_names_its_field(
    site: Site, admin: Person, sqlite_database: object, changes: dict[str, Any], field: str
) -> None:
    answer = await site("POST", "", admin, BODY | changes)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert len((await site("GET", "", admin)).json()["items"]) == 1


async def test_an_address_has_one_account(site: Site, clinic: Clinic, admin: Person) -> None:
    doctor = await clinic.doctor(hours=False)
    refused = await site("POST", "", admin, BODY | {"email": doctor.email.upper()})
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")


async def test_accounts_are_listed_by_role_and_in_pages(site: Site, clinic: Clinic, admin: Person) -> None:
    nurses = [await clinic.staff(Role.NURSE) for _ in range(3)]
    both = await clinic.staff(Role.NURSE, Role.AUDITOR)
    ids, cursor = [], ""
    while True:
        page = (await site("GET", f"?limit=2&role=nurse{cursor}", admin)).json()
        ids += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert ids == [str(each.user_id) for each in (*nurses, both)]
    auditors = (await site("GET", "?role=auditor", admin)).json()["items"]
    assert [(each["id"], each["roles"]) for each in auditors] == [(str(both.user_id), ["auditor", "nurse"])]
    assert "password" not in (await site("GET", "", admin)).text


async def test_a_change_of_roles_counts_from_the_next_request(site: Site, clinic: Clinic, admin: Person) -> None:
    nurse = await clinic.staff(Role.NURSE)
    changed = await site("PATCH", f"/{nurse.user_id}", admin, {"roles": ["receptionist", "auditor"]})
    assert (changed.status_code, changed.json()["roles"]) == (200, ["auditor", "receptionist"])
    assert not await site.is_logged_in(nurse)
    token = (await site.log_in(nurse.email)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"first_name": "Kim", "last_name": "Sample", "birth_date": "2021-05-17"}
    assert (await site.client.post("/patients/new-patient", headers=headers, json=body)).status_code == 201


async def test_a_new_name_logs_nobody_out(site: Site, clinic: Clinic, admin: Person) -> None:
    nurse = await clinic.staff(Role.NURSE)
    changed = await site("PATCH", f"/{nurse.user_id}", admin, {"display_name": "Robin Ward"})
    assert (changed.json()["display_name"], changed.json()["roles"]) == ("Robin Ward", ["nurse"])
    assert await site.is_logged_in(nurse)


async def test_a_disabled_account_is_logged_out_at_once_and_stays_for_the_trail(
    site: Site, clinic: Clinic, admin: Person
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    refresh_token = (await site.log_in(nurse.email)).json()["refresh_token"]
    assert (await site("DELETE", f"/{nurse.user_id}", admin)).status_code == 204
    assert not await site.is_logged_in(nurse)
    assert (await site.client.post("/auth/refresh", json={"refresh_token": refresh_token})).status_code == 401
    assert (await site.log_in(nurse.email)).status_code == 401
    assert (await site("GET", f"/{nurse.user_id}", admin)).json()["is_active"] is False

    assert (await site("PATCH", f"/{nurse.user_id}", admin, {"is_active": True})).status_code == 200
    assert not await site.is_logged_in(nurse), "sessions that were ended stay ended"
    assert (await site.log_in(nurse.email)).status_code == 200


@pytest.mark.parametrize(
    ("method", "body"),
    [("DELETE", None), ("PATCH", {"is_active": False}), ("PATCH", {"roles": ["receptionist"]})],
)
async def test_the_last_administrator_stays(
    site: Site, clinic: Clinic, admin: Person, method: str, body: dict[str, Any] | None
) -> None:
    disabled = await clinic.staff(Role.ADMIN)
    assert (await site("DELETE", f"/{disabled.user_id}", admin)).status_code == 204
    refused = await site(method, f"/{admin.user_id}", admin, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
    assert (await site("GET", f"/{admin.user_id}", admin)).json()["roles"] == ["admin"]

    second = await clinic.staff(Role.ADMIN)
    assert (await site(method, f"/{admin.user_id}", admin, body)).is_success
    assert await site.is_logged_in(second)
    assert not await site.is_logged_in(admin)


async def test_administrators_who_disable_each_other_at_once_leave_one(site: Site, clinic: Clinic) -> None:
    for _ in range(5):
        one, other = await clinic.staff(Role.ADMIN), await clinic.staff(Role.ADMIN)
        await asyncio.gather(site("DELETE", f"/{one.user_id}", other), site("DELETE", f"/{other.user_id}", one))
        (left,) = [each for each in (one, other) if await site.is_logged_in(each)]
        # The next round begins without administrators but its own two.
        async with transaction(clinic.database.writes) as session:
            await session.execute(update(User).where(User.id == left.user_id).values(is_active=False))


async def test_the_roles_of_a_profile_come_and_go_with_it(site: Site, clinic: Clinic, admin: Person) -> None:
    doctor, nurse = await clinic.doctor(hours=False), await clinic.staff(Role.NURSE)
    for user_id, roles in (
        (doctor.user_id, ["admin"]),
        (nurse.user_id, ["nurse", "doctor"]),
        (nurse.user_id, ["patient"]),
    ):
        refused = await site("PATCH", f"/{user_id}", admin, {"roles": roles})
        assert (refused.status_code, refused.json()["fields"][0]["name"]) == (422, "roles")
    assert (await site("PATCH", f"/{doctor.user_id}", admin, {"roles": ["doctor", "admin"]})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_missing_account_is_missing(site: Site, clinic: Clinic, admin: Person, method: str) -> None:
    patient = await clinic.patient()
    answer = await site(method, f"/{patient.id}", admin, {"display_name": "x"} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_who_changed_which_account_is_in_the_trail(site: Site, clinic: Clinic, admin: Person) -> None:
    made = (await site("POST", "", admin, BODY)).json()
    await site("PATCH", f"/{made['id']}", admin, {"roles": ["nurse"]})
    await site("DELETE", f"/{made['id']}", admin)
    async with clinic.database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.entity == "user", AuditEvent.actor_id == admin.user_id)
        rows = (await session.scalars(query.order_by(AuditEvent.id))).all()
    assert [(row.action, str(row.entity_id), row.detail) for row in rows if str(row.entity_id) == made["id"]] == [
        ("user.create", made["id"], {"roles": "receptionist"}),
        ("user.change", made["id"], {"roles": "nurse", "is_active": "True"}),
        ("user.change", made["id"], {"roles": "nurse", "is_active": "False"}),
    ]


async def test_a_doctors_account_goes_with_the_doctor_who_is_asked_about_visits(
    site: Site, admin: Person, clinic: Clinic, sqlite_database: object
) -> None:
    doctor = await clinic.doctor()
    for answer in (
        await site("DELETE", f"/{doctor.user_id}", admin),
        await site("PATCH", f"/{doctor.user_id}", admin, {"is_active": False}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "doctors_account")
    assert await site.is_logged_in(doctor)
    await site.client.delete(f"/doctors/{doctor.id}", headers=dict(admin.headers))
    back = await site("PATCH", f"/{doctor.user_id}", admin, {"is_active": True})
    assert (back.status_code, back.json()["code"]) == (409, "doctors_account")
    assert (await site("PATCH", f"/{doctor.user_id}", admin, {"display_name": "Dana Doe"})).status_code == 200


async def test_looking_at_accounts_leaves_a_trail(
    site: Site, admin: Person, clinic: Clinic, sqlite_database: object
) -> None:
    patient = await clinic.patient()
    assert (await site("GET", "", admin)).status_code == 200
    assert (await site("GET", f"/{patient.user_id}", admin)).status_code == 200
    async with clinic.database.reads() as session:
        query = select(AuditEvent.action, AuditEvent.entity_id).where(AuditEvent.actor_id == admin.user_id)
        looks = [tuple(row) for row in await session.execute(query) if row.action in ("user.find", "user.read")]
    assert looks == [("user.find", None), ("user.read", patient.user_id)]
