"""A zip of JSON files; pure."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

FOLDER = "patient"


def packed(files: Mapping[str, Any], now: datetime) -> bytes:
    """Each as `patient/<name>.json`, for people to read as well as for programs."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, said in files.items():
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}.json", now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, json.dumps(said, ensure_ascii=False, indent=2, default=_plain))
    return content.getvalue()


def counts(files: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    return {f"{name}.json": len(rows) for name, rows in files.items()}


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
