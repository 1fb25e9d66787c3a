"""Accounts: failed logins, and which of its refresh tokens a session is at."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_failures",
        sa.Column("subject", types.Digest(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", types.Instant(), nullable=False),
        sa.Column("locked_until", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_failures")),
    )
    op.create_index("ix_login_failures_last_failed_at", "login_failures", ["last_failed_at"])

    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("generation", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("refreshed_at", types.Instant(), nullable=True))
    op.execute("UPDATE login_sessions SET generation = 0")
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.alter_column("generation", existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.drop_column("refreshed_at")
        batch_op.drop_column("generation")
    op.drop_table("login_failures")
