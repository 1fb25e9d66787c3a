"""Who has two roles may do what each of them may, and nothing that only the two together would."""

from datetime import timedelta

import httpx
import pytest

from appointed import accounts
from appointed.accounts.actor import Role
from appointed.core.db import transaction

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person

Headers = dict[str, str]


async def with_roles(client: httpx.AsyncClient, clinic: Clinic, who: Person, *roles: Role) -> Headers:
    async with transaction(clinic.database.writes) as session:
        await accounts.change(session, who.user_id, roles=roles, by=None, now=clinic.clock.now())
    answer = await client.post("/auth/login", data={"username": who.email, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.parametrize("role", [Role.PATIENT, Role.DOCTOR])
async def test_a_nurse_who_is_a_patient_or_a_doctor_cancels_their_own_visits_alone(
    role: Role, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: object
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    who = await clinic.patient() if role is Role.PATIENT else await clinic.doctor()
    other = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    as_patient, as_doctor = (who, doctor) if role is Role.PATIENT else (patient, who)
    own = await clinic.visit(as_patient, as_doctor, clock.now() + timedelta(hours=4))
    headers = await with_roles(client, clinic, who, role, Role.NURSE)
    assert (await client.get(f"/appointments/{other.id}", headers=headers)).status_code == 200
    assert (await client.post(f"/appointments/{other.id}/cancel", headers=headers)).status_code == 403
    assert (await client.post(f"/appointments/{own.id}/cancel", headers=headers)).status_code == 200


async def test_a_nurse_who_is_a_patient_cancels_nothing_that_has_begun(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, sqlite_database: object
) -> None:
    doctor, who = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(who, doctor, clock.now() + timedelta(hours=2))
    clock.advance(timedelta(hours=2, minutes=5))
    headers = await with_roles(client, clinic, who, Role.PATIENT, Role.NURSE)
    answer = await client.post(f"/appointments/{visit.id}/cancel", headers=headers)
    assert answer.json()["code"] == "not_cancellable"


async def test_a_receptionist_cannot_bring_back_the_account_of_somebody_who_was_disabled(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    desk, admin, gone = await clinic.staff(Role.RECEPTIONIST), await clinic.staff(Role.ADMIN), await clinic.patient()
    await with_roles(client, clinic, gone, Role.PATIENT, Role.ADMIN)
    assert (await client.delete(f"/users/{gone.user_id}", headers=admin.headers)).status_code == 204
    assert (await client.delete(f"/patients/{gone.id}", headers=desk.headers)).status_code == 200
    back = await client.patch(f"/patients/{gone.id}", json={"is_active": True}, headers=desk.headers)
    assert back.status_code == 200
    login = await client.post("/auth/login", data={"username": gone.email, "password": PASSWORD})
    assert login.status_code == 401
