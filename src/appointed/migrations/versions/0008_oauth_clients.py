"""Apps and machines: who they are, the codes and assertions that they use once, and which sessions are theirs."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_clients",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("kind", types.MachineString(10), nullable=False),
        sa.Column("name", types.MachineString(40), nullable=False),
        sa.Column("scope", types.MachineString(300), nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_oauth_clients_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
    )
    op.create_table(
        "oauth_codes",
        sa.Column("code_hash", types.Digest(), nullable=False),
        sa.Column("client_id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("redirect_uri", types.MachineString(300), nullable=False),
        sa.Column("challenge", types.MachineString(43), nullable=False),
        sa.Column("scope", types.MachineString(300), nullable=False),
        sa.Column("second_factor", types.MachineString(20), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        sa.Column("session_id", types.Guid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.id"], name=op.f("fk_oauth_codes_client_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_oauth_codes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_oauth_codes")),
    )
    op.create_index("ix_oauth_codes_expires_at", "oauth_codes", ["expires_at"])
    op.create_table(
        "oauth_assertions",
        sa.Column("client_id", types.Guid(), nullable=False),
        sa.Column("jti_hash", types.Digest(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.id"], name=op.f("fk_oauth_assertions_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", "jti_hash", name=op.f("pk_oauth_assertions")),
    )
    op.create_index("ix_oauth_assertions_expires_at", "oauth_assertions", ["expires_at"])

    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("client_id", types.Guid(), nullable=True))
        batch_op.add_column(sa.Column("scope", types.MachineString(300), nullable=True))
        batch_op.create_foreign_key(op.f("fk_login_sessions_client_id"), "oauth_clients", ["client_id"], ["id"])
        batch_op.create_index("ix_login_sessions_client_id", ["client_id"])


def downgrade() -> None:
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_login_sessions_client_id"), type_="foreignkey")
        batch_op.drop_index("ix_login_sessions_client_id")
        batch_op.drop_column("scope")
        batch_op.drop_column("client_id")
    op.drop_table("oauth_assertions")
    op.drop_table("oauth_codes")
    op.drop_table("oauth_clients")
