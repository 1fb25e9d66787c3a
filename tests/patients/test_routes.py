"""`/patients` over HTTP: registering, changing, deactivating, inviting."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, text

from appointed.accounts.actor import Role
from appointed.accounts.models import UserRole
from appointed.audit.models import AuditEvent
from appointed.core.db import transaction
from appointed.core.outbox import OutboxMessage
from appointed.patients.models import Invitation

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person

PROFILE = {
    "first_name": "Pat", "last_name": "Sample", "birth_date": "1984-05-17", "sex": "other",
    "phone": "+49 30 5550 1234", "address": "1 Example Road", "preferred_name": "Patty", "preferred_language": "de-CH",
    "emergency_contact": "Robin Sample, 030 5550 4321", "contact_email": "pat@example.org",
    "insurance_provider": "Sample Mutual", "insurance_number": "A 123-456.789",
}  # fmt: skip
LOGIN = {"email": "Pat.Sample@Example.org", "password": PASSWORD}
SECRETS = ("5550", "1 Example Road", "Robin Sample", "123-456")


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


class Site:
    """Sends to `/patients` as whom the test says."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, path: str, who: Person | None = None, body: Any = None) -> httpx.Response:
        headers = {"Content-Type": "application/json"} | (dict(who.headers) if who else {})
        content = None if body is None else json.dumps(body)
        return await self.client.request(method, f"/patients{path}", headers=headers, content=content)

    async def register(self, who: Person | None = None, **changes: Any) -> Any:
        answer = await self("POST", "/new-patient", who, PROFILE | (LOGIN if who is None else {}) | changes)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
def site(client: httpx.AsyncClient) -> Site:
    return Site(client)


async def log_in(site: Site, email: str, password: str = PASSWORD) -> httpx.Response:
    return await site.client.post("/auth/login", data={"username": email, "password": password})


async def test_the_public_registers_with_a_login(site: Site, clinic: Clinic) -> None:
    made = await site.register()
    assert {name: made[name] for name in PROFILE} == PROFILE
    assert made["is_active"] is True
    assert made["user_id"] not in (None, made["id"])
    assert "record_number" not in made
    assert "password" not in json.dumps(made)
    token = (await log_in(site, "pat.sample@example.org")).json()["access_token"]
    me = await site.client.get("/patients/me", headers={"Authorization": f"Bearer {token}"})
    assert (me.status_code, me.json()) == (200, made)


async def test_the_desk_registers_somebody_without_a_login(site: Site, desk: Person) -> None:
    made = await site.register(desk)
    assert (made["user_id"], made["record_number"][:2]) == (None, "P-")
    read = await site("GET", f"/{made['id']}", desk)
    assert (read.status_code, read.json()) == (200, made)


@pytest.mark.parametrize("by_desk", [False, True])
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": None, "password": PASSWORD}, "password"),
        ({"email": "pat@example.org", "password": None}, "password"),
        ({**LOGIN, "email": "no address"}, "email"),
        ({**LOGIN, "password": "short"}, "password"),
        ({**LOGIN, "password": "é" * 513}, "password"),
        ({**LOGIN, "first_name": " "}, "first_name"),
        ({**LOGIN, "first_name": "a\0b"}, "first_name"),
        ({**LOGIN, "address": "\ud800"}, "address"),
        ({**LOGIN, "last_name": "x" * 101}, "last_name"),
        ({**LOGIN, "birth_date": "2031-03-05"}, "birth_date"),
        ({**LOGIN, "birth_date": "1984-02-30"}, "birth_date"),
        ({**LOGIN, "sex": "yes"}, "sex"),
        ({**LOGIN, "phone": "call me"}, "phone"),
        ({**LOGIN, "record_number": "P-1"}, "record_number"),
        ({**LOGIN, "is_active": True}, "is_active"),
        ({**LOGIN, "first_name": None}, "first_name"),
    ],
)
async def test_bad_input_names_its_field(
    site: Site, desk: Person, sqlite_database: object, by_desk: bool, changes: dict[str, Any], field: str
) -> None:
    answer = await site("POST", "/new-patient", desk if by_desk else None, PROFILE | changes)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert (await site("GET", "", desk)).json()["items"] == []


async def test_only_the_desk_leaves_out_the_login_and_then_the_birth_date_is_needed(
    site: Site, clinic: Clinic, desk: Person
) -> None:
    body = {"first_name": "Kim", "last_name": "Sample"}
    doctor = await clinic.doctor(hours=False)
    for who, field in ((None, "email"), (doctor, "email"), (desk, "birth_date")):
        answer = await site("POST", "/new-patient", who, body)
        assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert (await site("POST", "/new-patient", desk, body | {"birth_date": "2021-05-17"})).status_code == 201


