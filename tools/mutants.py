"""Breaks the code on purpose and sees whether the tests notice.

`mutants.py rules` has mutmut change the pure rules (pyproject.toml, tool.mutmut) and asks for at least 85 % noticed.
`mutants.py services [WORD]` makes the changes listed in tests/mutants.toml, one at a time in a copy of the source, and
asks that each be noticed; with a word, only those whose description has it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "appointed"
LIST = ROOT / "tests" / "mutants.toml"
LEAST_KILLED = 0.85
PATIENCE_SECONDS = 600
AT_ONCE = 2
console = Console()


class Fate(Enum):
    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "the tests could not be run"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one file: `old`, which stands there once, becomes `new`; and the tests that must notice."""

    says: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def complaint(self) -> str | None:
        """Why it cannot be made from the source as it is."""
        path = SOURCE / self.file
        found = path.read_text().count(self.old) if path.is_file() else 0
        return None if found == 1 else f"{self.says}: found {found} times in {self.file}"

    def fate(self) -> Fate:
        """Run the tests on a copy of the source with the change in it."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "appointed"
            shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
            changed = copy / self.file
            changed.write_text(changed.read_text().replace(self.old, self.new))
            return _run(self.tests, folder)


def listed() -> list[Mutant]:
    entries = tomllib.loads(LIST.read_text())["mutant"]
    return [Mutant(**(entry | {"tests": tuple(entry["tests"])})) for entry in entries]


def services(word: str = "") -> bool:
    """Whether every listed change is noticed by its tests, which pass without it."""
    mutants = [mutant for mutant in listed() if word in mutant.says]
    stale = [complaint for mutant in mutants if (complaint := mutant.complaint())]
    if stale:
        console.print(*stale, sep="\n")
        return False
    asked = sorted({mutant.tests for mutant in mutants})
    failing = [tests for tests in asked if _run(tests, None) is not Fate.SURVIVED]
    for tests in failing:
        console.print(f"These fail on the code as it is: {' '.join(tests)}")
    if failing:
        return False
    fates = list(_fates(mutants))
    for mutant, fate in fates:
        if fate is not Fate.KILLED:
            console.print(f"{fate.value}: {mutant.says} ({mutant.file})")
    killed = sum(fate is Fate.KILLED for _, fate in fates)
    console.print(f"{killed} of {len(fates)} changes of the services were noticed")
    return killed == len(fates)


def rules() -> bool:
    """Whether enough of mutmut's changes of the rules are noticed. One that makes the tests hang is."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "mutmut", "run"], cwd=ROOT, check=False)
    subprocess.run([sys.executable, "-m", "mutmut", "export-cicd-stats"], cwd=ROOT, check=True)
    found = json.loads((ROOT / "mutants" / "mutmut-cicd-stats.json").read_text())
    killed: float = (found["killed"] + found["timeout"]) / (found["total"] - found["skipped"])
    console.print(f"{killed:.1%} of {found['total']} changes of the rules were noticed; {LEAST_KILLED:.0%} must be")
    return killed >= LEAST_KILLED


def _fates(mutants: list[Mutant]) -> Iterator[tuple[Mutant, Fate]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        fates: Iterable[Fate] = pool.map(Mutant.fate, mutants)
        yield from zip(mutants, track(fates, "Breaking", total=len(mutants), console=console), strict=True)


def _run(tests: tuple[str, ...], path: str | None) -> Fate:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    try:
        ended = subprocess.run(command, cwd=ROOT, env=environment, timeout=PATIENCE_SECONDS, check=False,  # noqa: S603
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    except subprocess.TimeoutExpired:
        return Fate.KILLED
    return {0: Fate.SURVIVED, 1: Fate.KILLED}.get(ended.returncode, Fate.BROKEN)


if __name__ == "__main__":
    sides = {"rules": rules, "services": services}
    sys.exit(0 if sides[sys.argv[1]](*sys.argv[2:]) else 1)
