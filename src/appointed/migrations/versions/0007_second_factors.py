"""Second factors: authenticator apps, recovery codes, passkeys, and which one a session was opened with."""

import sqlalchemy as sa
from alembic import op

from appointed.core import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "totp_keys",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("key_sealed", types.SealedBytes(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("confirmed_at", types.Instant(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        _of_user("totp_keys"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_keys")),
        sa.UniqueConstraint("user_id", name=op.f("uq_totp_keys_user_id")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("code_hash", types.Digest(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        _of_user("recovery_codes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_codes_code_hash")),
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    op.create_table(
        "passkeys",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=False),
        sa.Column("name", types.HumanString(100), nullable=False),
        sa.Column("credential_id", types.MachineString(1364), nullable=False),
        sa.Column("credential_hash", types.Digest(), nullable=False),
        sa.Column("public_key", types.MachineString(1400), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("last_used_at", types.Instant(), nullable=True),
        _of_user("passkeys"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_hash", name=op.f("uq_passkeys_credential_hash")),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "factor_challenges",
        sa.Column("id", types.Guid(), nullable=False),
        sa.Column("user_id", types.Guid(), nullable=True),
        sa.Column("aim", types.MachineString(20), nullable=False),
        sa.Column("challenge_hash", types.Digest(), nullable=False),
        sa.Column("password_digest", types.Digest(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        _of_user("factor_challenges"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_challenges")),
        sa.UniqueConstraint("challenge_hash", name=op.f("uq_factor_challenges_challenge_hash")),
    )
    op.create_index("ix_factor_challenges_user_id", "factor_challenges", ["user_id"])
    op.create_index("ix_factor_challenges_expires_at", "factor_challenges", ["expires_at"])
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("second_factor", types.MachineString(20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.drop_column("second_factor")
    for table in ("factor_challenges", "passkeys", "recovery_codes", "totp_keys"):
        op.drop_table(table)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")
