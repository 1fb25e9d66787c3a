"""Confirming an address: the page that the mailed link leads to."""

import re

import httpx

from .test_join import POLICY, Elements


async def test_the_page_is_for_everybody_and_lets_nothing_foreign_in(
    client: httpx.AsyncClient, sqlite_database: object
) -> None:
    answer = await client.get("/confirm-email")
    assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    page = Elements(answer.text)
    assert [script["src"] for script in page.named("script")] == ["/static/confirm.js"]
    assert (await client.get("/static/confirm.js")).status_code == 200


async def test_a_script_that_fails_does_not_put_the_code_into_the_address(
    client: httpx.AsyncClient, sqlite_database: object
) -> None:
    page = Elements((await client.get("/confirm-email")).text)
    (form,) = page.named("form")
    assert (form["method"], form["action"]) == ("post", "/auth/email-confirmation/confirm")
    assert "disabled" in page.named("button")[0]


async def test_the_script_knows_the_pages_elements(client: httpx.AsyncClient, sqlite_database: object) -> None:
    page, script = (await client.get("/confirm-email")).text, (await client.get("/static/confirm.js")).text
    ids = {attributes["id"] for _, attributes, _ in Elements(page).found if "id" in attributes}
    named = set(re.findall(r'byId\("([\w-]+)"\)', script))
    named |= set(re.findall(r'"([\w-]+)"', re.search(r"= \[([^\]]+)\]\.map\(byId\)", script)[1]))  # type: ignore[index]
    assert named <= ids
    assert named >= {"confirm", "code", "done"}
