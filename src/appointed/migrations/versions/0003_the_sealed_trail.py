"""The sealed trail: seals, and triggers that keep rows of the trail as they are."""

import sqlalchemy as sa
from alembic import op

from appointed.audit import triggers
from appointed.core import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", types.Guid(), nullable=False),
        sa.Column("hash", types.Digest(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_seals_event_id")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_recorded_at_id", ["recorded_at", "id"], unique=False)
    for statement in triggers.install(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in triggers.remove(op.get_bind().dialect.name):
        op.execute(statement)
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_recorded_at_id")
    op.drop_table("audit_seals")
