"""What an installed copy is made of, as a CycloneDX 1.6 document: the libraries of a lock, to look up holes in them."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# The image and any installation on MySQL have these; all others have fewer.
LOCK = ROOT / "requirements-mysql.lock"
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(;[^\\]*)?")


def bill_of(lock: str) -> dict[str, Any]:
    """The document for the text of a lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = re.split(r"\n(?=\S)", lock)
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "application", "name": project["name"], "version": project["version"]}},
        "components": [_component(entry, found) for entry in entries if (found := PINNED.match(entry))],
    }  # fmt: skip


def _component(entry: str, found: re.Match[str]) -> dict[str, Any]:
    """Hashes are those of all its files, of which one is installed. What only some machines need is optional."""
    name, version, marker = canonicalize_name(found[1]), found[2], found[3]
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version,
        "scope": "optional" if marker else "required",
        "hashes": [{"alg": "SHA-256", "content": each} for each in re.findall(r"--hash=sha256:(\w+)", entry)],
    }  # fmt: skip


if __name__ == "__main__":
    json.dump(bill_of(LOCK.read_text()), sys.stdout, indent=1)
