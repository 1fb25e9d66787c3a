"""Patients, who treats them or may see them for another reason, who looks after them, and invitations to log in."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm import relationship as orm_relationship

from appointed.accounts.models import User
from appointed.core.db import Base
from appointed.core.sealing import Sealed, index_of
from appointed.core.text import normalised_email
from appointed.core.types import Digest, HumanString, MachineString, SealedBytes

from .codes import phone_key, phone_last4, plain_number


class Patient(Base):
    """A person who is looked after, with a login (`user_id`) or without. Is a resource under the same id.

    Of who has `erased_at` nothing is left but a pseudonym, and the records as long as they must be kept: until
    `purged_at`."""

    __tablename__ = "patients"
    __table_args__ = (
        Index("ix_patients_last_name_key", "last_name_key", "id"),
        Index("ix_patients_first_name_key", "first_name_key"),
        Index("ix_patients_birth_date", "birth_date"),
        Index("ix_patients_contact_email_index", "contact_email_index"),
        Index("ix_patients_phone_index", "phone_index"),
        Index("ix_patients_phone_last4_index", "phone_last4_index"),
        Index("ix_patients_insurance_number_index", "insurance_number_index"),
        Index("ix_patients_erased_at", "erased_at", "purged_at"),
        Index("ix_patients_erasure_asked_at", "erasure_asked_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), unique=True)
    record_number: Mapped[str] = mapped_column(MachineString(16), unique=True)
    first_name: Mapped[str] = mapped_column(HumanString(100))
    last_name: Mapped[str] = mapped_column(HumanString(100))
    first_name_key: Mapped[str] = mapped_column(MachineString(200))
    last_name_key: Mapped[str] = mapped_column(MachineString(200))
    preferred_name: Mapped[str | None] = mapped_column(HumanString(100))
    preferred_language: Mapped[str | None] = mapped_column(MachineString(35))
    birth_date: Mapped[date | None]
    sex: Mapped[str | None] = mapped_column(MachineString(10))
    contact_email_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    contact_email_index: Mapped[bytes | None] = mapped_column(
        Digest(), info=index_of("contact_email", normalised_email)
    )
    phone_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    phone_index: Mapped[bytes | None] = mapped_column(Digest(), info=index_of("phone", phone_key))
    phone_last4_index: Mapped[bytes | None] = mapped_column(Digest(), info=index_of("phone", phone_last4))
    address_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    emergency_contact_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    insurance_provider: Mapped[str | None] = mapped_column(HumanString(100))
    insurance_number_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())
    insurance_number_index: Mapped[bytes | None] = mapped_column(
        Digest(), info=index_of("insurance_number", plain_number)
    )
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    erasure_asked_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]

    contact_email = Sealed()
    phone = Sealed()
    address = Sealed()
    emergency_contact = Sealed()
    insurance_number = Sealed()

    @property
    def name(self) -> str:
        return f"{self.preferred_name or self.first_name} {self.last_name}"


class CareRelation(Base):
    """That a doctor treats a patient, from a visit until some time after it; one row a visit."""

    __tablename__ = "care_relations"
    __table_args__ = (Index("ix_care_relations_doctor_user_id_patient_id", "doctor_user_id", "patient_id"),)

    appointment_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    doctor_id: Mapped[UUID]
    # The doctor's login, which never changes: who may see is asked for each request, and doctors lie above patients.
    doctor_user_id: Mapped[UUID]
    location_id: Mapped[UUID]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]


class Cover(Base):
    """That a doctor stands in for another from one day to another, both included, until `ended_at`: whom the one treats
    the other sees."""

    __tablename__ = "covers"
    __table_args__ = (
        Index("ix_covers_by_user_id", "by_user_id", "valid_until"),
        Index("ix_covers_doctor_id", "doctor_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID]
    by_doctor_id: Mapped[UUID]
    # Their logins, which never change: who may see is asked for each request, and doctors lie above patients.
    user_id: Mapped[UUID]
    by_user_id: Mapped[UUID]
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class EmergencyAccess(Base):
    """That a doctor who does not treat a patient opened their record for a while, with a reason (45 CFR 164.312
    (a)(2)(ii)). Auditors look at each."""

    __tablename__ = "emergency_accesses"
    __table_args__ = (
        Index("ix_emergency_accesses_user_id", "user_id", "closes_at"),
        Index("ix_emergency_accesses_reviewed_at", "reviewed_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    reason_sealed: Mapped[bytes] = mapped_column(SealedBytes())
    opened_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[UUID | None]
    note_sealed: Mapped[bytes | None] = mapped_column(SealedBytes())

    reason = Sealed()
    note = Sealed()


class RelatedPerson(Base):
    """A login that looks after a patient (FHIR RelatedPerson). What it may do holds from `valid_from` to `valid_until`,
    both days included, once the desk has confirmed it (`verified_at`), until `ended_at`."""

    __tablename__ = "related_people"
    __table_args__ = (Index("ix_related_people_user_id_patient_id", "user_id", "patient_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    # Whom the patient names is an address and nothing else until the desk confirms that it is their login.
    email: Mapped[str | None] = mapped_column(MachineString(254))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    relationship: Mapped[str] = mapped_column(MachineString(20))
    may_book: Mapped[bool]
    may_read: Mapped[bool]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    verified_by: Mapped[UUID | None]
    verified_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    user: Mapped[User | None] = orm_relationship(lazy="raise")

    @property
    def name(self) -> str | None:
        return self.user.display_name if self.user else None


class Invitation(Base):
    """A one-time link that joins a login to a patient. The link is derived from the id, so nothing secret is stored."""

    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    email: Mapped[str] = mapped_column(MachineString(254))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
