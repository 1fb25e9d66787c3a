"""Seeing patients in another doctor's place, and in an emergency."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "covers",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("doctor_id", types.Guid(), nullable=False),
        sa.Column("by_doctor_id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("by_user_id", types.Guid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("created_by", types.Guid(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_covers")),
    )
    with op.batch_alter_table("covers", schema=None) as batch_op:
        batch_op.create_index("ix_covers_by_user_id", ["by_user_id", "valid_until"], unique=False)
        batch_op.create_index("ix_covers_doctor_id", ["doctor_id", "id"], unique=False)

    op.create_table(
        "emergency_accesses",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("patient_id", types.Guid(), nullable=False),
        sa.Column("reason_sealed", types.SealedBytes(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("closes_at", types.Instant(), nullable=False),
        sa.Column("reviewed_at", types.Instant(), nullable=True),
        sa.Column("reviewed_by", types.Guid(), nullable=True),
        sa.Column("note_sealed", types.SealedBytes(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_emergency_accesses_patient_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_emergency_accesses_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_accesses")),
    )
    with op.batch_alter_table("emergency_accesses", schema=None) as batch_op:
        batch_op.create_index("ix_emergency_accesses_user_id", ["user_id", "closes_at"], unique=False)
        batch_op.create_index("ix_emergency_accesses_reviewed_at", ["reviewed_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("emergency_accesses")
    op.drop_table("covers")
