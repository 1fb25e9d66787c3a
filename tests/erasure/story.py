"""Somebody with all that a patient can have, and what is found of them afterwards."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.core.db import Database, metadata, vault_of
from appointed.core.types import SealedBytes
from tests.support.clock import FixedClock
from tests.support.factories import PASSWORD, Clinic, Person

PHONE, BORN = "+49 177 5550199", "1984-05-17"
WORD = re.compile(r"canary[a-z]*|5550199|1984-05-17", re.IGNORECASE)
WHY = {"reason": "consent_withdrawn"}
# What must be kept: what was written in the record, and about visits.
KEPT = {("medical_records", "title"), ("medical_records", "notes"), ("medical_records", "diagnoses"),
        ("appointments", "reason"), ("appointments", "cancel_note"),
        ("appointment_changes", "note"), ("emergency_accesses", "reason")}  # fmt: skip
BESIDE = {("patients", "first_name_key"), ("patients", "last_name_key"), ("users", "email"), ("users", "display_name"),
          ("invitations", "email"), ("related_people", "email"), ("idempotency_keys", "answer")}  # fmt: skip
PROFILE = {
    "first_name": "CanaryFirst", "last_name": "CanaryLast", "preferred_name": "Canarypreferred", "birth_date": BORN,
    "sex": "female", "phone": PHONE, "address": "Canaryaddress 1", "emergency_contact": "Canarycontact",
    "contact_email": "canarymail@example.org", "insurance_provider": "Canaryinsurer", "preferred_language": "de",
    "insurance_number": "canarynumber",
}  # fmt: skip


class Story:
    """Somebody with all that a patient can have, a year after the visit."""

    def __init__(self, client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> None:
        self.client, self.clinic, self.clock = client, clinic, clock
        self.email = "canarylogin@example.org"
        self._keys = 0

    async def ask(self, method: str, path: str, by: Person, json: Any = None, status: int = 200) -> Any:
        self._keys += 1
        headers = {**by.headers, "Idempotency-Key": f'"key{self._keys}"'}
        answer = await self.client.request(method, path, json=json, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def live(self) -> Person:
        clinic, post = self.clinic, self.ask
        desk, doctor, other = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor(), await clinic.doctor()
        body = PROFILE | {"email": self.email, "password": PASSWORD}
        patient = await post("POST", "/patients/new-patient", desk, body, 201)
        login = {"username": self.email, "password": PASSWORD}
        token = (await self.client.post("/auth/login", data=login, headers={"User-Agent": "canaryagent"})).json()
        await self.client.post("/auth/login", data=login | {"password": "wrong"})
        await self.client.post("/auth/password-reset", json={"email": self.email})
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        me = Person((await clinic.patient()).user_id, headers, desk.actor, self.email, patient["id"])
        await self.visit(me, doctor, desk)
        opened = {"patient_id": patient["id"], "reason": "Canarysleeping on the floor"}
        await post("POST", "/emergency-accesses", other, opened, 201)
        await self.relate(me, desk)
        return me

    async def relate(self, me: Person, desk: Person) -> None:
        """Whom they name, who names them, whom they look after, and whose invitation went to their address."""
        clinic, post = self.clinic, self.ask
        child, named = await clinic.patient(first_name="Nour"), {"relationship": "carer", "may_read": True}
        friend = named | {"email": "canaryfriend@example.org"}
        await post("POST", f"/patients/{me.id}/related-people", me, friend, 201)
        for whose in (child, await clinic.patient()):
            path = f"/patients/{whose.id}/related-people"
            await post("POST", path, desk if whose is child else whose, named | {"email": self.email}, 201)
        alone = {"first_name": "Nour", "last_name": "Sample", "birth_date": "2020-01-01"}
        other_id = (await post("POST", "/patients/new-patient", desk, alone, 201))["id"]
        await post("POST", f"/patients/{other_id}/invite", desk, {"email": self.email}, 201)

    async def visit(self, me: Person, doctor: Person, desk: Person) -> None:
        """One that took place, with a record that was amended, and one that was cancelled."""
        for hours, reason in ((2, "Canaryreason"), (4, "Canaryother")):
            wish = {"doctor_id": str(doctor.id), "reason": reason, "patient_id": str(me.id),
                    "starts_at": (self.clock.now() + timedelta(hours=hours)).isoformat()}  # fmt: skip
            booked = await self.ask("POST", "/appointments", desk, wish, 201)
        await self.ask("POST", f"/appointments/{booked['id']}/cancel", me, {"reason": "Canarynote"})
        report = {"notes": "Canarynotes", "title": "Canarytitle",
                  "diagnoses": [{"system": "x", "code": "1", "display": "Canarydisplay"}]}  # fmt: skip
        written = await self.ask("POST", f"/medical-records/new-medical-report/{me.id}", doctor, report, 201)
        await self.ask("POST", f"/medical-records/record/{written['id']}/amend", doctor, {"notes": "Canarymore"}, 201)

    async def erase(self, me: Person) -> Any:
        return await self.ask("POST", f"/patients/{me.id}/erase", await self.clinic.staff(Role.ADMIN), WHY)


async def canaries(database: Database) -> Mapping[tuple[str, str], set[str]]:
    """Which words stand in which column, with what is sealed opened."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    async with database.reads() as session:
        for table in metadata.sorted_tables:
            for row in (await session.execute(select(table))).mappings():
                for column, value in row.items():
                    name, said = str(column), value
                    if isinstance(table.c[name].type, SealedBytes):
                        name = name.removesuffix("_sealed")
                        said = vault_of(session).open_maybe(table.name, name, row["id"], value)
                    found[table.name, name] |= {word.lower() for word in WORD.findall(str(said))}
    return {place: words for place, words in found.items() if words}
