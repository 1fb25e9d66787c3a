"""A ward: a patient with two treating doctors, and everybody else."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from appointed.accounts.actor import Role

from ..support.factories import Clinic, Person


@dataclass(frozen=True, slots=True)
class Ward:
    """`doctor` and `colleague` treat `patient` because of a visit each; `stranger` is a doctor who does not."""

    clinic: Clinic
    patient: Person
    neighbour: Person
    doctor: Person
    colleague: Person
    stranger: Person
    visit_id: UUID
    colleague_visit_id: UUID

    async def person(self, name: str) -> Person:
        """By the name of a field, or somebody new of that role."""
        found: Person | None = getattr(self, name, None)
        return found or await self.clinic.staff(Role(name))


@pytest.fixture
async def ward(clinic: Clinic) -> Ward:
    patient, neighbour = await clinic.patient(), await clinic.patient(first_name="Nour")
    doctor, colleague, stranger = [await clinic.doctor(hours=False) for _ in range(3)]
    for each in (doctor, colleague):
        await clinic.hours(each.profile_id, 0, 9 * 60, 17 * 60)
    at_nine = clinic.clock.now() + timedelta(hours=1)
    visit = await clinic.visit(patient, doctor, at_nine)
    other = await clinic.visit(patient, colleague, at_nine + timedelta(hours=1))
    return Ward(clinic, patient, neighbour, doctor, colleague, stranger, visit.id, other.id)
