"""What a request says of where it comes from counts only when a trusted proxy wrote it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from appointed.core.settings import Settings
from appointed.middleware.proxies import TrustedProxies, address_of

from ..support.fixtures import settings_of

PROXIES = "10.0.0.0/8, 127.0.0.1, fd00::/8"
FOR, PROTO, RFC = "x-forwarded-for", "x-forwarded-proto", "forwarded"
INVENTED = [
    (FOR, "203.0.113.66"),
    (PROTO, "https"),
    (RFC, "for=203.0.113.66;proto=https"),
    ("x-real-ip", "203.0.113.66"),
]

# The proxy next to us, what it wrote, and who is calling by which scheme.
WRITTEN = [
    ("10.0.0.1", [(FOR, "198.51.100.7")], "198.51.100.7", "http"),
    ("10.0.0.1", [(FOR, "198.51.100.7"), (PROTO, "https")], "198.51.100.7", "https"),
    ("10.0.0.1", [(FOR, "203.0.113.66, 198.51.100.7"), (PROTO, "https")], "198.51.100.7", "https"),
    ("10.0.0.1", [(FOR, "203.0.113.66"), (FOR, "198.51.100.7, 10.9.9.9")], "198.51.100.7", "http"),
    ("10.0.0.1", [(FOR, "10.1.1.1, 10.2.2.2")], "10.1.1.1", "http"),
    ("10.0.0.1", [(FOR, "198.51.100.7, somewhere, 10.2.2.2")], "10.2.2.2", "http"),
    ("10.0.0.1", [(FOR, "unknown")], "10.0.0.1", "http"),
    ("10.0.0.1", [(FOR, "[2001:db8::1]:4711"), (PROTO, "gopher")], "2001:db8::1", "http"),
    ("fd00::5", [(FOR, "2001:db8::1"), (PROTO, "http, https")], "2001:db8::1", "https"),
    ("::ffff:10.0.0.1", [(FOR, "::ffff:198.51.100.7")], "198.51.100.7", "http"),
    ("10.0.0.1", [(RFC, "for=203.0.113.66;proto=https")], "10.0.0.1", "http"),
    ("10.0.0.1", [], "10.0.0.1", "http"),
]  # fmt: skip
STANDARD = [
    ("10.0.0.1", [(RFC, 'For="[2001:db8::1]:4711";Proto=https')], "2001:db8::1", "https"),
    ("10.0.0.1", [(RFC, "for=203.0.113.66;proto=http, for=198.51.100.7;proto=https, for=10.3.3.3")],
     "198.51.100.7", "https"),
    ("10.0.0.1", [(RFC, 'for=198.51.100.7;by="a,b"'), (RFC, "for=10.1.1.1;proto=http")], "198.51.100.7", "http"),
    ("10.0.0.1", [(RFC, "for=_hidden;proto=https")], "10.0.0.1", "http"),
    ("10.0.0.1", [(RFC, 'for="198.51.100.7')], "10.0.0.1", "http"),
    ("10.0.0.1", [(FOR, "203.0.113.66"), (PROTO, "https")], "10.0.0.1", "http"),
]  # fmt: skip


async def seen(settings: Settings, peer: str | None, headers: Sequence[tuple[str, str]]) -> tuple[str | None, str]:
    """Whom the application sees behind a connection of `peer`, and by which scheme."""
    found: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def nothing(*_: Any) -> Any:
        return None

    scope = {
        "type": "http", "app": SimpleNamespace(state=SimpleNamespace(appointed=SimpleNamespace(settings=settings))),
        "client": (peer, 4711) if peer else None, "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }  # fmt: skip
    await TrustedProxies(application)(scope, nothing, nothing)
    client = found[0]["client"]
    return client[0] if client else None, found[0]["scheme"]


@pytest.mark.parametrize(("peer", "headers", "client", "scheme"), WRITTEN)
async def test_the_outermost_address_that_is_no_proxy_of_ours_is_the_clients(
    peer: str, headers: list[tuple[str, str]], client: str, scheme: str, tmp_path: Path
) -> None:
    found, by = await seen(settings_of(tmp_path, trusted_proxies=PROXIES), peer, headers)
    assert (address_of(str(found)), by) == (address_of(client), scheme)


@pytest.mark.parametrize(("peer", "headers", "client", "scheme"), STANDARD)
async def test_the_standard_header_is_read_where_it_is_the_one_that_the_proxy_writes(
    peer: str, headers: list[tuple[str, str]], client: str, scheme: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, trusted_proxies=PROXIES, proxy_header="forwarded")
    assert await seen(settings, peer, headers) == (client, scheme)


@pytest.mark.parametrize("kind", ["x-forwarded-for", "forwarded"])
@pytest.mark.parametrize(("proxies", "peer"), [(None, "127.0.0.1"), (None, "10.0.0.1"), (PROXIES, "192.0.2.1"),
                                               (PROXIES, None), (PROXIES, "testclient")])  # fmt: skip
async def test_nobody_else_is_believed(proxies: str | None, peer: str | None, kind: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, trusted_proxies=proxies, proxy_header=kind)
    assert await seen(settings, peer, INVENTED) == (peer, "http")


async def test_only_a_trusted_proxy_can_say_that_it_was_https(
    app: FastAPI, settings: Settings, sqlite_database: object
) -> None:
    said = []
    for proxies in (None, "127.0.0.0/8"):
        object.__setattr__(settings, "trusted_proxies", proxies)
        settings.__dict__.pop("proxy_networks", None)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://clinic.test") as client:
            answer = await client.get("/health/live", headers={FOR: "198.51.100.7", PROTO: "https"})
            said.append("strict-transport-security" in answer.headers)
    assert said == [False, True]


def test_what_is_no_network_is_refused_at_start(tmp_path: Path) -> None:
    for name in ("*", "proxy", "10.0.0.1/8", "10.0.0.0/99"):
        with pytest.raises(ValidationError, match="is no network"):
            settings_of(tmp_path, trusted_proxies=name)
