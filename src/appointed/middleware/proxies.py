"""Who is calling, and by which scheme: the connection says so, and of what proxies say only that of trusted ones.

RFC 7239, and the older `X-Forwarded-For` and `-Proto`. Which of the two the proxy writes is a setting: the other one is
passed on by it as the client sent it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appointed.core.settings import Networks, ProxyHeader, Settings

Address = IPv4Address | IPv6Address
SCHEMES = frozenset({"http", "https"})
# RFC 7239 section 4: `for=192.0.2.60;proto=http`, values quoted where they hold a colon.
_PAIR = re.compile(r'\s*(\w+)=("(?:[^"\\]|\\.)*"|[^;,\s"]*)\s*')


@dataclass(frozen=True, slots=True)
class Hop:
    """Who was connected to a proxy, as the proxy says; None where it says what is no address."""

    address: Address | None
    scheme: str | None


class TrustedProxies:
    """Puts the client's own address and scheme where the rest of the application looks for them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            settings: Settings = scope["app"].state.appointed.settings
            peer = address_of(scope["client"][0]) if scope.get("client") else None
            if peer and _is_in(peer, settings.proxy_networks):
                hops = hops_of(Headers(scope=scope), settings.proxy_header)
                client = outermost(peer, hops, settings.proxy_networks)
                scope["client"], scope["scheme"] = (str(client.address), 0), client.scheme or scope["scheme"]
        await self.app(scope, receive, send)


def outermost(peer: Address, hops: Sequence[Hop], trusted: Networks) -> Hop:
    """From our end of the chain, the first hop that is no trusted proxy: what stands before it may be invented."""
    found = Hop(peer, None)
    for hop in reversed(hops):
        if hop.address is None:
            break
        found = Hop(hop.address, hop.scheme or found.scheme)
        if not _is_in(hop.address, trusted):
            break
    return found


def hops_of(headers: Headers, kind: ProxyHeader) -> list[Hop]:
    """What the proxies wrote, the one next to us last."""
    if kind is ProxyHeader.FORWARDED:
        return [_hop_of(element) for element in _elements(headers, "forwarded")]
    scheme = _scheme_of(",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2])
    addresses = [address_of(each) for each in _elements(headers, "x-forwarded-for")]
    return [Hop(address, scheme) for address in addresses]


def _elements(headers: Headers, name: str) -> Iterator[str]:
    """The members of a list that may be spread over several lines; a comma between quotes is part of a member."""
    for line in headers.getlist(name):
        yield from re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', line)


def _hop_of(element: str) -> Hop:
    pairs = {name.lower(): value.strip('"') for name, value in _PAIR.findall(element)}
    return Hop(address_of(pairs.get("for", "")), _scheme_of(pairs.get("proto", "")))


def _scheme_of(text: str) -> str | None:
    scheme = text.strip().lower()
    return scheme if scheme in SCHEMES else None


def address_of(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` and `[2001:db8::1]:80`; None for anything else."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
