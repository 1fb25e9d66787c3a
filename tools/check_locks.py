"""Do the lock files agree with pyproject.toml: everything in them, pinned, hashed, and no address anywhere?"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")


def complaints() -> list[str]:
    """What is wrong, a line each; nothing when all is well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    mysql = [*runtime, *project["project"]["optional-dependencies"]["mysql"]]
    locks = {
        "requirements.lock": runtime,
        "requirements-mysql.lock": mysql,
        "requirements-dev.lock": [*mysql, *project["dependency-groups"]["dev"]],
    }
    return [complaint for name, wanted in locks.items() for complaint in _wrong_with(name, wanted)]


def _wrong_with(name: str, wanted: list[str]) -> list[str]:
    text = (ROOT / name).read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    pinned = {canonicalize_name(m[1]): m[2] for entry in entries if (m := PINNED.match(entry))}
    found = [f"{name}: {entry.split()[0]} has no hash" for entry in entries if "--hash=sha256:" not in entry]
    found += [f"{name}: names an address" for _ in re.findall(r"https?://|--index|--find-links", text)]
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            found.append(f"{name}: has {requirement.name} {version}, pyproject.toml wants {requirement}")
    return found


if __name__ == "__main__":
    wrong = complaints()
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    sys.exit(bool(wrong))
