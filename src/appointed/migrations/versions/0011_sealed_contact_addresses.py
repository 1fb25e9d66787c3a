"""Contact addresses of patients, sealed and found by a blind index."""

from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from alembic import context, op

from appointed.core import types
from appointed.core.crypto import Vault

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMN, PURPOSE = "contact_email", "contact_email"
ROWS_AT_ONCE = 1_000
patients = sa.table(
    "patients",
    sa.column("id", types.Guid()),
    sa.column("contact_email", types.MachineString(254)),
    sa.column("contact_email_sealed", types.SealedBytes()),
    sa.column("contact_email_index", types.Digest()),
)
OF_ROW = sa.update(patients).where(patients.c.id == sa.bindparam("row"))


def upgrade() -> None:
    vault = vault_for(patients.c.contact_email)
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("contact_email_sealed", types.SealedBytes(), nullable=True))
        batch_op.add_column(sa.Column("contact_email_index", types.Digest(), nullable=True))
    for rows in rows_with(patients.c.contact_email):
        sealed = [
            {"row": row_id, "sealed": vault.seal("patients", COLUMN, row_id, email),
             "index": vault.blind(PURPOSE, email)}
            for row_id, email in rows
        ]  # fmt: skip
        values: dict[str, Any] = {
            "contact_email_sealed": sa.bindparam("sealed"),
            "contact_email_index": sa.bindparam("index"),
        }
        op.get_bind().execute(OF_ROW.values(values), sealed)
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_index("ix_patients_contact_email")
        batch_op.drop_column("contact_email")
        batch_op.create_index("ix_patients_contact_email_index", ["contact_email_index"], unique=False)


def downgrade() -> None:
    vault = vault_for(patients.c.contact_email_sealed)
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("contact_email", types.MachineString(254), nullable=True))
    for rows in rows_with(patients.c.contact_email_sealed):
        plain = [{"row": row_id, "plain": vault.open("patients", COLUMN, row_id, sealed)} for row_id, sealed in rows]
        op.get_bind().execute(OF_ROW.values(contact_email=sa.bindparam("plain")), plain)
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_index("ix_patients_contact_email_index")
        batch_op.drop_column("contact_email_sealed")
        batch_op.drop_column("contact_email_index")
        batch_op.create_index("ix_patients_contact_email", ["contact_email"], unique=False)


def rows_with(column: sa.ColumnClause[Any]) -> Iterator[Sequence[tuple[UUID, Any]]]:
    """Ids and values of the rows that have one, some at a time."""
    query = sa.select(patients.c.id, column).where(column.is_not(None)).order_by(patients.c.id).limit(ROWS_AT_ONCE)
    after = None
    while rows := op.get_bind().execute(query if after is None else query.where(patients.c.id > after)).all():
        yield [(row[0], row[1]) for row in rows]
        after = rows[-1][0]


def vault_for(column: sa.ColumnClause[Any]) -> Vault:
    """Asked for before anything is changed: MySQL takes back no change of a table."""
    vault: Vault | None = context.config.attributes["vault"]
    if vault is None and any(rows_with(column)):
        raise RuntimeError("there are addresses to seal, and no key: run this by `appointed migrate`")
    return cast(Vault, vault)
