"""`/auth/authorize`: where an app sends people who are to let it in (RFC 6749 section 4.1.1)."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from appointed.accounts import queries
from appointed.accounts.scopes import granted, in_words
from appointed.deps import ClockDep, PageActor, PageRoute, ReadSessionDep, SessionDep, SettingsDep, VisitorDep
from appointed.oauth import authorizing
from appointed.oauth.rules import origin_of
from appointed.oauth.schemas import AuthorizeAsk, AuthorizeForm

from .pages import HEADERS, form_page

router = APIRouter(prefix="/auth/authorize", route_class=PageRoute, include_in_schema=False)


@router.get("", response_class=HTMLResponse)
async def show_consent(
    ask: Annotated[AuthorizeAsk, Query()], actor: PageActor, visitor: VisitorDep, session: ReadSessionDep
) -> Response:
    """Who wants to be let in, and for what; or back to them, if they asked wrongly."""
    asked = ask.asked()
    client = await authorizing.app_of(session, asked)
    if error := authorizing.refusal_of(client, asked):
        return RedirectResponse(authorizing.sent_back(asked, issuer=visitor.settings.issuer, error=error), 303)
    # What is said yes to is what is shown, whatever more the app may ask for by then.
    asked = replace(asked, scope=granted(asked.scope, client.scope.split()) or "")
    return form_page(
        "consent.html", visitor, headers=_letting_go_to(asked.redirect_uri), app_name=client.name, asked=asked,
        allowed=in_words(asked.scope), user=await queries.get(session, actor.user_id),
        days=visitor.settings.refresh_token_days,
    )  # fmt: skip


@router.post("/decide", response_class=HTMLResponse)
async def decide(
    form: Annotated[AuthorizeForm, Form()],
    actor: PageActor,
    session: SessionDep,
    settings: SettingsDep,
    clock: ClockDep,
) -> Response:
    """Back to the app, with a code or without."""
    address = await authorizing.authorize(session, actor, form.asked(), is_allowed=form.decision == "allow",
                                          issuer=settings.issuer, now=clock.now())  # fmt: skip
    return RedirectResponse(address, 303)


def _letting_go_to(redirect_uri: str) -> dict[str, str]:
    """Browsers hold the page's policy against where the answer to its form sends them, too."""
    ours, name = "form-action 'self'", "Content-Security-Policy"
    return {name: HEADERS[name].replace(ours, f"{ours} {origin_of(redirect_uri)}")}
