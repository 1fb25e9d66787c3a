"""Writes docs/schema.puml from the models: `python docs/schema.py`, then `make docs` draws it."""

from pathlib import Path

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from appointed.migrations import target_metadata

TARGET = Path(__file__).with_name("schema.puml")
HEAD = """@startuml
' Written by docs/schema.py from the models. Bold: primary key. Open circle: may be null.
skinparam dpi 110
skinparam linetype ortho
skinparam shadowing false
skinparam roundcorner 6
skinparam nodesep 40
skinparam ranksep 60
skinparam class {
  BackgroundColor #FFFFFF
  HeaderBackgroundColor #E3EEF7
  BorderColor #5B7A99
  ArrowColor #5B7A99
}
hide circle
hide empty members
"""


def source() -> str:
    """The diagram as PlantUML: every table with its columns, and an arrow for every foreign key."""
    tables = target_metadata.sorted_tables
    parts = [HEAD, *map(_entity, tables), *(arrow for table in tables for arrow in _arrows(table)), "@enduml\n"]
    return "\n".join(parts)


def _entity(table: Table) -> str:
    lines = "\n".join(f"  {_line(column)}" for column in table.columns)
    return f"class {table.name} {{\n{lines}\n}}\n"


def _line(column: Column[object]) -> str:
    kind = str(column.type.compile(dialect=postgresql.dialect())).partition(" COLLATE")[0].lower()
    kind = kind.replace("timestamp with time zone", "timestamptz").replace("varchar", "text")
    name = f"<b>{column.name}</b>" if column.primary_key else column.name
    return f"{{field}} {name} : {kind}{' ○' if column.nullable else ''}"


def _arrows(table: Table) -> list[str]:
    targets = sorted({key.column.table.name for key in table.foreign_keys})
    return [f"{target} <-- {table.name}" for target in targets]


if __name__ == "__main__":
    TARGET.write_text(source())
