"""The drawings in docs are of what there is."""

import runpy
from pathlib import Path

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
