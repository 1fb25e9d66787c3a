"""Patients on the wire."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from appointed.accounts.actor import Actor, Permission
from appointed.accounts.passwords import Password
from appointed.core.text import Code, Day, Email, Line, Name, Phone

from .models import Patient, RelatedPerson
from .rules import Relationship

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
Sex = Literal["female", "male", "other", "unknown"]
BirthDate = Annotated[Day, Field(examples=["1984-05-17"])]


class _Profile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    birth_date: BirthDate | None = None
    sex: Sex | None = Field(None, description="Administrative gender of FHIR R4.")
    phone: Phone | None = Field(None, examples=["+49 30 5550 1234"])
    address: Line | None = Field(None, examples=["1 Example Road, Sampletown"])
    preferred_name: Name | None = None
    preferred_language: Language | None = Field(None, description="BCP 47", examples=["en"])
    emergency_contact: Line | None = None
    contact_email: Email | None = Field(None, description="Where mails go, if not to the login's address.")
    insurance_provider: Name | None = None
    insurance_number: Code | None = None

    def profile(self) -> dict[str, object]:
        """What was sent, without what the login is made of."""
        return self.model_dump(exclude_unset=True, exclude={"email", "password"})


class PatientCreate(_Profile):
    email: Email | None = Field(None, examples=["pat.sample@example.org"])
    password: Password | None = Field(None, validate_default=True, examples=["a long sentence is best"])
    first_name: Name = Field(examples=["Pat"])
    last_name: Name = Field(examples=["Sample"])

    @field_validator("password")
    @classmethod
    def _goes_with_email(cls, password: Password | None, others: ValidationInfo) -> Password | None:
        if "email" in others.data and (others.data["email"] is None) != (password is None):
            raise ValueError("email and password go together")
        return password


class PatientUpdate(_Profile):
    """Fields left out stay as they are; null clears."""

    first_name: Name = ""
    last_name: Name = ""
    is_active: bool = Field(True, description="By the desk: makes active again. DELETE deactivates.")


class PatientReadByClinician(BaseModel):
    """What care needs: no word about who pays for it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID | None
    first_name: str
    last_name: str
    preferred_name: str | None
    preferred_language: str | None
    birth_date: date | None
    sex: str | None
    contact_email: str | None
    phone: str | None
    address: str | None
    emergency_contact: str | None
    is_active: bool
    created_at: datetime


class PatientRead(PatientReadByClinician):
    """What patients read of themselves, and who looks after them."""

    insurance_provider: str | None
    insurance_number: str | None


class PatientReadByStaff(PatientRead):
    record_number: str = Field(examples=["P-7K3M9Q2A"])


AnyRead = PatientReadByStaff | PatientRead | PatientReadByClinician


def read_by(actor: Actor | None, patient: Patient) -> AnyRead:
    """The desk sees the record number too; doctors and nurses less of others than these see of themselves."""
    if actor is None or patient.user_id == actor.user_id:
        return PatientRead.model_validate(patient)
    if actor.may(Permission.PATIENTS_ALL):
        return PatientReadByStaff.model_validate(patient)
    if actor.may(Permission.PATIENTS_TREATED) or actor.may(Permission.PATIENTS_VISITING):
        return PatientReadByClinician.model_validate(patient)
    return PatientRead.model_validate(patient)


class _Terms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    may_book: bool = Field(False, description="See, book, move and cancel the patient's visits.", examples=[True])
    may_read: bool = Field(False, description="See the patient's profile, visits and records.")
    valid_from: Day | None = None
    valid_until: Day | None = Field(None, description="The last day. A parent's rights end with the age of majority.")


class RelatedPersonCreate(_Terms):
    """By a patient for themselves: a login's `email`. By the desk: that, or `user_id`."""

    user_id: UUID | None = None
    email: Email | None = Field(None, examples=["robin.sample@example.org"])
    relationship: Relationship = Field(examples=[Relationship.CARER])

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("name a login by email or by user_id")
        return self

    def terms(self) -> dict[str, object]:
        return self.model_dump(exclude={"user_id", "email"})


class RelatedPersonUpdate(_Terms):
    """Fields left out stay as they are; null clears."""

    relationship: Relationship = Field(Relationship.OTHER, examples=[Relationship.CARER])

    def terms(self) -> dict[str, object]:
        return self.model_dump(exclude_unset=True)


class RelatedPersonRead(BaseModel):
    """`user_id` and `name` are known once the desk has confirmed the login; `email` is as it was entered."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    patient_id: UUID
    user_id: UUID | None
    name: str | None
    email: str | None
    relationship: Relationship
    may_book: bool
    may_read: bool
    valid_from: date | None
    valid_until: date | None
    created_at: datetime
    verified_at: datetime | None
    ended_at: datetime | None


class LookedAfterRead(BaseModel):
    """A patient whom a login looks after. Who may only book sees no more of them than this."""

    id: UUID = Field(description="Of the relation, to end it.")
    patient_id: UUID
    first_name: str
    last_name: str
    preferred_name: str | None
    birth_date: date | None
    relationship: Relationship
    may_book: bool
    may_read: bool
    valid_until: date | None = Field(description="The last day, known or because the patient comes of age.")

    @classmethod
    def of(cls, relation: RelatedPerson, patient: Patient, last_day: date | None) -> Self:
        return cls(
            id=relation.id, patient_id=patient.id, first_name=patient.first_name, last_name=patient.last_name,
            preferred_name=patient.preferred_name, birth_date=patient.birth_date,
            relationship=Relationship(relation.relationship), may_book=relation.may_book, may_read=relation.may_read,
            valid_until=last_day,
        )  # fmt: skip


class AccessRead(BaseModel):
    """One row of the trail, in the words of the patient."""

    recorded_at: datetime
    action: str = Field(description="What was done, with what kind of thing.", examples=["record.read"])
    actor_name: str | None = Field(description="Who did; null if the system did by itself.", examples=["Dana Demo"])
    actor_roles: list[str]
    is_own: bool = Field(description="Whether it was the one who asks.")


class InvitationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email | None = Field(
        None, description="Left out: the patient's contact address.", examples=["pat.sample@example.org"]
    )


class InvitationRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    patient_id: UUID
    email: str
    expires_at: datetime


class InvitationAccept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Code = Field(
        description="From the link in the mail.", examples=["AZsvTnwacACAAAAAAAAAAZ2vJ1f8kQ0yq3o4m5n6p7s"]
    )
    password: Password = Field(examples=["a long sentence is best"])
