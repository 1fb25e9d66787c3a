"""The first schema."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.Column("actor_id", types.Guid(), nullable=True),
        sa.Column("action", types.MachineString(100), nullable=False),
        sa.Column("outcome", types.MachineString(60), nullable=False),
        sa.Column("entity", types.MachineString(60), nullable=False),
        sa.Column("entity_id", types.Guid(), nullable=True),
        sa.Column("patient_id", types.Guid(), nullable=True),
        sa.Column("request_id", types.MachineString(64), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("signature", types.Digest(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_actor_id_recorded_at", ["actor_id", "recorded_at"], unique=False)
        batch_op.create_index("ix_audit_events_patient_id_recorded_at", ["patient_id", "recorded_at"], unique=False)

    op.create_table(
        "leases",
        sa.Column("name", types.MachineString(60), nullable=False),
        sa.Column("holder", types.Guid(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "locations",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("name", types.HumanString(100), nullable=False),
        sa.Column("timezone", types.MachineString(64), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
        sa.UniqueConstraint("is_default", name=op.f("uq_locations_is_default")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("name", types.MachineString(60), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("due_at", types.Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", types.Instant(), nullable=True),
        sa.Column("done_at", types.Instant(), nullable=True),
        sa.Column("dead_at", types.Instant(), nullable=True),
        sa.Column("last_error", types.HumanString(300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_pending", ["done_at", "dead_at", "due_at"], unique=False)

    op.create_table(
        "resources",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("kind", types.MachineString(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
    )
    op.create_table(
        "users",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("email", types.MachineString(254), nullable=False),
        sa.Column("password_hash", types.MachineString(200), nullable=False),
        sa.Column("display_name", types.HumanString(210), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "visit_types",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("name", types.HumanString(100), nullable=False),
        sa.Column("length_minutes", sa.Integer(), nullable=False),
        sa.Column("allowed_lengths", sa.JSON(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("grid_minutes", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_types")),
        sa.UniqueConstraint("is_default", name=op.f("uq_visit_types_is_default")),
    )
    op.create_table(
        "busy_ticks",
        sa.Column("resource_id", types.Guid(), nullable=False),
        sa.Column("tick", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", types.Guid(), nullable=False),
        sa.Column("owner_kind", types.MachineString(20), nullable=False),
        sa.Column("is_buffer", sa.Boolean(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=op.f("fk_busy_ticks_resource_id")),
        sa.PrimaryKeyConstraint("resource_id", "tick", name=op.f("pk_busy_ticks")),
    )
    with op.batch_alter_table("busy_ticks", schema=None) as batch_op:
        batch_op.create_index("ix_busy_ticks_owner_id", ["owner_id"], unique=False)

    op.create_table(
        "doctors",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("title", types.HumanString(50), nullable=True),
        sa.Column("first_name", types.HumanString(100), nullable=False),
        sa.Column("last_name", types.HumanString(100), nullable=False),
        sa.Column("last_name_key", types.MachineString(200), nullable=False),
        sa.Column("specialization", types.HumanString(100), nullable=False),
        sa.Column("specialization_key", types.MachineString(200), nullable=False),
        sa.Column("bio", types.HumanString(5000), nullable=True),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["resources.id"], name=op.f("fk_doctors_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_doctors_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctors")),
        sa.UniqueConstraint("user_id", name=op.f("uq_doctors_user_id")),
    )
    with op.batch_alter_table("doctors", schema=None) as batch_op:
        batch_op.create_index("ix_doctors_last_name_key", ["last_name_key", "id"], unique=False)
        batch_op.create_index("ix_doctors_specialization", ["specialization_key"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("actor_id", types.Guid(), nullable=False),
        sa.Column("route", types.MachineString(100), nullable=False),
        sa.Column("key_hash", types.Digest(), nullable=False),
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("body_hash", types.Digest(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer_sealed", types.SealedBytes(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_idempotency_keys_actor_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("actor_id", "route", "key_hash", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "login_sessions",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("refresh_hash", types.Digest(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_login_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
        sa.UniqueConstraint("refresh_hash", name=op.f("uq_login_sessions_refresh_hash")),
    )
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_login_sessions_user_id", ["user_id"], unique=False)

    op.create_table(
        "patients",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=True),
        sa.Column("record_number", types.MachineString(16), nullable=False),
        sa.Column("first_name", types.HumanString(100), nullable=False),
        sa.Column("last_name", types.HumanString(100), nullable=False),
        sa.Column("first_name_key", types.MachineString(200), nullable=False),
        sa.Column("last_name_key", types.MachineString(200), nullable=False),
        sa.Column("preferred_name", types.HumanString(100), nullable=True),
        sa.Column("preferred_language", types.MachineString(35), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", types.MachineString(10), nullable=True),
        sa.Column("contact_email", types.MachineString(254), nullable=True),
        sa.Column("phone_sealed", types.SealedBytes(), nullable=True),
        sa.Column("phone_index", types.Digest(), nullable=True),
        sa.Column("phone_last4_index", types.Digest(), nullable=True),
        sa.Column("address_sealed", types.SealedBytes(), nullable=True),
        sa.Column("emergency_contact_sealed", types.SealedBytes(), nullable=True),
        sa.Column("insurance_provider", types.HumanString(100), nullable=True),
        sa.Column("insurance_number_sealed", types.SealedBytes(), nullable=True),
        sa.Column("insurance_number_index", types.Digest(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["resources.id"], name=op.f("fk_patients_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_patients_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("record_number", name=op.f("uq_patients_record_number")),
        sa.UniqueConstraint("user_id", name=op.f("uq_patients_user_id")),
    )
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.create_index("ix_patients_birth_date", ["birth_date"], unique=False)
        batch_op.create_index("ix_patients_contact_email", ["contact_email"], unique=False)
        batch_op.create_index("ix_patients_first_name_key", ["first_name_key"], unique=False)
        batch_op.create_index("ix_patients_insurance_number_index", ["insurance_number_index"], unique=False)
        batch_op.create_index("ix_patients_last_name_key", ["last_name_key", "id"], unique=False)
        batch_op.create_index("ix_patients_phone_index", ["phone_index"], unique=False)
        batch_op.create_index("ix_patients_phone_last4_index", ["phone_last4_index"], unique=False)

    op.create_table(
        "user_roles",
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("role", types.MachineString(20), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_user_roles")),
    )
    op.create_table(
        "appointments",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("visit_type_id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("starts_at", types.Instant(), nullable=False),
        sa.Column("ends_at", types.Instant(), nullable=False),
        sa.Column("status", types.MachineString(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("extra_reason_sealed", types.SealedBytes(), nullable=True),
        sa.Column("reason_sealed", types.SealedBytes(), nullable=True),
        sa.Column("channel", types.MachineString(20), nullable=False),
        sa.Column("booked_by", types.Guid(), nullable=False),
        sa.Column("notified", types.MachineString(20), nullable=False),
        sa.Column("needs_attention", sa.Boolean(), nullable=False),
        sa.Column("attention_code", types.MachineString(40), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("cancelled_at", types.Instant(), nullable=True),
        sa.Column("cancelled_by", types.Guid(), nullable=True),
        sa.Column("cancel_code", types.MachineString(40), nullable=True),
        sa.Column("cancel_note_sealed", types.SealedBytes(), nullable=True),
        sa.ForeignKeyConstraint(["booked_by"], ["users.id"], name=op.f("fk_appointments_booked_by")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_appointments_doctor_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_appointments_location_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_appointments_patient_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_types.id"], name=op.f("fk_appointments_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
    )
    with op.batch_alter_table("appointments", schema=None) as batch_op:
        batch_op.create_index("ix_appointments_doctor_id_starts_at", ["doctor_id", "starts_at"], unique=False)
        batch_op.create_index("ix_appointments_needs_attention", ["needs_attention", "starts_at"], unique=False)
        batch_op.create_index("ix_appointments_patient_id_starts_at", ["patient_id", "starts_at"], unique=False)
        batch_op.create_index("ix_appointments_starts_at_id", ["starts_at", "id"], unique=False)

    op.create_table(
        "care_relations",
        sa.Column("appointment_id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("doctor_user_id", types.Guid(), nullable=False),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_until", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_care_relations_patient_id")),
        sa.PrimaryKeyConstraint("appointment_id", name=op.f("pk_care_relations")),
    )
    with op.batch_alter_table("care_relations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_care_relations_doctor_user_id_patient_id", ["doctor_user_id", "patient_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_care_relations_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "invitations",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("email", types.MachineString(254), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_invitations_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitations_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "schedules",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("start_minute", sa.Integer(), nullable=False),
        sa.Column("end_minute", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_schedules_doctor_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_schedules_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index("ix_schedules_doctor_id", ["doctor_id", "weekday"], unique=False)
        batch_op.create_index(batch_op.f("ix_schedules_location_id"), ["location_id"], unique=False)

    op.create_table(
        "medical_records",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("author_id", types.Guid(), nullable=False),
        sa.Column("appointment_id", types.Guid(), nullable=True),
        sa.Column("status", types.MachineString(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title_sealed", types.SealedBytes(), nullable=True),
        sa.Column("notes_sealed", types.SealedBytes(), nullable=False),
        sa.Column("diagnoses_sealed", types.SealedBytes(), nullable=True),
        sa.Column("amends_id", types.Guid(), nullable=True),
        sa.Column("amended_by_id", types.Guid(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("signed_at", types.Instant(), nullable=True),
        sa.Column("retracted_at", types.Instant(), nullable=True),
        sa.Column("retract_reason_sealed", types.SealedBytes(), nullable=True),
        sa.ForeignKeyConstraint(
            ["amended_by_id"], ["medical_records.id"], name=op.f("fk_medical_records_amended_by_id")
        ),
        sa.ForeignKeyConstraint(["amends_id"], ["medical_records.id"], name=op.f("fk_medical_records_amends_id")),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_medical_records_appointment_id")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["doctors.id"], name=op.f("fk_medical_records_author_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_medical_records_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medical_records")),
        sa.UniqueConstraint("amended_by_id", name=op.f("uq_medical_records_amended_by_id")),
        sa.UniqueConstraint("amends_id", name=op.f("uq_medical_records_amends_id")),
    )
    with op.batch_alter_table("medical_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_medical_records_appointment_id"), ["appointment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_medical_records_author_id"), ["author_id"], unique=False)
        batch_op.create_index("ix_medical_records_patient_id_id", ["patient_id", "id"], unique=False)

    op.create_table(
        "schedule_visit_types",
        sa.Column("schedule_id", types.Guid(), nullable=False),
        sa.Column("visit_type_id", types.Guid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_schedule_visit_types_schedule_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["visit_type_id"], ["visit_types.id"], name=op.f("fk_schedule_visit_types_visit_type_id")
        ),
        sa.PrimaryKeyConstraint("schedule_id", "visit_type_id", name=op.f("pk_schedule_visit_types")),
    )


def downgrade() -> None:
    op.drop_table("schedule_visit_types")
    op.drop_table("medical_records")
    op.drop_table("schedules")
    op.drop_table("invitations")
    op.drop_table("care_relations")
    op.drop_table("appointments")
    op.drop_table("user_roles")
    op.drop_table("patients")
    op.drop_table("login_sessions")
    op.drop_table("idempotency_keys")
    op.drop_table("doctors")
    op.drop_table("busy_ticks")
    op.drop_table("visit_types")
    op.drop_table("users")
    op.drop_table("resources")
    op.drop_table("outbox")
    op.drop_table("locations")
    op.drop_table("leases")
    op.drop_table("audit_events")
