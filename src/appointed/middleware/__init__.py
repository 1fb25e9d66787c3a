"""What wraps every request, from the outside in; also what the framework itself answers passes through it."""

from collections.abc import Callable

from starlette.types import ASGIApp

from .cors import Cors
from .deadline import Deadline
from .headers import SecurityHeaders
from .limits import RateLimits
from .measuring import Measured
from .problems import ProblemPages
from .proxies import TrustedProxies
from .requests import RequestLog, TrailingSlash

__all__ = ["edge"]


# From the inside out.
LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = (
    RateLimits, Deadline, ProblemPages, Cors, SecurityHeaders, RequestLog, Measured, TrustedProxies, TrailingSlash,
)  # fmt: skip


def edge(app: ASGIApp) -> ASGIApp:
    """The application behind everything that has nothing to do with what is asked."""
    for layer in LAYERS:
        app = layer(app)
    return app
