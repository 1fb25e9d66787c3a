"""`/doctors` over HTTP: registering, listing, changing, deactivating."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.audit.models import AuditEvent

from ..support.factories import PASSWORD, Clinic, Person

BODY = {
    "email": "Dana.Demo@Example.org", "password": PASSWORD, "first_name": "Dana", "last_name": "Demo",
    "specialization": "General practice", "title": "Dr.", "bio": "Likes hills.", "languages": ["en", "de-CH"],
}  # fmt: skip
PUBLIC = {name: value for name, value in BODY.items() if name not in ("email", "password")}


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


class Site:
    """Sends to `/doctors` as whom the test says."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, path: str, who: Person | None = None, body: Any = None) -> httpx.Response:
        return await self.client.request(method, f"/doctors{path}", headers=dict(who.headers) if who else {}, json=body)

    async def listed(self, query: str = "") -> list[str]:
        """Last names."""
        answer = await self("GET", query)
        assert answer.status_code == 200, answer.text
        return [each["last_name"] for each in answer.json()["items"]]


@pytest.fixture
def site(client: httpx.AsyncClient) -> Site:
    return Site(client)


async def log_in(site: Site, email: str) -> httpx.Response:
    return await site.client.post("/auth/login", data={"username": email, "password": PASSWORD})


async def test_an_administrator_registers_a_doctor_who_logs_in_and_is_listed(site: Site, admin: Person) -> None:
    made = await site("POST", "/new-doctor/", admin, BODY)
    assert made.status_code == 201
    assert made.json() == PUBLIC | {"id": made.json()["id"], "is_active": True}
    token = (await log_in(site, "dana.demo@example.org")).json()["access_token"]
    me = await site.client.get("/doctors/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["id"] == made.json()["id"]
    for path in (f"/{made.json()['id']}", f"/{made.json()['id']}/"):
        profile = await site("GET", path)
        assert (profile.status_code, profile.json()["last_name"]) == (200, "Demo")


async def test_what_everybody_sees_of_a_doctor_is_no_address(site: Site, clinic: Clinic) -> None:
    doctor = await clinic.doctor()
    for answer in (await site("GET", ""), await site("GET", f"/{doctor.id}"), await site("GET", "/me", doctor)):
        assert answer.status_code == 200
        assert doctor.email not in answer.text
        assert str(doctor.user_id) not in answer.text
    assert len((await site("GET", f"/{doctor.id}")).json()["hours"]) == 7


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.NURSE, Role.AUDITOR, Role.DOCTOR])
async def test_nobody_else_registers_doctors(site: Site, clinic: Clinic, sqlite_database: object, role: Role) -> None:
    refused = await site("POST", "/new-doctor", await clinic.staff(role), BODY)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await site("POST", "/new-doctor", None, BODY)).status_code == 401
    assert await site.listed() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"specialization": None}, "specialization"), ({"languages": ["english!"]}, "languages.0"),
     ({"title": " "}, "title"), ({"title": "x" * 51}, "title"), ({"password": "short"}, "password"),
     ({"email": "@"}, "email"), ({"bio": "x" * 5_001}, "bio"), ({"hours": []}, "hours"),
     ({"first_name": "a\0"}, "first_name")],
)  # fmt: skip
async def test_bad_input_names_its_field(
    site: Site, admin: Person, sqlite_database: object, changes: dict[str, Any], field: str
) -> None:
    answer = await site("POST", "/new-doctor", admin, BODY | changes)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert await site.listed() == []


async def test_an_address_belongs_to_one_account_whoever_has_it(site: Site, clinic: Clinic, admin: Person) -> None:
    patient = await clinic.patient()
    refused = await site("POST", "/new-doctor", admin, BODY | {"email": patient.email.upper()})
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")
    assert await site.listed() == [], "nothing of the refused request is left"


async def test_doctors_are_found_by_the_beginning_of_the_name_and_by_what_they_do(site: Site, clinic: Clinic) -> None:
    for last_name, specialization in (
        ("Ångström", "Cardiology"),
        ("Angus", "General practice"),
        ("Bell", "cardiology"),
    ):
        await clinic.doctor(hours=False, last_name=last_name, specialization=specialization)
    assert await site.listed() == ["Ångström", "Angus", "Bell"]
    assert await site.listed("?q=ang") == ["Ångström", "Angus"]
    assert await site.listed("?q=ANGS") == ["Ångström"]
    assert await site.listed("?specialization=CARDIOLOGY") == ["Ångström", "Bell"]
    assert await site.listed("?q=ang&specialization=cardiology") == ["Ångström"]
    assert await site.listed("?q=%25") == await site.listed("?q=ngstrom") == []


