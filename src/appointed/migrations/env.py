"""Alembic's entry point: runs the revisions over a connection that it is given."""

from typing import Any, Literal

from alembic import context

from appointed.migrations import target_metadata


def render_item(kind: str, item: Any, _autogenerate_context: object) -> str | Literal[False]:
    """Our own column types by their names in `core.types`."""
    if kind == "type" and type(item).__module__ == "appointed.core.types":
        length = getattr(item.impl_instance, "length", None) if type(item).__name__.endswith("String") else None
        return f"types.{type(item).__name__}({length or ''})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=target_metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
