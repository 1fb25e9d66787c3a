"""Every route that an application has."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from appointed.deps import PageRoute

# What RFC 6749 and RFC 7009 say how to ask, and how to refuse.
FORMS = frozenset({"POST /auth/token", "POST /auth/revoke"})


def pages_of(app: FastAPI) -> set[str]:
    """The routes that know who asks by a cookie; `tests/web/test_matrix.py` says who may what there."""
    contexts = [each for each in iter_route_contexts(app.routes) if isinstance(each.original_route, PageRoute)]
    return {f"{method} {each.path}" for each in contexts for method in each.methods or ()}


def routes_of(app: FastAPI) -> list[str]:
    """As `GET /patients/{patient_id}`; what serves the files of a folder is `GET /folder/{path}`."""
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Mount):
            found.append(f"GET {context.path}/{{path}}")
        else:
            found += [f"{method} {context.path}" for method in sorted(context.methods or ()) if method != "HEAD"]
    return found