async def test_an_address_can_be_registered_once_whatever_its_letters(site: Site, desk: Person) -> None:
    await site.register()
    for who in (None, desk):
        again = await site("POST", "/new-patient", who, PROFILE | LOGIN | {"email": "PAT.SAMPLE@example.ORG"})
        assert (again.status_code, again.json()["code"]) == (409, "email_taken")


async def test_public_registration_never_attaches_itself_to_a_patient_of_the_desk(site: Site, desk: Person) -> None:
    by_desk = await site.register(desk, contact_email="pat.sample@example.org")
    by_public = await site.register()
    assert by_public["id"] != by_desk["id"]
    assert (await site("GET", f"/{by_desk['id']}", desk)).json()["user_id"] is None


async def test_a_family_shares_address_and_phone(site: Site, desk: Person) -> None:
    made = [await site.register(desk, first_name=name) for name in ("Ada", "Ben")]
    assert len({each["id"] for each in made}) == len({each["record_number"] for each in made}) == 2


async def test_what_is_private_is_sealed_in_the_database(site: Site, clinic: Clinic, desk: Person) -> None:
    await site.register(desk)
    columns = text(
        "SELECT phone_sealed, address_sealed, emergency_contact_sealed, insurance_number_sealed FROM patients"
    )
    async with clinic.database.reads() as session:
        row = (await session.execute(columns)).one()
    for sealed, secret in zip(row, SECRETS, strict=True):
        assert secret.encode() not in bytes(sealed)


async def test_patients_read_and_change_themselves_and_nobody_else(site: Site, clinic: Clinic) -> None:
    mine, other = await clinic.patient(), await clinic.patient()
    for path in ("/me", f"/{mine.id}", f"/{mine.id}/"):
        changed = await site("PATCH", path, mine, {"phone": "030 123456", "address": path})
        assert (changed.status_code, changed.json()["phone"], changed.json()["address"]) == (200, "030 123456", path)
        assert "record_number" not in changed.json()
    assert (await site("GET", "/me/", mine)).json()["phone"] == "030 123456"
    for method, body in (("GET", None), ("PATCH", {"phone": "030 654321"}), ("DELETE", None)):
        hidden = await site(method, f"/{other.id}", mine, body)
        missing = await site(method, f"/{mine.user_id}", mine, body)
        assert (hidden.status_code, hidden.content) == (404, missing.content)


async def test_what_is_left_out_stays_and_null_clears(site: Site, desk: Person) -> None:
    made = await site.register(desk)
    changed = await site("PATCH", f"/{made['id']}", desk, {"phone": None, "birth_date": None})
    assert changed.json() == made | {"phone": None, "birth_date": None}
    untouched = await site("PATCH", f"/{made['id']}", desk, {})
    assert (untouched.status_code, untouched.json()) == (200, changed.json())


@pytest.mark.parametrize(
    ("body", "field"),
    [({"first_name": None}, "first_name"), ({"first_name": ""}, "first_name"), ({"email": "new@example.org"}, "email"),
     ({"password": PASSWORD}, "password"), ({"is_active": None}, "is_active"), ({"is_active": False}, "is_active"),
     ({"birth_date": "2031-03-05"}, "birth_date")],
)  # fmt: skip
async def test_a_bad_change_names_its_field_and_changes_nothing(
    site: Site, desk: Person, sqlite_database: object, body: dict[str, Any], field: str
) -> None:
    made = await site.register(desk)
    answer = await site("PATCH", f"/{made['id']}", desk, {"phone": "030 99999", **body})
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert (await site("GET", f"/{made['id']}", desk)).json() == made


async def test_the_record_number_is_for_the_desk_alone(site: Site, clinic: Clinic, desk: Person) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    await clinic.visit(patient, doctor, clinic.clock.now() + timedelta(hours=1))
    shown = {}
    for name, who in (("desk", desk), ("patient", patient), ("doctor", doctor)):
        profile = (await site("GET", f"/{patient.id}", who)).json()
        listed = (await site("GET", "", who)).json().get("items", [])
        shown[name] = ["record_number" in each for each in (profile, *listed)]
    assert shown == {"desk": [True, True], "patient": [False], "doctor": [False, False]}


async def test_who_is_doctor_and_patient_does_not_change_those_whom_they_treat(site: Site, clinic: Clinic) -> None:
    treated, doctor = await clinic.patient(), await clinic.doctor()
    await clinic.visit(treated, doctor, clinic.clock.now() + timedelta(hours=1))
    async with transaction(clinic.database.writes) as session:
        await session.execute(insert(UserRole).values(user_id=doctor.user_id, role=Role.PATIENT))
    assert (await site("GET", f"/{treated.id}", doctor)).status_code == 200
    assert (await site("PATCH", f"/{treated.id}", doctor, {"phone": "030 123456"})).status_code == 403
    assert (await site("DELETE", f"/{treated.id}", doctor)).status_code == 403


