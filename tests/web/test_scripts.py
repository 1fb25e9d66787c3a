"""The pages' scripts: they put text in as text, keep nothing, listen to nobody, and make no code."""

import re
from pathlib import Path

import httpx
import pytest

from appointed.web import pages

# What makes code or markup of text, what is kept after the page is closed, what other windows are heard by, and what
# puts names that somebody else has chosen into objects.
NEVER = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval|Function|setTimeout|setInterval"
    r"|localStorage|sessionStorage|indexedDB|caches|cookie|postMessage|onmessage|\"message\"|__proto__|prototype"
    r"|Object\.assign|importScripts)\b"
)
SCRIPTS = sorted(path.name for path in (Path(pages.__file__).parent / "static").glob("*.js"))


def test_the_check_sees_what_it_looks_for() -> None:
    assert SCRIPTS == ["link.js", "passkey.js"]
    assert NEVER.search('box.innerHTML = "x"')


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_script_does_none_of_it(name: str, client: httpx.AsyncClient, sqlite_database: object) -> None:
    answer = await client.get(f"/static/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert NEVER.findall(answer.text) == []
    assert not re.search(r"https?://|\bimport\b", answer.text)
