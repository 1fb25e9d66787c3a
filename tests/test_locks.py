"""The locks agree with pyproject.toml, and what watches over that sees it when they do not."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-mysql.lock", "requirements-dev.lock")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the check reads, to be altered."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def complaints(root: Path) -> list[str]:
    ended = subprocess.run(
        [sys.executable, root / "tools" / "check_locks.py"], capture_output=True, text=True, check=False
    )
    assert bool(ended.returncode) == bool(ended.stderr)
    return ended.stderr.splitlines()


def alter(path: Path, pattern: str, replacement: str) -> None:
    altered, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(altered)


def test_the_locks_agree_with_the_project() -> None:
    assert complaints(ROOT) == []


HASHES = r"(?:    --hash=sha256:\w+(?: \\)?\n)+"


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize(
    ("pattern", "replacement", "complaint"),
    [
        (rf"^fastapi==.*\n{HASHES}", "", "has fastapi None"),
        (r"^fastapi==\S+", "fastapi==0.1", "has fastapi 0.1"),
        (rf"^hatchling==.*\n{HASHES}", "", "has hatchling None"),
        (rf"^(h11==\S+) .*\n{HASHES}", r"\1\n", "h11==.* has no hash"),
        (r"\A", "--index-url https://packages.example.org/simple\n", "names an address"),
        (r"\A", "--find-links /wheels\n", "names an address"),
    ],
)
def test_a_lock_that_does_not_agree_is_named(
    copy: Path, lock: str, pattern: str, replacement: str, complaint: str
) -> None:
    alter(copy / lock, pattern, replacement)
    found = complaints(copy)
    assert found
    assert all(line.startswith(f"{lock}: ") for line in found)
    assert re.search(complaint, "\n".join(found))


def test_a_library_that_is_not_locked_yet_is_named(copy: Path) -> None:
    alter(copy / "pyproject.toml", r"^dependencies = \[", 'dependencies = [\n    "brand-new>=1",')
    assert {line.partition(":")[0] for line in complaints(copy)} == set(LOCKS)


def test_what_runs_needs_no_driver_for_mysql_and_no_tool_for_tests() -> None:
    names = {lock: set(re.findall(r"(?m)^([\w.-]+)==", (ROOT / lock).read_text())) for lock in LOCKS}
    runtime, mysql, dev = (names[lock] for lock in LOCKS)
    assert mysql - runtime <= {"asyncmy", "pymysql"}
    assert runtime < mysql < dev
    assert not runtime & {"asyncmy", "pytest", "mypy", "ruff"}


def test_the_bill_of_materials_names_what_is_locked() -> None:
    """As CycloneDX 1.6 has it: `purl` is what lists of holes know a library by."""
    ran = subprocess.run([sys.executable, ROOT / "tools/bill_of_materials.py"], capture_output=True, check=True)
    bill = json.loads(ran.stdout)
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX", "1.6", "appointed",
    )  # fmt: skip
    text = (ROOT / "requirements-mysql.lock").read_text()
    components = {each["purl"]: each for each in bill["components"]}
    assert len(components) == len(bill["components"])
    locked = re.findall(r"(?m)^([\w.-]+)==(\S+)", text)
    assert components.keys() == {f"pkg:pypi/{name}@{version}" for name, version in locked}
    hashes = [found["content"] for each in components.values() for found in each["hashes"]]
    assert len(hashes) == text.count("--hash=sha256:")
    assert all(re.fullmatch("[0-9a-f]{64}", found) for found in hashes)
    optional = {each["name"] for each in components.values() if each["scope"] == "optional"}
    assert optional == set(re.findall(r"(?m)^([\w.-]+)==\S+ *;", text)) != set()
