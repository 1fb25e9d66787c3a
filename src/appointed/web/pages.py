"""Pages: templates shown with headers that let nothing in but the clinic's own scripts and styles."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from appointed.core.errors import AppError, Field, Kind, NotFound, Unavailable
from appointed.deps import Visitor
from appointed.deps.errors import headers_of, is_recorded
from appointed.deps.pages import set_cookie

STATIC = "/static"
HEADERS = {
    "Content-Security-Policy": "; ".join([
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'",
        "base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data:",
    ]),
    "Referrer-Policy": "no-referrer",
}  # fmt: skip
# With `no-referrer` a browser keeps from us, too, which page a form was sent from.
WITH_FORMS = HEADERS | {"Referrer-Policy": "same-origin"}

_templates = Environment(loader=PackageLoader("appointed.web"), autoescape=True, undefined=StrictUndefined)


def static_files() -> StaticFiles:
    """What the pages load; mounted at `STATIC`."""
    return StaticFiles(packages=[("appointed.web", "static")])


def page(template: str, **values: Any) -> HTMLResponse:
    """The page that `template` makes of the values, escaped."""
    return HTMLResponse(_templates.get_template(template).render(values), headers=HEADERS)


def form_page(
    template: str,
    visitor: Visitor,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Field] = (),
    **values: Any,
) -> HTMLResponse:
    """A page whose forms are the visitor's alone; what was wrong with the last try stands above and at the fields.

    A fault without a name is about no field.
    """
    said = {fault.name: fault.detail for fault in reversed(faults)}
    html = _templates.get_template(template).render(
        values, clinic_name=visitor.settings.clinic_name, form_token=visitor.form_token, faults=faults, said=said,
        is_logged_in=visitor.actor is not None,
    )  # fmt: skip
    answer = HTMLResponse(html, status, headers={**WITH_FORMS, **(headers or {})})
    if visitor.is_new:
        set_cookie(answer, visitor.settings, visitor.cookie)
    return answer


async def refused(
    request: Request, error: AppError, template: str, visitor: Visitor, *, at: str, detail: str | None = None,
    **values: Any,
) -> HTMLResponse:  # fmt: skip
    """The form once more, with what was refused, in other words if need be; it is recorded as any other refusal is."""
    if not await is_recorded(request, error):
        raise Unavailable("The refusal could not be recorded.") from error
    faults = error.fields or (Field(at, error.code, detail or error.detail),)
    # 401 is for what a header could mend (RFC 9110 section 15.5.2), which no form can.
    kind = Kind.INVALID if error.kind is Kind.UNAUTHENTICATED else error.kind
    return form_page(template, visitor, status=kind.value, headers=headers_of(error) if kind is error.kind else None,
                     faults=faults, **values)  # fmt: skip


def problem_page(problem: Mapping[str, Any], clinic_name: str) -> HTMLResponse:
    """A problem document in words."""
    said = {name: problem[name] for name in ("title", "detail", "code")}
    if said["code"] == NotFound.code:
        said["detail"] = "There is nothing at this address, or nothing that you may see."
    html = _templates.get_template("problem.html").render(said, clinic_name=clinic_name, faults=())
    return HTMLResponse(html, problem["status"], headers=HEADERS)
