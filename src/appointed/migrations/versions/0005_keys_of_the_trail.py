"""The keys that verify what was signed before the data key was turned over."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trail_keys",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("key_id", types.MachineString(length=8), nullable=False),
        sa.Column("secret_sealed", types.SealedBytes(), nullable=False),
        sa.Column("retired_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail_keys")),
        sa.UniqueConstraint("key_id", name=op.f("uq_trail_keys_key_id")),
    )


def downgrade() -> None:
    op.drop_table("trail_keys")
