"""The drawings in docs are of what there is."""

import re
import runpy
from pathlib import Path

from appointed.core.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
PNG = b"\x89PNG\r\n"


def test_the_drawn_schema_is_the_models() -> None:
    written = runpy.run_path(str(DOCS / "schema.py"))["source"]()
    assert (DOCS / "schema.puml").read_text() == written, "run: make docs"


def test_every_drawing_has_its_picture() -> None:
    for source in DOCS.glob("*.puml"):
        assert source.with_suffix(".png").read_bytes().startswith(PNG), f"run: make docs ({source.name})"


def test_every_decision_is_short_enough_to_be_read() -> None:
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert decisions
    for decision in decisions:
        assert len(decision.read_text().splitlines()) <= 60, decision.name


STATUSES = {"met", "partly", "open", "n/a"}


def rows_of_security() -> list[list[str]]:
    lines = (DOCS / "security.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in rows if len(row) == 4 and row[2] in STATUSES | {"status"}]


def test_every_requirement_has_a_status_and_says_where_or_why() -> None:
    rows = [row for row in rows_of_security() if row[0] != "id"]
    ids = [row[0] for row in rows]
    assert len(ids) == len(set(ids)) > 110
    assert not [row for row in rows if row[2] != "open" and not row[3]]


def test_what_security_names_is_there() -> None:
    text = (DOCS / "security.md").read_text()
    named = set(re.findall(r"`((?:src|tests)/[\w/.]+)`", text)) | {
        f"docs/{link}" for link in re.findall(r"\]\((decisions/[\w.-]+)\)", text)
    }
    assert len(named) > 40
    assert [path for path in sorted(named) if not (DOCS.parent / path).exists()] == []
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text)) - {"KEPT"} <= {
        name.upper() for name in Settings.model_fields
    }
