"""A refusal is a problem document for programs, and a page for who looks at pages."""

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appointed.core.problems import MEDIA_TYPE
from appointed.deps import PageRoute
from appointed.web.pages import problem_page

# What is said of the document does not hold for the page.
_OF_THE_DOCUMENT = ("content-type", "content-length", "www-authenticate")


class ProblemPages:
    """Shows the problem documents that a page's route answers with as pages, and those of no route to a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def send_page(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_problem(message) and _is_for_people(scope):
                held = message
            elif held:
                clinic_name = scope["app"].state.appointed.settings.clinic_name
                answer = problem_page(json.loads(message["body"]), clinic_name)
                kept = MutableHeaders(raw=list(held["headers"]))
                for name in _OF_THE_DOCUMENT:
                    del kept[name]
                answer.raw_headers += kept.raw
                held = None
                await answer(scope, receive, send)
            else:
                await send(message)

        await self.app(scope, receive, send_page)


def _is_problem(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE


def _is_for_people(scope: Scope) -> bool:
    """Of what is no route's to answer, what it wants to be answered with says who asks: programs do not name HTML."""
    route = scope.get("route")
    if isinstance(route, PageRoute) and scope["method"] in (route.methods or ()):
        return True
    is_nobodys = route is None or isinstance(route, PageRoute)
    return is_nobodys and "text/html" in Headers(scope=scope).get("accept", "")
