"""What wraps every request, from the outside in; also what the framework itself answers passes through it."""

from starlette.types import ASGIApp

from .cors import Cors
from .deadline import Deadline
from .headers import SecurityHeaders
from .limits import RateLimits
from .problems import ProblemPages
from .proxies import TrustedProxies
from .requests import RequestLog, TrailingSlash

__all__ = ["edge"]


def edge(app: ASGIApp) -> ASGIApp:
    """The application behind everything that has nothing to do with what is asked."""
    for layer in (RateLimits, Deadline, ProblemPages, Cors, SecurityHeaders, RequestLog, TrustedProxies, TrailingSlash):
        app = layer(app)
    return app
