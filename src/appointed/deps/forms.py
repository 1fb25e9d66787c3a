"""Forms of our own pages told from what other pages make a browser send: by where it comes from, and by a token."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.requests import Request

from appointed.core.errors import AppError, Kind
from appointed.core.settings import Settings

FIELD = "form_token"
PORTS = {"http": 80, "https": 443}


class CrossSite(AppError):
    """Whether the origin or the token was wrong is nobody's business but ours."""

    code = "cross_site"
    kind = Kind.FORBIDDEN
    detail = "This did not come from a page of ours, or the page was open for too long. Open it again and repeat it."


def token_of(settings: Settings, cookie: str) -> str:
    """What a form holds, bound to the cookie of the browser that it was shown to; nobody else can make it."""
    mac = hmac.digest(settings.secret_key.get_secret_value().encode(), f"appointed:form:{cookie}".encode(), sha256)
    return urlsafe_b64encode(mac).decode().rstrip("=")


def check_form(request: Request, settings: Settings, cookie: str, token: object) -> None:
    """`CrossSite` unless the request comes from one of our pages, and that page was shown to this browser."""
    said = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""
    is_bound = hmac.compare_digest(token_of(settings, cookie).encode(), said)
    if not (is_bound and is_same_origin(request, settings)):
        raise CrossSite


def is_same_origin(request: Request, settings: Settings) -> bool:
    """By `Origin` (RFC 6454) and `Sec-Fetch-Site`: what a browser says of them must be right, and it must say one.

    Our own origin is `PUBLIC_URL`'s and the one that the request was sent to, which no page can choose for another.
    """
    origins, sites = request.headers.getlist("origin"), request.headers.getlist("sec-fetch-site")
    own = {origin_of(settings.public_url), origin_of(f"{request.url.scheme}://{request.headers.get('host', '')}")}
    # A page that may not say where it stands says "null".
    named = [origin for origin in origins if origin != "null"]
    is_said = bool(named or sites)
    return is_said and set(named) <= own and set(sites) <= {"same-origin"}


def origin_of(url: str) -> str | None:
    """As browsers write it: without the port that the scheme has anyway. None for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != PORTS[parts.scheme] else "")
