"""Swagger UI and ReDoc, from assets that a package carries: they work with no internet access and let nothing in."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/api-docs-assets"
_REDIRECT = "/docs/oauth2-redirect"
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_api_pages(app: FastAPI) -> None:
    """`/docs` and `/redoc`. They never change while the application runs."""
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="api-docs-assets")
    swagger = guarded(get_swagger_ui_html(
        openapi_url="/openapi.json", title=app.title, oauth2_redirect_url=_REDIRECT,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js", swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    ))  # fmt: skip
    redoc = guarded(get_redoc_html(
        openapi_url="/openapi.json", title=app.title, with_google_fonts=False,
        redoc_js_url=f"{ASSETS}/redoc.standalone.js", redoc_favicon_url=f"{ASSETS}/favicon.png",
    ))  # fmt: skip
    for path, page in (("/docs", swagger), (_REDIRECT, guarded(get_swagger_ui_oauth2_redirect_html())),
                       ("/redoc", redoc)):  # fmt: skip
        _add(app, path, page)


def guarded(page: HTMLResponse) -> HTMLResponse:
    """The page with a policy that lets in this host's own files and just those inline scripts that stand in it.

    Both viewers set styles as they go, draw with `data:` images, and ReDoc searches in a worker made of a `blob:`.
    """
    scripts = [_source_of(script) for script in _INLINE.findall(bytes(page.body).decode())]
    page.headers["Content-Security-Policy"] = "; ".join([
        "default-src 'none'", " ".join(["script-src 'self'", *scripts]), "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:", "font-src 'self' data:", "connect-src 'self'", "worker-src 'self' blob:",
        "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
    ])  # fmt: skip
    return page


def _source_of(script: str) -> str:
    """An inline script as a policy names it (CSP level 3 section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _add(app: FastAPI, path: str, page: HTMLResponse) -> None:
    @app.get(path, include_in_schema=False)
    async def show() -> HTMLResponse:
        return page
