"""The version of a thing, as `ETag` in answers and `If-Match` in requests (RFC 9110 section 13.1.1)."""

import re
from typing import Annotated

from fastapi import Depends, Header


def etag_of(version: int) -> str:
    """Weak: the bytes of two answers with one version may differ."""
    return f'W/"{version}"'


async def _version(
    if_match: Annotated[str | None, Header(description="The `ETag` as it was read.", examples=['W/"1"'])] = None,
) -> int | None:
    """The version in `If-Match`; one that no `ETag` of ours can be matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'(?:W/)?"(\d{1,9})"', if_match.strip())
    return int(found[1]) if found else 0


VersionDep = Annotated[int | None, Depends(_version)]