async def test_who_was_deactivated_neither_logs_in_nor_books_until_the_desk_says_so(
    site: Site, clinic: Clinic, desk: Person, clock: FixedClock
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    gone = await site("DELETE", f"/{patient.id}", desk)
    assert (gone.status_code, gone.json()) == (200, {"affected": []})
    assert (await site("GET", "/me", patient)).status_code == 401
    assert (await log_in(site, patient.email)).status_code == 401
    assert (await site("GET", f"/{patient.id}", desk)).json()["is_active"] is False
    booking = {"doctor_id": str(doctor.id), "patient_id": str(patient.id), "starts_at": "2031-03-03T10:00:00Z"}
    refused = await site.client.post("/appointments", headers=dict(desk.headers), json=booking)
    assert (refused.status_code, refused.json()["fields"][0]["code"]) == (422, "inactive")

    assert (await site("PATCH", f"/{patient.id}", desk, {"is_active": True})).json()["is_active"] is True
    assert (await log_in(site, patient.email)).status_code == 200
    assert (await site.client.post("/appointments", headers=dict(desk.headers), json=booking)).status_code == 201


async def test_deactivating_names_the_visits_that_it_would_hit(
    site: Site, clinic: Clinic, desk: Person, clock: FixedClock
) -> None:
    patient, doctor = await clinic.patient(), await clinic.doctor()
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=1))
    refused = await site("DELETE", f"/{patient.id}", desk)
    assert (refused.status_code, refused.json()["code"]) == (409, "visits_affected")
    assert refused.json()["visits"] == [str(visit.id)]
    assert (await site("GET", "/me", patient)).status_code == 200
    body = {"visits": "cancel", "reason": "Moved away"}
    (affected,) = (await site("DELETE", f"/{patient.id}", desk, body)).json()["affected"]
    assert affected["id"] == str(visit.id)


async def test_patients_do_not_say_whether_they_are_active(site: Site, clinic: Clinic) -> None:
    patient = await clinic.patient()
    for path in ("/me", f"/{patient.id}"):
        assert (await site("PATCH", path, patient, {"is_active": True})).status_code == 403


async def test_an_invitation_goes_to_the_address_that_is_given_or_on_file(
    site: Site, clinic: Clinic, desk: Person, clock: FixedClock
) -> None:
    made = await site.register(desk)
    sent = [
        await site("POST", f"/{made['id']}/invite", desk, body) for body in (None, {}, {"email": "New@Example.org"})
    ]
    assert [answer.status_code for answer in sent] == [201, 201, 201]
    assert [answer.json()["email"] for answer in sent] == ["pat@example.org", "pat@example.org", "new@example.org"]
    assert {answer.json()["expires_at"] for answer in sent} == {"2031-03-10T08:00:00Z"}
    async with clinic.database.reads() as session:
        events = (await session.scalars(select(OutboxMessage).where(OutboxMessage.name == "patient.invited"))).all()
        assert {str(each) for each in await session.scalars(select(Invitation.id))} == {
            event.payload["invitation_id"] for event in events
        }


async def test_an_invitation_needs_an_address_and_a_patient_without_a_login(
    site: Site, clinic: Clinic, desk: Person
) -> None:
    no_address = await site.register(desk, contact_email=None)
    refused = await site("POST", f"/{no_address['id']}/invite", desk)
    assert (refused.status_code, refused.json()["code"]) == (422, "no_address")
    joined = await clinic.patient()
    refused = await site("POST", f"/{joined.id}/invite", desk, {"email": "x@example.org"})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_joined")


async def test_a_list_finds_by_what_was_registered_and_leaves_a_trail(site: Site, clinic: Clinic, desk: Person) -> None:
    made = await site.register(desk)
    await site.register(desk, first_name="Other", phone=None, insurance_number=None, birth_date="1990-01-01")
    for q in ("pat%201234", "%2B49%2030%205550%201234", "1984-05-17%20sam", "A123456789", made["record_number"]):
        answer = await site("GET", f"?q={q}", desk)
        assert [each["id"] for each in answer.json()["items"]] == [made["id"]], q
    async with clinic.database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "patient.find"))).all()
    assert [row.detail for row in rows] == [{"found": "1"}] * 5, "what was searched for names somebody"
    assert {row.actor_id for row in rows} == {desk.user_id}


@pytest.mark.parametrize("query", ["limit=0", "limit=1000000000", "cursor=x", "q=" + "x" * 201, "q=%00"])
async def test_a_list_refuses_what_it_cannot_give(
    site: Site, desk: Person, sqlite_database: object, query: str
) -> None:
    answer = await site("GET", f"?{query}", desk)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, query.partition("=")[0])
