"""Sessions of the pages, which a cookie holds."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_cookie", sa.Boolean(), nullable=True))
    op.execute("UPDATE login_sessions SET is_cookie = false")
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.alter_column("is_cookie", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    # Else they would be logins that no token can refresh.
    op.execute("DELETE FROM login_sessions WHERE is_cookie")
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.drop_column("is_cookie")
