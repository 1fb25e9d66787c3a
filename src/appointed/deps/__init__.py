"""What a route may ask for."""

from .auth import AnyActor, OptionalActor, ProfileReader, requires
from .idempotency import OnceDep
from .openapi import LOGIN_IS_OPTIONAL, DocumentedApp, refusals
from .pages import PageActor, PageRoute, Visitor, VisitorDep
from .paging import Cursor, Limit, PageOf
from .retry import RetryingRoute
from .session import ReadSessionDep, SessionDep, writing
from .state import ClockDep, HasherDep, SettingsDep, State, StateDep
from .versions import VersionDep, etag_of

__all__ = [
    "LOGIN_IS_OPTIONAL", "AnyActor", "ClockDep", "Cursor", "DocumentedApp", "HasherDep", "Limit", "OnceDep",
    "OptionalActor", "PageActor", "PageOf", "PageRoute", "ProfileReader", "ReadSessionDep", "RetryingRoute",
    "SessionDep", "SettingsDep", "State", "StateDep", "VersionDep", "Visitor", "VisitorDep", "etag_of", "refusals",
    "requires", "writing",
]  # fmt: skip
