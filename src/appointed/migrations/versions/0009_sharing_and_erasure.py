"""Where a patient is treated, what parents of minors may read, and patients who were erased."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("care_relations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("location_id", types.Guid(), nullable=True))
    op.execute(
        "UPDATE care_relations SET location_id ="
        " (SELECT location_id FROM appointments WHERE appointments.id = care_relations.appointment_id)"
    )
    with op.batch_alter_table("care_relations", schema=None) as batch_op:
        batch_op.alter_column("location_id", existing_type=types.Guid(), nullable=False)

    with op.batch_alter_table("medical_records", schema=None) as batch_op:
        batch_op.add_column(sa.Column("released_to_guardians_at", types.Instant(), nullable=True))

    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erasure_asked_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("erased_at", types.Instant(), nullable=True))
        batch_op.add_column(sa.Column("purged_at", types.Instant(), nullable=True))
        batch_op.create_index("ix_patients_erased_at", ["erased_at", "purged_at"], unique=False)
        batch_op.create_index("ix_patients_erasure_asked_at", ["erasure_asked_at", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_index("ix_patients_erasure_asked_at")
        batch_op.drop_index("ix_patients_erased_at")
        batch_op.drop_column("purged_at")
        batch_op.drop_column("erased_at")
        batch_op.drop_column("erasure_asked_at")
    with op.batch_alter_table("medical_records", schema=None) as batch_op:
        batch_op.drop_column("released_to_guardians_at")
    with op.batch_alter_table("care_relations", schema=None) as batch_op:
        batch_op.drop_column("location_id")
