"""Which addresses an app may be sent back to, and how it proves that it is the one that asked (RFC 7636); pure."""

import base64
import hmac
import re
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from urllib.parse import urlencode

CODE_LASTS = timedelta(seconds=60)
# What an app or a machine is given lasts no longer, however long people's own tokens do.
LONGEST_TOKEN = timedelta(minutes=15)
# Some host over TLS, the user's own machine, or an app's own scheme (RFC 8252 sections 7.1 and 7.3). Not `[::1]`: a
# content security policy cannot name it.
REDIRECT_URI = (
    r"^(https://[a-z0-9.\-]+(:[0-9]{1,5})?|http://127\.0\.0\.1(:[0-9]{1,5})?"
    r"|[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+:)(/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*)?(\?[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]*)?$"
)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


class ClientKind(StrEnum):
    APP = "app"
    MACHINE = "machine"


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2, method S256."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def is_challenge(text: str) -> bool:
    return _CHALLENGE.fullmatch(text) is not None


def fits(verifier: str, challenge: str) -> bool:
    return _VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(challenge_of(verifier), challenge)


def origin_of(uri: str) -> str:
    """Where the address leads, as a content security policy names it: `https://app.example.org`, `com.example.app:`."""
    found = re.match(r"https?://[^/?]+", uri)
    return found[0] if found else f"{uri.partition(':')[0]}:"


def with_parameters(uri: str, **parameters: str | None) -> str:
    """The address with these in its query, beside what stands there."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"
