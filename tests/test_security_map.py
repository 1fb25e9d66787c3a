"""The map of OWASP ASVS 5.0.0 is complete, and what it points at is there."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from appointed.core.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ASVS, SECURITY = DOCS / "asvs.md", DOCS / "security.md"
STATUSES = {"met", "partly", "open", "n/a"}
# How many requirements of levels 1 and 2 each section has: their numbers begin at 1 and leave none out.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4,
    "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5,
    "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4,
    "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4,
    "17.3": 2,
}  # fmt: skip
REQUIRED = [f"{section}.{number + 1}" for section, count in SECTIONS.items() for number in range(count)]
ID = re.compile(r"\d+\.\d+\.\d+")
# Names in capitals that are no settings.
OTHER_CAPITALS = {"KEPT", "CONTEXT"}


def rows_in(page: Path) -> list[list[str]]:
    """Those of tables with an id, what it is about, a status, and where or why."""
    tables = re.findall(r"(?m)^\| id \| about \| status \| where \|\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text())
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in tables for line in table.splitlines()]


def ids_in(cell: str) -> Iterator[str]:
    """`1.2.6–1.2.8, 1.3.1` is four: a run stays within its section."""
    for part in cell.split(", "):
        first, _, last = part.partition("–")
        section, _, number = first.rpartition(".")
        assert not last or last.startswith(f"{section}."), part
        for each in range(int(number), int(last.rpartition(".")[2] if last else number) + 1):
            yield f"{section}.{each}"


def statuses() -> dict[str, str]:
    return {each: row[2] for row in rows_in(ASVS) for each in ids_in(row[0])}


def test_there_are_as_many_requirements_as_the_standard_has() -> None:
    assert len(REQUIRED) == len(set(REQUIRED)) == 253


def test_a_run_of_ids_is_read_as_it_looks() -> None:
    assert list(ids_in("1.2.6–1.2.8, 10.3.1")) == ["1.2.6", "1.2.7", "1.2.8", "10.3.1"]


def test_each_requirement_has_one_row_and_each_row_is_of_one() -> None:
    assert Counter(each for row in rows_in(ASVS) for each in ids_in(row[0])) == Counter(REQUIRED)


def test_the_rows_are_in_the_order_of_the_standard() -> None:
    first = [next(ids_in(row[0])) for row in rows_in(ASVS)]
    assert first == sorted(first, key=REQUIRED.index)


@pytest.mark.parametrize("page", [ASVS, SECURITY], ids=lambda page: page.name)
def test_each_row_has_a_status_and_says_where_or_why(page: Path) -> None:
    rows = rows_in(page)
    assert rows
    assert [row for row in rows if len(row) != 4 or row[2] not in STATUSES or not row[1] or not row[3]] == []


def test_what_is_not_met_is_listed_and_nothing_else() -> None:
    listed = ASVS.read_text().partition("## What is not met")[2].partition("\n## ")[0]
    named = ID.findall(listed)
    assert len(named) == len(set(named))
    assert set(named) == {each for each, status in statuses().items() if status in ("partly", "open")}


def test_security_points_at_requirements_that_there_are() -> None:
    named = {each for row in rows_in(SECURITY) for each in ID.findall(row[3])}
    assert named
    assert named <= set(REQUIRED)


def anchor_of(heading: str) -> str:
    """How a heading is pointed at."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", [ASVS, SECURITY], ids=lambda page: page.name)
def test_what_they_name_is_there(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`((?:src|tests|deploy|docs)/[\w/.-]+)`", text))
    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    for path, anchor in re.findall(r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)", text):
        target = (DOCS / path).resolve()
        assert target.exists(), path
        if anchor:
            assert anchor in {anchor_of(found) for found in re.findall(r"(?m)^#+ (.+)$", target.read_text())}, anchor
    capitals = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", text)) - OTHER_CAPITALS
    assert capitals <= {name.upper() for name in Settings.model_fields} | {"SITE_ADDRESS"}
