"""The pages that mailed links lead to: an invitation, a new password, an address to be confirmed."""

import re
from typing import NamedTuple

import httpx
import pytest

from .test_join import POLICY, Elements


class Link(NamedTuple):
    """A page, where its form goes, and the fields in it."""

    path: str
    action: str
    fields: set[str]


LINKS = (
    Link("/join", "/patients/join", {"code", "password", "show"}),
    Link("/reset-password", "/auth/password-reset/confirm", {"code", "password", "show"}),
    Link("/confirm-email", "/auth/email-confirmation/confirm", {"code"}),
)
each = pytest.mark.parametrize("link", LINKS, ids=lambda link: link.path)


@each
async def test_the_page_is_for_everybody_and_lets_nothing_foreign_in(
    link: Link, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    answer = await client.get(link.path)
    assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    page = Elements(answer.text)
    assert [script["src"] for script in page.named("script")] == ["/static/link.js"]
    assert (await client.get("/static/link.js")).status_code == 200


@each
async def test_a_script_that_fails_does_not_put_what_was_typed_into_the_address(
    link: Link, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    page = Elements((await client.get(link.path)).text)
    (form,) = page.named("form")
    assert (form["method"], form["action"]) == ("post", link.action)
    assert "disabled" in page.named("button")[0]
    assert {field["id"] for field in page.named("input")} == link.fields


@each
async def test_the_script_knows_the_pages_elements(
    link: Link, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    page, script = (await client.get(link.path)).text, (await client.get("/static/link.js")).text
    ids = {attributes["id"] for _, attributes, _ in Elements(page).found if "id" in attributes}
    named = set(re.findall(r'byId\("([\w-]+)"\)', script))
    named |= set(re.findall(r'"([\w-]+)"', re.search(r"= \[([^\]]+)\]\.map\(byId\)", script)[1]))  # type: ignore[index]
    assert named <= ids
    assert named >= {"form", "code", "asked", "done"}
    assert set(re.findall(r"form\.elements\.(\w+)", script)) == {"password", "show"}


@each
async def test_the_page_has_words_for_a_link_that_is_spent(
    link: Link, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    (form,) = Elements((await client.get(link.path)).text).named("form")
    spent = await client.post(link.action, json={"code": "nothing", **({"password": "a long sentence"} if
                              "password" in link.fields else {})})  # fmt: skip
    assert spent.json()["code"] == form["data-spent-code"]
    assert "used, has expired, or is not complete" in str(form["data-spent"])
