"""Pages: templates shown with headers that let nothing in but the clinic's own scripts and styles."""

from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

STATIC = "/static"
HEADERS = {
    "Content-Security-Policy": "; ".join([
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'",
        "base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data:",
    ]),
    "Referrer-Policy": "no-referrer",
}  # fmt: skip

_templates = Environment(loader=PackageLoader("appointed.web"), autoescape=True, undefined=StrictUndefined)


def static_files() -> StaticFiles:
    """What the pages load; mounted at `STATIC`."""
    return StaticFiles(packages=[("appointed.web", "static")])


def page(template: str, **values: Any) -> HTMLResponse:
    """The page that `template` makes of the values, escaped."""
    return HTMLResponse(_templates.get_template(template).render(values), headers=HEADERS)
