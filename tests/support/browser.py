"""A browser without JavaScript: it keeps cookies, says where a form comes from, and sends back what the form holds."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx

from .factories import PASSWORD

FORM = re.compile(r'<form [^>]*method="post" action="([^"]+)".*?</form>', re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass(slots=True)
class Browser:
    """`jar` is what the server has set; `shown` is the page that is open."""

    client: httpx.AsyncClient
    jar: dict[str, str] = field(default_factory=dict)
    shown: str = ""
    origin: str = "http://appointed.test"

    async def open(self, path: str, **headers: str) -> httpx.Response:
        return await self._ask("GET", path, headers)

    async def send(self, action: str, **typed: str) -> httpx.Response:
        """The form of the open page that leads there, with what was typed into it."""
        return await self.post(action, {**self.hidden(action), **typed})

    async def post(self, action: str, form: dict[str, str]) -> httpx.Response:
        """Whatever it is, as from a page of ours."""
        return await self._ask("POST", action, {"origin": self.origin}, form)

    def hidden(self, action: str) -> dict[str, str]:
        """What the first form that leads there holds unseen."""
        form = next(found for found in FORM.finditer(self.shown) if unescape(found[1]) == action)
        return {name: unescape(value) for name, value in HIDDEN.findall(form[0])}

    async def log_in(self, email: str, password: str = PASSWORD, path: str = "/login") -> httpx.Response:
        await self.open(path)
        return await self.send("/login", email=email, password=password)

    async def _ask(self, method: str, path: str, headers: dict[str, str], form: Any = None) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = {**({"cookie": cookie} if cookie else {}), **headers}
        answer = await self.client.request(method, path, headers=sent, data=form)
        self.client.cookies.clear()
        for set_cookie in answer.headers.get_list("set-cookie"):
            name, _, rest = set_cookie.partition("=")
            value = rest.partition(";")[0].strip('"')
            self.jar.pop(name, None)
            if value:
                self.jar[name] = value
        self.shown = answer.text
        return answer
