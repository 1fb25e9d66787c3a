"""Somebody who looks after a patient, entered as the desk would have entered them."""

from typing import Any
from uuid import UUID

from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.patients.models import Patient, RelatedPerson

from .factories import Clinic, Person


async def relate(clinic: Clinic, person: Person, patient: Person, **more: Any) -> UUID:
    """That the person looks after the patient: books and reads, confirmed, unless `more` says otherwise."""
    row = {
        "relationship": "carer", "may_book": True, "may_read": True, "valid_from": None, "valid_until": None,
        "verified_by": person.user_id, "verified_at": clinic.clock.now(), "ended_at": None,
    } | more  # fmt: skip
    made = RelatedPerson(id=new_id(), patient_id=patient.profile_id, user_id=person.user_id, created_by=person.user_id,
                         created_at=clinic.clock.now(), **row)  # fmt: skip
    async with transaction(clinic.database.writes) as session:
        session.add(made)
    return made.id


async def born(clinic: Clinic, patient: Person, birth_date: Any) -> None:
    async with transaction(clinic.database.writes) as session:
        (await session.get_one(Patient, patient.profile_id)).birth_date = birth_date
