"""Breaks the code on purpose and sees whether the tests notice.

`mutants.py rules` has mutmut change the pure rules (pyproject.toml, tool.mutmut) and asks for at least 85 % noticed.
`mutants.py services [WORD]` makes the changes listed in tests/mutants.toml, one at a time in a copy of the source, and
asks that each be noticed; with a word, only those whose description has it. AT_ONCE says how many copies are tried side
by side; else it is half of the cores.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
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
AT_ONCE = int(os.environ.get("AT_ONCE") or max(1, (os.cpu_count() or 1) // 2))
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
            return _run(self.tests, Path(folder))


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
    asked = sorted({test for mutant in mutants for test in mutant.tests})
    if _run(asked, SOURCE.parent, is_shown=True) is not Fate.SURVIVED:
        console.print("The tests must pass on the code as it is")
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


def _run(tests: Sequence[str], source: Path, *, is_shown: bool = False) -> Fate:
    """Run them on the package that lies in `source`, wherever the one is that is installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(source)}
    output = None if is_shown else subprocess.DEVNULL
    try:
        ended = subprocess.run(command, cwd=ROOT, env=environment, timeout=PATIENCE_SECONDS, check=False,  # noqa: S603
                               stdout=output, stderr=output)  # fmt: skip
    except subprocess.TimeoutExpired:
        return Fate.KILLED
    return {0: Fate.SURVIVED, 1: Fate.KILLED}.get(ended.returncode, Fate.BROKEN)


if __name__ == "__main__":
    sides = {"rules": rules, "services": services}
    sys.exit(0 if sides[sys.argv[1]](*sys.argv[2:]) else 1)
