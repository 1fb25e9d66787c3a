"""The time engine: places, kinds of hours and more ways to book."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "location_days",
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("name", types.HumanString(100), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_location_days_location_id")),
        sa.PrimaryKeyConstraint("location_id", "on_date", name=op.f("pk_location_days")),
    )
    op.create_table(
        "room_kinds",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("kind", types.MachineString(40), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["resources.id"], name=op.f("fk_room_kinds_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_room_kinds_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_kinds")),
        sa.UniqueConstraint("location_id", "kind", name=op.f("uq_room_kinds_location_id_kind")),
    )
    op.create_table(
        "rooms",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("name", types.HumanString(100), nullable=False),
        sa.Column("kind", types.MachineString(40), nullable=False),
        sa.Column("is_device", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["resources.id"], name=op.f("fk_rooms_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_rooms_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
    )
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.create_index("ix_rooms_location_id_kind", ["location_id", "kind"], unique=False)

    op.create_table(
        "staff_assignments",
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_staff_assignments_location_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_staff_assignments_user_id")),
        sa.PrimaryKeyConstraint("user_id", "location_id", name=op.f("pk_staff_assignments")),
    )
    op.create_table(
        "travel_times",
        sa.Column("first_id", types.Guid(), nullable=False),
        sa.Column("second_id", types.Guid(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["first_id"], ["locations.id"], name=op.f("fk_travel_times_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["locations.id"], name=op.f("fk_travel_times_second_id")),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_travel_times")),
    )
    op.create_table(
        "appointment_series",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("rrule", types.MachineString(200), nullable=False),
        sa.Column("booked_by", types.Guid(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_appointment_series_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_series")),
    )
    op.create_table(
        "doctor_delays",
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("since", types.Instant(), nullable=False),
        sa.Column("until", types.Instant(), nullable=False),
        sa.Column("set_by", types.Guid(), nullable=False),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_doctor_delays_doctor_id")),
        sa.PrimaryKeyConstraint("doctor_id", name=op.f("pk_doctor_delays")),
    )
    op.create_table(
        "doctor_offers",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("visit_type_id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=True),
        sa.Column("length_minutes", sa.Integer(), nullable=True),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=True),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=True),
        sa.Column("notice_minutes", sa.Integer(), nullable=True),
        sa.Column("window_days", sa.Integer(), nullable=True),
        sa.Column("daily_limit", sa.Integer(), nullable=True),
        sa.Column("weekly_limit", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_doctor_offers_doctor_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_doctor_offers_location_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_types.id"], name=op.f("fk_doctor_offers_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_offers")),
    )
    with op.batch_alter_table("doctor_offers", schema=None) as batch_op:
        batch_op.create_index("ix_doctor_offers_doctor_id_visit_type_id", ["doctor_id", "visit_type_id"], unique=False)
        batch_op.create_index("ix_doctor_offers_visit_type_id", ["visit_type_id"], unique=False)

    op.create_table(
        "group_sessions",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("visit_type_id", types.Guid(), nullable=False),
        sa.Column("location_id", types.Guid(), nullable=False),
        sa.Column("room_id", types.Guid(), nullable=True),
        sa.Column("title", types.HumanString(200), nullable=False),
        sa.Column("starts_at", types.Instant(), nullable=False),
        sa.Column("ends_at", types.Instant(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", types.Guid(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("cancelled_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_group_sessions_doctor_id")),
        sa.ForeignKeyConstraint(["id"], ["resources.id"], name=op.f("fk_group_sessions_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_group_sessions_location_id")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_group_sessions_room_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_types.id"], name=op.f("fk_group_sessions_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_sessions")),
    )
    with op.batch_alter_table("group_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_group_sessions_starts_at", ["starts_at", "id"], unique=False)

    op.create_table(
        "related_people",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("email", types.MachineString(254), nullable=True),
        sa.Column("user_id", types.Guid(), nullable=True),
        sa.Column("relationship", types.MachineString(20), nullable=False),
        sa.Column("may_book", sa.Boolean(), nullable=False),
        sa.Column("may_read", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_by", types.Guid(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("verified_by", types.Guid(), nullable=True),
        sa.Column("verified_at", types.Instant(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_related_people_patient_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_related_people_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_related_people")),
    )
    with op.batch_alter_table("related_people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_related_people_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index("ix_related_people_user_id_patient_id", ["user_id", "patient_id"], unique=False)

    op.create_table(
        "time_off",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("kind", types.MachineString(10), nullable=False),
        sa.Column("starts_at", types.Instant(), nullable=False),
        sa.Column("ends_at", types.Instant(), nullable=False),
        sa.Column("reason_code", types.MachineString(40), nullable=False),
        sa.Column("note_sealed", types.SealedBytes(), nullable=True),
        sa.Column("created_by", types.Guid(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name=op.f("fk_time_off_doctor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_off")),
    )
    with op.batch_alter_table("time_off", schema=None) as batch_op:
        batch_op.create_index("ix_time_off_doctor_id_ends_at", ["doctor_id", "ends_at"], unique=False)

    op.create_table(
        "appointment_changes",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("appointment_id", types.Guid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("action", types.MachineString(20), nullable=False),
        sa.Column("status_before", types.MachineString(20), nullable=False),
        sa.Column("status_after", types.MachineString(20), nullable=False),
        sa.Column("starts_at_before", types.Instant(), nullable=False),
        sa.Column("ends_at_before", types.Instant(), nullable=False),
        sa.Column("doctor_id_before", types.Guid(), nullable=False),
        sa.Column("location_id_before", types.Guid(), nullable=False),
        sa.Column("code", types.MachineString(40), nullable=True),
        sa.Column("note_sealed", types.SealedBytes(), nullable=True),
        sa.Column("changed_by", types.Guid(), nullable=True),
        sa.Column("changed_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_appointment_changes_appointment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_changes")),
        sa.UniqueConstraint("appointment_id", "version", name=op.f("uq_appointment_changes_appointment_id_version")),
    )
    op.create_table(
        "appointment_participants",
        sa.Column("appointment_id", types.Guid(), nullable=False),
        sa.Column("resource_id", types.Guid(), nullable=False),
        sa.Column("role", types.MachineString(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_appointment_participants_appointment_id")
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name=op.f("fk_appointment_participants_resource_id")
        ),
        sa.PrimaryKeyConstraint("appointment_id", "resource_id", name=op.f("pk_appointment_participants")),
    )
    with op.batch_alter_table("appointment_participants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appointment_participants_resource_id"), ["resource_id"], unique=False)

    with op.batch_alter_table("appointments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_cancelled_late", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("override_reason_sealed", types.SealedBytes(), nullable=True))
        batch_op.add_column(sa.Column("hold_expires_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("hold_extended_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("series_id", types.Guid(), nullable=True))
        batch_op.add_column(sa.Column("series_number", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("family_id", types.Guid(), nullable=True))
        batch_op.add_column(sa.Column("session_id", types.Guid(), nullable=True))
        batch_op.add_column(sa.Column("seat", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("arrived_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("checked_in_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("roomed_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("started_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("finished_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("excused_at", types.Instant(), nullable=True))
        batch_op.create_index("ix_appointments_family_id", ["family_id"], unique=False)
        batch_op.create_index("ix_appointments_hold_expires_at", ["hold_expires_at"], unique=False)
        batch_op.create_index("ix_appointments_status_ends_at", ["status", "ends_at"], unique=False)
        batch_op.create_unique_constraint(
            batch_op.f("uq_appointments_series_id_series_number"), ["series_id", "series_number"]
        )
        batch_op.create_unique_constraint(batch_op.f("uq_appointments_session_id_seat"), ["session_id", "seat"])
        batch_op.create_foreign_key(
            batch_op.f("fk_appointments_series_id"), "appointment_series", ["series_id"], ["id"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_appointments_session_id"), "group_sessions", ["session_id"], ["id"])

    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", types.HumanString(300), nullable=True))
        batch_op.add_column(sa.Column("country", types.MachineString(2), nullable=True))
        batch_op.add_column(sa.Column("region", types.MachineString(10), nullable=True))
        batch_op.add_column(sa.Column("is_active", sa.Boolean(), nullable=True))
    op.execute("UPDATE locations SET is_active = TRUE")
    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.alter_column("is_active", existing_type=sa.Boolean(), nullable=False)

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", types.MachineString(10), nullable=True))
        batch_op.add_column(sa.Column("release_minutes", sa.Integer(), nullable=True))
    op.execute("UPDATE schedules SET kind = 'open'")
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=types.MachineString(10), nullable=False)
        batch_op.create_index("ix_schedules_weekday_valid_until", ["weekday", "valid_until"], unique=False)

    with op.batch_alter_table("visit_types", schema=None) as batch_op:
        batch_op.add_column(sa.Column("grid_offset_minutes", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("daily_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("weekly_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("patient_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("revisit_days", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("is_virtual", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("audience", types.MachineString(10), nullable=True))
        batch_op.add_column(sa.Column("instructions", types.HumanString(2000), nullable=True))
        batch_op.add_column(sa.Column("colour", types.MachineString(7), nullable=True))
        batch_op.add_column(sa.Column("room_kind", types.MachineString(40), nullable=True))
        batch_op.add_column(sa.Column("device_kinds", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("practitioner_roles", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("cancel_notice_minutes", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("no_show_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("no_show_months", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE visit_types SET grid_offset_minutes = 0, is_virtual = FALSE, audience = 'all', device_kinds = '[]',"
        " practitioner_roles = '[]', cancel_notice_minutes = 0"
    )
    with op.batch_alter_table("visit_types", schema=None) as batch_op:
        batch_op.alter_column("grid_offset_minutes", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("is_virtual", existing_type=sa.Boolean(), nullable=False)
        batch_op.alter_column("audience", existing_type=types.MachineString(10), nullable=False)
        batch_op.alter_column("device_kinds", existing_type=sa.JSON(), nullable=False)
        batch_op.alter_column("practitioner_roles", existing_type=sa.JSON(), nullable=False)
        batch_op.alter_column("cancel_notice_minutes", existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("visit_types", schema=None) as batch_op:
        batch_op.drop_column("no_show_months")
        batch_op.drop_column("no_show_limit")
        batch_op.drop_column("cancel_notice_minutes")
        batch_op.drop_column("practitioner_roles")
        batch_op.drop_column("device_kinds")
        batch_op.drop_column("room_kind")
        batch_op.drop_column("colour")
        batch_op.drop_column("instructions")
        batch_op.drop_column("audience")
        batch_op.drop_column("is_virtual")
        batch_op.drop_column("revisit_days")
        batch_op.drop_column("patient_limit")
        batch_op.drop_column("weekly_limit")
        batch_op.drop_column("daily_limit")
        batch_op.drop_column("grid_offset_minutes")

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_index("ix_schedules_weekday_valid_until")
        batch_op.drop_column("release_minutes")
        batch_op.drop_column("kind")

    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.drop_column("is_active")
        batch_op.drop_column("region")
        batch_op.drop_column("country")
        batch_op.drop_column("address")

    with op.batch_alter_table("appointments", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_appointments_session_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_appointments_series_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_appointments_session_id_seat"), type_="unique")
        batch_op.drop_constraint(batch_op.f("uq_appointments_series_id_series_number"), type_="unique")
        batch_op.drop_index("ix_appointments_status_ends_at")
        batch_op.drop_index("ix_appointments_hold_expires_at")
        batch_op.drop_index("ix_appointments_family_id")
        batch_op.drop_column("excused_at")
        batch_op.drop_column("finished_at")
        batch_op.drop_column("started_at")
        batch_op.drop_column("roomed_at")
        batch_op.drop_column("checked_in_at")
        batch_op.drop_column("arrived_at")
        batch_op.drop_column("seat")
        batch_op.drop_column("session_id")
        batch_op.drop_column("family_id")
        batch_op.drop_column("series_number")
        batch_op.drop_column("series_id")
        batch_op.drop_column("hold_extended_at")
        batch_op.drop_column("hold_expires_at")
        batch_op.drop_column("override_reason_sealed")
        batch_op.drop_column("is_cancelled_late")

    op.drop_table("appointment_participants")
    op.drop_table("appointment_changes")
    op.drop_table("time_off")
    op.drop_table("related_people")
    op.drop_table("group_sessions")
    op.drop_table("doctor_offers")
    op.drop_table("doctor_delays")
    op.drop_table("appointment_series")
    op.drop_table("travel_times")
    op.drop_table("staff_assignments")
    op.drop_table("rooms")
    op.drop_table("room_kinds")
    op.drop_table("location_days")
