"""What keeps rows of the trail from being changed or deleted, by whatever program: triggers of the database."""

from collections.abc import Sequence

from appointed.core.types import MYSQL_NAMES

TABLES = ("audit_events", "audit_seals")
WHY = "the audit trail is never changed"
_FUNCTION = "keep_audit_trail"


def install(dialect: str) -> Sequence[str]:
    """Statements after which UPDATE and DELETE fail; on PostgreSQL TRUNCATE too."""
    if dialect == "postgresql":
        refuse = f"RAISE EXCEPTION '{WHY}' USING ERRCODE = 'restrict_violation'"
        return [
            f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse}; END $$",
            *[f"CREATE TRIGGER {_name(table, what)} BEFORE {what} ON {table} FOR EACH STATEMENT"
              f" EXECUTE FUNCTION {_FUNCTION}()"
              for table in TABLES for what in ("UPDATE", "DELETE", "TRUNCATE")],
        ]  # fmt: skip
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{WHY}'"
    body = f"FOR EACH ROW {refuse}" if dialect in MYSQL_NAMES else f"BEGIN SELECT RAISE(ABORT, '{WHY}'); END"
    return [
        f"CREATE TRIGGER {_name(table, what)} BEFORE {what} ON {table} {body}"
        for table in TABLES
        for what in ("UPDATE", "DELETE")
    ]


def remove(dialect: str) -> Sequence[str]:
    """Statements that undo those."""
    if dialect == "postgresql":
        return [f"DROP FUNCTION {_FUNCTION}() CASCADE"]
    return [f"DROP TRIGGER {_name(table, what)}" for table in TABLES for what in ("UPDATE", "DELETE")]


def _name(table: str, what: str) -> str:
    return f"{table}_no_{what.lower()}"