async def test_pages_hold_every_doctor_once(site: Site, clinic: Clinic) -> None:
    for last_name in ("Ode", "Öde", "Ode", "Adler", "Zorn"):
        await clinic.doctor(hours=False, last_name=last_name)
    ids, cursor = [], ""
    while True:
        page = (await site("GET", f"?limit=2{cursor}")).json()
        ids += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(ids) == len(set(ids)) == 5
    assert (await site("GET", "?limit=201")).status_code == 422


async def test_doctors_change_themselves_and_administrators_anybody(site: Site, clinic: Clinic, admin: Person) -> None:
    doctor, other = await clinic.doctor(hours=False), await clinic.doctor(hours=False)
    for path, who in (("/me", doctor), (f"/{doctor.id}", doctor), (f"/{doctor.id}/", admin)):
        changed = await site("PATCH", path, who, {"bio": path, "last_name": "Ågren"})
        assert (changed.status_code, changed.json()["bio"]) == (200, path)
        assert await site.listed("?q=agr") == ["Ågren"], "the key of the name follows it"
    refused = await site("PATCH", f"/{other.id}", doctor, {"bio": "mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await site("GET", f"/{other.id}")).json()["bio"] is None


async def test_what_is_left_out_stays_and_null_clears(site: Site, admin: Person) -> None:
    made = (await site("POST", "/new-doctor", admin, BODY)).json()
    changed = await site("PATCH", f"/{made['id']}", admin, {"title": None, "bio": None})
    assert changed.json() == made | {"title": None, "bio": None}
    for body in ({"last_name": None}, {"languages": None}, {"email": "x@example.org"}):
        assert (await site("PATCH", f"/{made['id']}", admin, body)).status_code == 422


async def test_a_missing_doctor_is_missing_for_everybody(site: Site, clinic: Clinic, admin: Person) -> None:
    patient = await clinic.patient()
    for doctor_id in (patient.id, admin.user_id):
        answers = [
            await site("GET", f"/{doctor_id}"),
            await site("PATCH", f"/{doctor_id}", admin, {"bio": "x"}),
            await site("DELETE", f"/{doctor_id}", admin),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 3


async def test_a_deactivated_doctor_is_offered_no_more_and_logs_in_no_more(
    site: Site, clinic: Clinic, admin: Person
) -> None:
    doctor = await clinic.doctor()
    gone = await site("DELETE", f"/{doctor.id}", admin)
    assert (gone.status_code, gone.json()) == (200, {"affected": []})
    assert await site.listed() == []
    assert (await site("GET", f"/{doctor.id}")).json()["is_active"] is False
    assert (await site("GET", "/me", doctor)).status_code == (await log_in(site, doctor.email)).status_code == 401
    free = await site.client.get(
        "/slots", params={"doctor_id": str(doctor.id), "from": "2031-03-03", "to": "2031-03-03"}
    )
    assert (free.status_code, free.json()["slots"]) == (200, [])

    assert (await site("PATCH", f"/{doctor.id}", admin, {"is_active": True})).json()["is_active"] is True
    assert (await log_in(site, doctor.email)).status_code == 200
    assert await site.listed() == ["Demo"]


async def test_a_doctor_with_visits_is_not_deactivated_in_silence(site: Site, clinic: Clinic, admin: Person) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, clinic.clock.now() + timedelta(hours=1))
    by_the_back_door = await site("PATCH", f"/{doctor.id}", admin, {"is_active": False})
    assert (by_the_back_door.status_code, by_the_back_door.json()["fields"][0]["name"]) == (422, "is_active")
    refused = await site("DELETE", f"/{doctor.id}", admin)
    assert (refused.status_code, refused.json()["code"], refused.json()["visits"]) == (
        409,
        "visits_affected",
        [str(visit.id)],
    )
    kept = await site("DELETE", f"/{doctor.id}?visits=keep", admin)
    assert (kept.status_code, [each["id"] for each in kept.json()["affected"]]) == (200, [str(visit.id)])


async def test_doctors_do_not_say_whether_they_are_active(site: Site, clinic: Clinic) -> None:
    doctor = await clinic.doctor(hours=False)
    for path in ("/me", f"/{doctor.id}"):
        assert (await site("PATCH", path, doctor, {"is_active": True})).status_code == 403


async def test_every_change_is_in_the_trail_by_the_names_of_its_fields(
    site: Site, clinic: Clinic, admin: Person
) -> None:
    made = (await site("POST", "/new-doctor", admin, BODY)).json()
    await site("PATCH", f"/{made['id']}", admin, {"bio": "Secretly afraid of hills", "title": None})
    await site("DELETE", f"/{made['id']}", admin)
    async with clinic.database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.entity == "doctor").order_by(AuditEvent.id)
        rows = (await session.scalars(query)).all()
    assert [(row.action, row.actor_id, row.detail) for row in rows] == [
        ("doctor.register", admin.user_id, {}),
        ("doctor.change", admin.user_id, {"fields": "bio,title"}),
        ("doctor.deactivate", admin.user_id, {}),
    ]
